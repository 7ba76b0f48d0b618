//! Resuming: the output file of an earlier run.

use crate::exit::Stop;
use crate::gate::{Gate, Tally};
use crate::line::head;
use crate::rows::Row;
use futures::stream::{Peekable, Stream, StreamExt};
use lunette::eval::run::Fingerprint;
use serde::Deserialize;
use serde_json::Value;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::pin::Pin;

/// The file is not changed before all of its lines are known to answer rows of this run.
pub struct Past {
    path: PathBuf,
    file: File,
    /// Where the last complete line ends.
    end: u64,
}

/// A line of the file, as far as it matters here.
#[derive(Deserialize)]
struct Written {
    hash: String,
    verdict: Option<Value>,
}

impl Past {
    /// Opens the file, which may be missing.
    pub fn open(path: &Path) -> Result<Past, Stop> {
        let failed = |e: io::Error| fault(path, &e.to_string());
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let mut file = options.map_err(failed)?;
        // Where a file system knows no locks, nobody can be kept out.
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            return Err(fault(path, "another process is writing to it"));
        }
        let end = complete(&mut file).map_err(failed)?;
        Ok(Past { path: path.into(), file, end })
    }

    /// Takes from `rows` those that the file answers, counts them, and returns the file to write the others to.
    pub async fn catch_up<S>(
        mut self,
        rows: Pin<&mut Peekable<S>>,
        fingerprint: &Fingerprint,
        gate: &Gate,
        tally: &mut Tally,
    ) -> Result<File, Stop>
    where
        S: Stream<Item = io::Result<Row>>,
    {
        self.check(rows, fingerprint, gate, tally).await?;
        let failed = |e: io::Error| fault(&self.path, &e.to_string());
        self.file.set_len(self.end).map_err(failed)?;
        self.file.seek(SeekFrom::End(0)).map_err(failed)?;
        Ok(self.file)
    }

    async fn check<S>(
        &mut self,
        mut rows: Pin<&mut Peekable<S>>,
        fingerprint: &Fingerprint,
        gate: &Gate,
        tally: &mut Tally,
    ) -> Result<(), Stop>
    where
        S: Stream<Item = io::Result<Row>>,
    {
        let failed = |e: io::Error| fault(&self.path, &e.to_string());
        self.file.rewind().map_err(failed)?;
        let mut file = BufReader::new(&self.file);
        let mut lines = file.by_ref().take(self.end);
        for number in 1.. {
            let mut bytes = Vec::new();
            if lines.read_until(b'\n', &mut bytes).map_err(failed)? == 0 {
                break;
            }
            let written: Written = serde_json::from_slice(&bytes)
                .map_err(|e| fault(&self.path, &format!("line {number} is none of `lunette`'s: {e}")))?;
            let row = rows.next().await.ok_or_else(|| {
                fault(&self.path, &format!("line {number} answers a row that the input does not have"))
            })?;
            if fingerprint.of(&row.map_err(unreadable)?.text) != written.hash {
                return Err(changed(&self.path, number));
            }
            tally.count(written.verdict.as_ref(), gate);
            tally.resumed += 1;
        }
        let mut torn = Vec::new();
        file.read_to_end(&mut torn).map_err(failed)?;
        if torn.is_empty() {
            return Ok(());
        }
        // An unfinished last line is cut off only if it begins as the next line would: it could be another file.
        let next = match rows.as_mut().peek().await {
            Some(Ok(row)) => head(&fingerprint.of(&row.text)).into_bytes(),
            _ => return Err(fault(&self.path, "it ends in a line that answers no row of the input")),
        };
        match torn.starts_with(&next) || next.starts_with(&torn) {
            true => Ok(()),
            false => Err(changed(&self.path, tally.resumed + 1)),
        }
    }
}

/// Reading stdin has failed.
pub fn unreadable(error: io::Error) -> Stop {
    Stop::Fault(format!("the input cannot be read: {error}"))
}

fn fault(path: &Path, what: &str) -> Stop {
    Stop::Fault(format!("{}: {what}", path.display()))
}

fn changed(path: &Path, number: u64) -> Stop {
    fault(
        path,
        &format!(
            "line {number} answers another row, or the same under another task, rubric, model, option or version. \
             Resume with what the file was begun with, or write to another file."
        ),
    )
}

/// Where the last complete line ends.
fn complete(file: &mut File) -> io::Result<u64> {
    const PIECE: u64 = 64 << 10;
    let mut end = file.seek(SeekFrom::End(0))?;
    while end > 0 {
        let start = end.saturating_sub(PIECE);
        file.seek(SeekFrom::Start(start))?;
        let mut piece = Vec::new();
        file.by_ref().take(end - start).read_to_end(&mut piece)?;
        if let Some(at) = piece.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}
