use super::ByteStream;
use crate::Result;
use futures::future::LocalBoxFuture;

/// Bytes already in memory, given out in pieces.
pub struct MemoryStream {
    bytes: Vec<u8>,
    position: usize,
    chunk: usize,
}

impl MemoryStream {
    pub fn new(bytes: Vec<u8>) -> MemoryStream {
        MemoryStream { bytes, position: 0, chunk: 4 << 20 }
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
        Box::pin(std::future::ready(Ok(piece)))
    }
}
