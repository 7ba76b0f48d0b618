//! The GGUF container (ggml's `docs/gguf.md`), versions 2 and 3, little-endian: header, metadata, tensor table.
//!
//! A [`Header`] is parsed from a growing prefix of the file, so that a model is known, and refused where it must be,
//! before its weights are fetched. Every count and length in a file is a claim: it is checked against what could be
//! true before anything is allocated for it.

mod foreign;
mod metadata;
mod reader;
mod split;
mod tensor;
mod write;

pub use metadata::{Metadata, Value};
pub use tensor::TensorInfo;
pub use write::{Data, Writer};

use crate::{Error, Result};
use reader::{Reader, Stop};
use std::collections::HashMap;

/// The largest header that is read. The largest vocabulary published (262,144 tokens) needs some 10 MiB.
pub const MAX_HEADER_BYTES: usize = 128 << 20;
const MAX_TENSORS: u64 = 1 << 16;
const MAX_KEYS: u64 = 1 << 16;
const MAX_ALIGNMENT: u64 = 1 << 16;
/// The format's own limit for keys.
const MAX_NAME_BYTES: u64 = (1 << 16) - 1;
/// In all arrays together: an element takes up to 32 times its bytes in the file once it is a [`Value`]. The largest
/// vocabulary published needs 1.3 million, its merges included.
const MAX_ELEMENTS: u64 = 1 << 22;

/// What a file says of itself before its tensor data.
#[derive(Debug, Clone)]
pub struct Header {
    pub version: u32,
    pub metadata: Metadata,
    /// In order of their data in the file, or in those that the model is split over.
    pub tensors: Vec<TensorInfo>,
    /// Where tensor data begins, in bytes from the start of the (first) file.
    pub data_start: u64,
    by_name: HashMap<String, usize>,
}

impl Header {
    /// Parses the start of a file. `Ok(None)`: the prefix is too short to tell, give more bytes. What a file is that is no GGUF is
    /// told best from its first 512 bytes.
    pub fn parse(prefix: &[u8]) -> Result<Option<Header>> {
        if !prefix.starts_with(b"GGUF")
            && let Some(what) = foreign::describe(prefix)
        {
            return Err(Error::ForeignFile(what));
        }
        match Self::read(&mut Reader::new(prefix)) {
            Ok(header) => Ok(Some(header)),
            Err(Stop::Short) if prefix.len() > MAX_HEADER_BYTES => {
                Err(Error::InvalidFile(format!("its header is larger than {} MiB", MAX_HEADER_BYTES >> 20)))
            }
            Err(Stop::Short) => Ok(None),
            Err(Stop::Invalid(why)) => Err(Error::InvalidFile(why)),
        }
    }

    fn read(r: &mut Reader) -> Result<Header, Stop> {
        if r.bytes(4)? != b"GGUF" {
            return Err(Stop::Invalid("it does not begin with the letters GGUF".into()));
        }
        let version = r.u32()?;
        match version {
            2 | 3 => {}
            1 => return Err(Stop::Invalid("it is GGUF version 1, which has been replaced".into())),
            v if (1..=3).contains(&v.swap_bytes()) => return Err(Stop::Invalid(foreign::BIG_ENDIAN.into())),
            v => return Err(Stop::Invalid(format!("its version is {v}; versions 2 and 3 are known"))),
        }
        let tensor_count = r.count("tensors", MAX_TENSORS)?;
        let key_count = r.count("metadata keys", MAX_KEYS)?;
        let metadata = Metadata::read(r, key_count)?;
        let alignment = match metadata.u64("general.alignment") {
            None => 32,
            Some(a) if a.is_power_of_two() && a <= MAX_ALIGNMENT => a,
            Some(a) => return Err(Stop::Invalid(format!("its alignment is {a}"))),
        };
        let mut tensors = Vec::new();
        for _ in 0..tensor_count {
            tensors.push(TensorInfo::read(r, alignment)?);
        }
        let data_start = (r.position() as u64).next_multiple_of(alignment);
        tensor::place(&mut tensors, data_start)?;
        let by_name: HashMap<_, _> = tensors.iter().enumerate().map(|(i, t)| (t.name.clone(), i)).collect();
        if by_name.len() != tensors.len() {
            return Err(Stop::Invalid("two of its tensors have the same name".into()));
        }
        Ok(Header { version, metadata, tensors, data_start, by_name })
    }

    pub fn tensor(&self, name: &str) -> Option<&TensorInfo> {
        self.by_name.get(name).map(|&i| &self.tensors[i])
    }

    /// Bytes of the file (of all files) up to the end of the last tensor whose type is known, their headers but for the first
    /// not counted.
    pub fn bytes(&self) -> u64 {
        self.data_start + self.tensors.iter().filter_map(|tensor| tensor.bytes().ok()).sum::<u64>()
    }

    /// Fails with the first tensor whose type cannot be read, and checks the table against the length of the file
    /// where that is known.
    pub fn check(&self, file_len: Option<u64>) -> Result<()> {
        for tensor in &self.tensors {
            let end = tensor.offset + tensor.bytes()?;
            match file_len {
                Some(len) if end > len => {
                    return Err(Error::Truncated(format!(
                        "tensor \"{}\" should end at byte {end}, but the file has {len} bytes",
                        tensor.name
                    )));
                }
                _ => {}
            }
        }
        Ok(())
    }
}
