//! The files of a model that is being loaded: their headers joined into one, then their bytes, file by file.

use super::header::read_header;
use crate::gguf::Header;
use crate::source::{Feed, ModelBytes};
use crate::{Error, Result};

/// The bytes behind the headers.
pub struct Incoming<'a> {
    bytes: &'a dyn ModelBytes,
    /// The file that is open, and its number.
    open: Option<(usize, Feed)>,
    /// Lengths, where they are known.
    sizes: Vec<Option<u64>>,
}

impl<'a> Incoming<'a> {
    /// Reads the headers of all files, and checks that they belong together and that the rest can be read.
    pub async fn headers(bytes: &'a dyn ModelBytes) -> Result<(Header, Incoming<'a>)> {
        let count = bytes.parts();
        let (mut headers, mut sizes, mut open) = (Vec::new(), Vec::new(), None);
        for part in 0..count {
            let of_part = |error: Error| if count > 1 { error.in_part(part, count) } else { error };
            let mut feed = Feed::new(bytes.open(part).await?);
            headers.push(read_header(&mut feed).await.map_err(of_part)?);
            sizes.push(feed.size());
            // A single file goes on from here; of a split one no more than one part is open at a time.
            open = (count == 1).then_some((part, feed));
        }
        Ok((Header::join(headers)?, Incoming { bytes, open, sizes }))
    }

    /// A file, from where it was left or from its start.
    pub(super) async fn part(&mut self, part: usize) -> Result<&mut Feed> {
        if self.open.as_ref().is_none_or(|(open, _)| *open != part) {
            self.open = None;
            self.open = Some((part, Feed::new(self.bytes.open(part).await?)));
        }
        let feed = self.open.as_mut().map(|(_, feed)| feed);
        feed.ok_or_else(|| Error::Internal("no part is open".into()))
    }

    /// How many files there are.
    pub fn parts(&self) -> usize {
        self.sizes.len()
    }

    /// Bytes of the model that have come.
    pub fn loaded(&self) -> u64 {
        let Some((part, feed)) = &self.open else { return 0 };
        self.sizes[..*part].iter().flatten().sum::<u64>() + feed.position()
    }

    /// Bytes of all files, where that is known.
    pub fn total(&self) -> Option<u64> {
        self.sizes.iter().copied().sum()
    }
}
