use super::{ByteStream, ModelBytes};
use crate::{Error, Result};
use futures::future::LocalBoxFuture;
use std::fs::File;
use std::future::ready;
use std::io::Read;
use std::path::{Path, PathBuf};

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
        Box::pin(ready(match read {
            Ok(0) => Ok(None),
            Ok(_) => Ok(Some(chunk)),
            Err(e) => Err(Error::Source(e.to_string())),
        }))
    }
}

/// A model on disk: a file, or several that are named `….00001-of-00003.gguf` and so on.
pub struct FileModel {
    parts: Vec<PathBuf>,
}

impl FileModel {
    /// The model in the file `path`. Where its name says that it is the first part of several, the others lie beside it.
    pub fn open(path: impl AsRef<Path>) -> Result<FileModel> {
        let path = path.as_ref();
        let Some((stem, number, count)) = part_of(path) else {
            return Ok(FileModel { parts: vec![path.into()] });
        };
        let part = |number: usize| path.with_file_name(format!("{stem}-{number:05}-of-{count:05}.gguf"));
        if number != 1 {
            return Err(Error::InvalidArgument(format!(
                "{} is part {number} of {count}: name the first part, {}; the others are found beside it",
                path.display(),
                part(1).display()
            )));
        }
        let parts: Vec<PathBuf> = (1..=count).map(part).collect();
        match parts.iter().find(|part| !part.is_file()) {
            Some(missing) => Err(Error::Source(format!(
                "{} is the first of {count} parts, and {} is missing beside it",
                path.display(),
                missing.display()
            ))),
            None => Ok(FileModel { parts }),
        }
    }

    /// The files, in order.
    pub fn paths(&self) -> &[PathBuf] {
        &self.parts
    }
}

/// What the name of a part of a split file begins with, its number and the number of parts.
fn part_of(path: &Path) -> Option<(&str, usize, usize)> {
    let name = path.file_name()?.to_str()?.strip_suffix(".gguf")?;
    let (rest, count) = name.rsplit_once("-of-")?;
    let (stem, number) = rest.rsplit_once('-')?;
    let five = |digits: &str| (digits.len() == 5).then(|| digits.parse().ok()).flatten();
    let (number, count) = (five(number)?, five(count)?);
    (1..=count).contains(&number).then_some((stem, number, count))
}

impl ModelBytes for FileModel {
    fn parts(&self) -> usize {
        self.parts.len()
    }

    fn open(&self, part: usize) -> LocalBoxFuture<'_, Result<Box<dyn ByteStream>>> {
        let path =
            self.parts.get(part).ok_or_else(|| Error::Internal(format!("the model has no part {part}")));
        let stream = path.and_then(FileStream::open);
        Box::pin(ready(stream.map(|stream| Box::new(stream) as Box<dyn ByteStream>)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_known_by_their_names() {
        let table = [
            ("models/x-00001-of-00003.gguf", Some(("x", 1, 3))),
            ("a-b-00002-of-00002.gguf", Some(("a-b", 2, 2))),
            ("x-00004-of-00003.gguf", None),
            ("x-00000-of-00003.gguf", None),
            ("x-1-of-3.gguf", None),
            ("x-00001-of-00003.bin", None),
            ("x.gguf", None),
        ];
        for (path, expected) in table {
            assert_eq!(part_of(Path::new(path)), expected, "{path}");
        }
    }
}
