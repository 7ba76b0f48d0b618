//! Where the bytes of a model come from: forward-only streams, so that a file is never held whole.
//!
//! GGUF puts its header first and its tensors in file order, so one pass is enough: the header is parsed from the
//! growing prefix, then each tensor goes to its backend as it arrives. A model whose device was lost is read again, which
//! is why a source is not a stream but what opens one ([`ModelBytes`]).

mod feed;
mod hash;
mod memory;

pub use feed::Feed;
pub use hash::ResumableSha256;
pub use memory::{MemoryModel, MemoryStream};

#[cfg(not(target_arch = "wasm32"))]
mod file;
#[cfg(not(target_arch = "wasm32"))]
pub use file::{FileModel, FileStream};

use crate::Result;
use futures::future::LocalBoxFuture;

/// A stream of bytes from the start of a file to its end.
pub trait ByteStream {
    /// The total length in bytes, where the source knows it.
    fn size(&self) -> Option<u64>;

    /// The next bytes, a few MiB at most; `None` at the end.
    fn next(&mut self) -> LocalBoxFuture<'_, Result<Option<Vec<u8>>>>;
}

/// A model's bytes: one file, or the parts of a split one. They can be opened again at any time.
pub trait ModelBytes {
    /// How many files there are.
    fn parts(&self) -> usize;

    /// The bytes of a file, from its first on; `part` counts from 0.
    fn open(&self, part: usize) -> LocalBoxFuture<'_, Result<Box<dyn ByteStream>>>;
}
