//! Parquet files as JSON lines, so that what reads data sets need not know of them.
//!
//! Parquet's decoders panic on some damaged files. So a process of its own decodes: whatever ends it is an error in the file.

use crate::exit::{Exit, Stop};
use clap::Args;
use parquet::errors::ParquetError;
use parquet::file::reader::SerializedFileReader;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write, stdout};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

#[derive(Args)]
pub struct ParquetArguments {
    file: PathBuf,
}

/// What such a file begins with.
const MAGIC: [u8; 4] = *b"PAR1";

pub fn is_parquet(path: &Path) -> io::Result<bool> {
    let mut start = [0; MAGIC.len()];
    match File::open(path)?.read_exact(&mut start) {
        Err(e) if e.kind() != io::ErrorKind::UnexpectedEof => Err(e),
        _ => Ok(start == MAGIC),
    }
}

/// Writes the rows to stdout, one JSON object a line. Holds one of them, and the pages that they lie in.
pub fn print(arguments: &ParquetArguments) -> Result<Exit, Stop> {
    let damaged = |e: ParquetError| Stop::Fault(e.to_string());
    let file = File::open(&arguments.file).map_err(|e| Stop::Fault(e.to_string()))?;
    let mut lines = BufWriter::new(stdout().lock());
    for row in SerializedFileReader::new(file).map_err(damaged)? {
        writeln!(lines, "{}", row.map_err(damaged)?.to_json_value()).map_err(|_| Stop::Unread)?;
    }
    lines.flush().map(|()| Exit::Done).map_err(|_| Stop::Unread)
}

/// The lines of a file, read from a process that decodes it.
pub struct Lines {
    process: Child,
    output: ChildStdout,
}

impl Lines {
    pub fn open(path: &Path) -> io::Result<Lines> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg("parquet-lines")
            .arg(path)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let output = process.stdout.take().ok_or_else(|| io::Error::other("a process without an output"))?;
        Ok(Lines { process, output })
    }
}

impl Read for Lines {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.output.read(into)? {
            0 if !into.is_empty() && !self.process.wait()?.success() => {
                Err(io::Error::new(io::ErrorKind::InvalidData, "the Parquet file is damaged"))
            }
            count => Ok(count),
        }
    }
}

impl Drop for Lines {
    /// Who reads no further needs no more lines.
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
