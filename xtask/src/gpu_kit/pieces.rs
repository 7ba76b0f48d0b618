//! Archives, cut into pieces that travel one after the other. kit/kit.py puts them together again.

use crate::repo;
use crate::run::Run;
use crate::stamp::file_hash;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// An archive of a folder.
pub fn archive(content: &Path) -> Result<PathBuf> {
    let archive = content.with_extension("tar.xz");
    Run::new("tar")
        .env("XZ_OPT", "-6 -T0")
        .arg("-C")
        .arg(content)
        .arg("-cJf")
        .arg(&archive)
        .arg(".")
        .run()?;
    Ok(archive)
}

/// Folders that are filled to the brim with archives, one behind the other; each says what it holds in `piece.json`, and has
/// the scripts that take it.
pub struct Pieces {
    folder: PathBuf,
    size: usize,
    number: usize,
    room: usize,
    parts: Vec<Value>,
}

impl Pieces {
    pub fn new(folder: PathBuf, size: usize) -> Pieces {
        Pieces { folder, size, number: 0, room: 0, parts: Vec::new() }
    }

    pub fn add(&mut self, archive: &Path) -> Result<()> {
        let name = archive.file_name().context("an archive has a name")?.to_string_lossy().into_owned();
        let (bytes, sha256) = (fs::metadata(archive)?.len(), file_hash(archive)?);
        let mut reader = fs::File::open(archive)?;
        let mut at = 0;
        while at < bytes {
            if self.room == 0 {
                self.begin()?;
            }
            let mut part = Vec::new();
            (&mut reader).take(self.room as u64).read_to_end(&mut part)?;
            let file = format!("{name}.{at}");
            fs::write(self.here().join(&file), &part)?;
            self.parts
                .push(json!({ "archive": name, "file": file, "at": at, "bytes": bytes, "sha256": sha256 }));
            at += part.len() as u64;
            self.room -= part.len();
        }
        fs::remove_file(archive).with_context(|| format!("removing {}", archive.display()))
    }

    fn here(&self) -> PathBuf {
        self.folder.join(format!("{:02}", self.number))
    }

    /// Ends the piece at hand and begins the next.
    fn begin(&mut self) -> Result<()> {
        self.end()?;
        (self.number, self.room) = (self.number + 1, self.size);
        fs::create_dir_all(self.here()).context("making a piece")
    }

    fn end(&mut self) -> Result<()> {
        if self.number == 0 {
            return Ok(());
        }
        fs::write(self.here().join("piece.json"), Value::from(std::mem::take(&mut self.parts)).to_string())?;
        for script in ["run.sh", "kit.py"] {
            fs::copy(repo::path("kit").join(script), self.here().join(script))?;
        }
        Ok(())
    }

    /// How many there are.
    pub fn finish(mut self) -> Result<usize> {
        self.end()?;
        Ok(self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_are_cut_and_put_together_again() {
        let folder = repo::target().join("tmp/gpu-kit-test");
        let _ = fs::remove_dir_all(&folder);
        let mut pieces = Pieces::new(folder.join("pieces"), 150);
        for name in ["moon", "sun"] {
            let content = folder.join(name);
            fs::create_dir_all(&content).unwrap();
            fs::write(content.join(name), name).unwrap();
            pieces.add(&archive(&content).unwrap()).unwrap();
        }
        let count = pieces.finish().unwrap();
        assert!(count > 2, "{count} pieces");
        let take = |number: usize, expected: &str| {
            let piece = folder.join(format!("pieces/{number:02}"));
            let run = Run::new("sh").arg(piece.join("run.sh")).arg("take").arg(&piece);
            let printed = run.env("KIT", folder.join("there")).output();
            let printed = printed.unwrap_or_else(|error| error.to_string());
            assert!(printed.contains(expected), "{printed}");
        };
        take(1, "missing");
        (2..count).for_each(|number| take(number, "{"));
        take(count, "unpacked");
        for name in ["moon", "sun"] {
            assert_eq!(fs::read_to_string(folder.join("there").join(name)).unwrap(), name);
        }
        // All over again, with a part that broke on its way.
        let broken = folder.join("pieces/01/moon.tar.xz.0");
        let mut bytes = fs::read(&broken).unwrap();
        bytes[40] ^= 1;
        fs::write(broken, bytes).unwrap();
        take(1, "missing");
        take(2, "failed");
    }
}
