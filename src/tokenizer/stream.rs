/// Turns the bytes of tokens into text as they come, holding back a character until it is complete.
#[derive(Debug, Default)]
pub struct TextStream {
    pending: Vec<u8>,
}

impl TextStream {
    /// The text that is complete now. Bytes that cannot be UTF-8 become U+FFFD.
    pub fn push(&mut self, bytes: &[u8]) -> String {
        self.pending.extend_from_slice(bytes);
        let mut text = String::with_capacity(self.pending.len());
        let mut incomplete = 0;
        let mut chunks = self.pending.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            text.push_str(chunk.valid());
            match std::str::from_utf8(chunk.invalid()) {
                Ok(_) => {}
                // More bytes may complete what stands at the end.
                Err(error) if error.error_len().is_none() && chunks.peek().is_none() => {
                    incomplete = chunk.invalid().len();
                }
                Err(_) => text.push('\u{fffd}'),
            }
        }
        self.pending.drain(..self.pending.len() - incomplete);
        text
    }

    /// What is left at the end: U+FFFD for a character that never became complete.
    pub fn finish(&mut self) -> String {
        let text = String::from_utf8_lossy(&self.pending).into_owned();
        self.pending.clear();
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_wait_until_they_are_complete() {
        let mut stream = TextStream::default();
        let moon = "🌙".as_bytes();
        assert_eq!(stream.push(&moon[..3]), "");
        assert_eq!(stream.push(&moon[3..]), "🌙");
        assert_eq!(stream.push(b"a\xffb"), "a\u{fffd}b");
        assert_eq!(stream.push(b"\xf0c\xf0\x9f"), "\u{fffd}c");
        assert_eq!(stream.push(b"\x8cd"), "\u{fffd}d");
        assert_eq!(stream.push(&moon[..2]), "");
        assert_eq!(stream.finish(), "\u{fffd}");
    }
}
