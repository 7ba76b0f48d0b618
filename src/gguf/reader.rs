//! Reading little-endian values from a prefix that may end anywhere.

/// Why reading stopped.
#[derive(Debug)]
pub(super) enum Stop {
    /// The prefix ended; more bytes may help.
    Short,
    /// No more bytes can help.
    Invalid(String),
}

pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes, position: 0 }
    }

    pub fn position(&self) -> usize {
        self.position
    }

    pub fn bytes(&mut self, n: usize) -> Result<&'a [u8], Stop> {
        let end = self.position.checked_add(n).ok_or(Stop::Short)?;
        let slice = self.bytes.get(self.position..end).ok_or(Stop::Short)?;
        self.position = end;
        Ok(slice)
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Stop> {
        let mut out = [0; N];
        out.copy_from_slice(self.bytes(N)?);
        Ok(out)
    }

    pub fn u32(&mut self) -> Result<u32, Stop> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub fn u64(&mut self) -> Result<u64, Stop> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A number of things, refused where it is beyond `limit`.
    pub fn count(&mut self, what: &str, limit: u64) -> Result<u64, Stop> {
        match self.u64()? {
            n if n <= limit => Ok(n),
            n => Err(Stop::Invalid(format!("it claims {n} {what}; {limit} is the most that can be right"))),
        }
    }

    pub fn string(&mut self) -> Result<String, Stop> {
        self.text("bytes of text", super::MAX_HEADER_BYTES as u64)
    }

    /// The name of a key or a tensor, which is repeated in messages.
    pub fn name(&mut self) -> Result<String, Stop> {
        self.text("bytes of a name", super::MAX_NAME_BYTES)
    }

    fn text(&mut self, what: &str, limit: u64) -> Result<String, Stop> {
        let len = self.count(what, limit)?;
        Ok(String::from_utf8_lossy(self.bytes(len as usize)?).into_owned())
    }
}
