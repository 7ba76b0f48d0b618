//! Where the bytes of a model come from: a forward-only stream, so that a file is never held whole.
//!
//! GGUF puts its header first and its tensors in file order, so one pass is enough: the header is parsed from the
//! growing prefix, then each tensor goes to its backend as it arrives.

mod feed;
mod memory;

pub use feed::Feed;
pub use memory::MemoryStream;

#[cfg(not(target_arch = "wasm32"))]
mod file;
#[cfg(not(target_arch = "wasm32"))]
pub use file::FileStream;

use crate::Result;
use futures::future::LocalBoxFuture;

/// A stream of bytes from the start of a file to its end.
pub trait ByteStream {
    /// The total length in bytes, where the source knows it.
    fn size(&self) -> Option<u64>;

    /// The next bytes, a few MiB at most; `None` at the end.
    fn next(&mut self) -> LocalBoxFuture<'_, Result<Option<Vec<u8>>>>;
}
