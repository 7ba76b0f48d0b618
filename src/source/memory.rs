use super::{ByteStream, ModelBytes};
use crate::{Error, Result};
use futures::future::LocalBoxFuture;
use std::future::ready;
use std::rc::Rc;

/// Bytes already in memory, given out in pieces.
pub struct MemoryStream {
    bytes: Rc<Vec<u8>>,
    position: usize,
    chunk: usize,
}

/// Bytes per piece unless the caller says otherwise.
const CHUNK: usize = 4 << 20;

impl MemoryStream {
    pub fn new(bytes: impl Into<Rc<Vec<u8>>>) -> MemoryStream {
        MemoryStream { bytes: bytes.into(), position: 0, chunk: CHUNK }
    }

    /// Gives out at most `chunk` bytes at a time.
    pub fn with_chunk(mut self, chunk: usize) -> MemoryStream {
        self.chunk = chunk.max(1);
        self
    }
}

impl ByteStream for MemoryStream {
    fn size(&self) -> Option<u64> {
        Some(self.bytes.len() as u64)
    }

    fn next(&mut self) -> LocalBoxFuture<'_, Result<Option<Vec<u8>>>> {
        let end = (self.position + self.chunk).min(self.bytes.len());
        let piece = (end > self.position).then(|| self.bytes[self.position..end].to_vec());
        self.position = end;
        Box::pin(ready(Ok(piece)))
    }
}

/// A model whose files are in memory.
pub struct MemoryModel {
    parts: Vec<Rc<Vec<u8>>>,
    chunk: usize,
}

impl MemoryModel {
    pub fn new(bytes: Vec<u8>) -> MemoryModel {
        MemoryModel::split(vec![bytes])
    }

    /// The parts of a split model, in order.
    pub fn split(parts: Vec<Vec<u8>>) -> MemoryModel {
        MemoryModel { parts: parts.into_iter().map(Rc::new).collect(), chunk: CHUNK }
    }

    /// Gives out at most `chunk` bytes at a time.
    pub fn with_chunk(mut self, chunk: usize) -> MemoryModel {
        self.chunk = chunk;
        self
    }
}

impl ModelBytes for MemoryModel {
    fn parts(&self) -> usize {
        self.parts.len()
    }

    fn open(&self, part: usize) -> LocalBoxFuture<'_, Result<Box<dyn ByteStream>>> {
        let stream =
            self.parts.get(part).map(|bytes| MemoryStream::new(bytes.clone()).with_chunk(self.chunk));
        let stream = stream.ok_or_else(|| Error::Internal(format!("the model has no part {part}")));
        Box::pin(ready(stream.map(|stream| Box::new(stream) as Box<dyn ByteStream>)))
    }
}
