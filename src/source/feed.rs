use super::ByteStream;
use crate::{Error, Result};

/// A stream with a look-ahead buffer and a position, for reading a file once from its start to its end.
pub struct Feed {
    stream: Box<dyn ByteStream>,
    buffer: Vec<u8>,
    /// Bytes at the start of `buffer` that were consumed already.
    used: usize,
    position: u64,
}

impl Feed {
    pub fn new(stream: Box<dyn ByteStream>) -> Feed {
        Feed { stream, buffer: Vec::new(), used: 0, position: 0 }
    }

    /// The length of the whole, where the source knows it.
    pub fn size(&self) -> Option<u64> {
        self.stream.size()
    }

    /// Where the first unconsumed byte stands in the file.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The bytes that have arrived and are not consumed.
    pub fn available(&self) -> &[u8] {
        &self.buffer[self.used..]
    }

    /// Waits for more bytes; `false` at the end of the stream.
    pub async fn more(&mut self) -> Result<bool> {
        let Some(chunk) = self.stream.next().await? else { return Ok(false) };
        if self.used == self.buffer.len() {
            self.buffer = chunk;
        } else {
            self.buffer.drain(..self.used);
            self.buffer.extend_from_slice(&chunk);
        }
        self.used = 0;
        Ok(true)
    }

    /// Waits until `n` bytes are available.
    pub async fn require(&mut self, n: usize, what: &str) -> Result<()> {
        while self.available().len() < n {
            if !self.more().await? {
                let end = self.position + self.available().len() as u64;
                return Err(Error::Truncated(format!("{end} bytes came, and {what} needs more")));
            }
        }
        Ok(())
    }

    /// Marks `n` available bytes as consumed.
    pub fn consume(&mut self, n: usize) {
        debug_assert!(n <= self.available().len());
        self.used += n;
        self.position += n as u64;
    }

    /// Consumes everything before byte `offset` of the file.
    pub async fn skip_to(&mut self, offset: u64, what: &str) -> Result<()> {
        while self.position < offset {
            self.require(1, what).await?;
            let n = (offset - self.position).min(self.available().len() as u64);
            self.consume(n as usize);
        }
        Ok(())
    }
}
