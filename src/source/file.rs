use super::ByteStream;
use crate::{Error, Result};
use futures::future::LocalBoxFuture;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Bytes per read: large enough for the disk, small enough to stay out of the way.
const CHUNK: usize = 4 << 20;

/// A file on disk.
pub struct FileStream {
    file: File,
    len: u64,
}

impl FileStream {
    pub fn open(path: impl AsRef<Path>) -> Result<FileStream> {
        let path = path.as_ref();
        let failed = |e: std::io::Error| Error::Source(format!("{}: {e}", path.display()));
        let file = File::open(path).map_err(failed)?;
        let len = file.metadata().map_err(failed)?.len();
        Ok(FileStream { file, len })
    }
}

impl ByteStream for FileStream {
    fn size(&self) -> Option<u64> {
        Some(self.len)
    }

    fn next(&mut self) -> LocalBoxFuture<'_, Result<Option<Vec<u8>>>> {
        let mut chunk = Vec::with_capacity(CHUNK);
        let read = (&mut self.file).take(CHUNK as u64).read_to_end(&mut chunk);
        Box::pin(std::future::ready(match read {
            Ok(0) => Ok(None),
            Ok(_) => Ok(Some(chunk)),
            Err(e) => Err(Error::Source(e.to_string())),
        }))
    }
}
