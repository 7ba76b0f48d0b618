//! Verdicts on disk, each under the hash of all that it depends on.
//!
//! A line is written at once when a verdict is reached, whatever the order of the rows. So a run that is killed at any point
//! loses no verdict, and what is judged once is not judged again: not under the same hash, in this run or a later one.

use crate::exit::Stop;
use crate::line::head;
use serde::Deserialize;
use std::collections::HashMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

pub struct Journal {
    path: PathBuf,
    file: File,
    /// Where the line of each hash begins, and how long it is.
    places: HashMap<u64, (u64, usize)>,
    end: u64,
}

/// A verdict, or the error in its place, as the text that a line has: reading a number back may change its last bit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    Verdict(String),
    Error(String),
}

impl Stored {
    pub fn verdict(&self) -> Option<&str> {
        match self {
            Stored::Verdict(text) => Some(text),
            Stored::Error(_) => None,
        }
    }

    /// Of a line `{"hash":"…","verdict":…}` or `{"hash":"…","error":…}`.
    fn parse(line: &str, hash: &str) -> Option<Stored> {
        let rest = line.strip_prefix(&head(hash))?.strip_suffix("}\n")?;
        match rest.strip_prefix(",\"verdict\":") {
            Some(verdict) => Some(Stored::Verdict(verdict.into())),
            None => Some(Stored::Error(rest.strip_prefix(",\"error\":")?.into())),
        }
    }
}

/// What a line begins with.
const START: &[u8] = b"{\"hash\":\"";

#[derive(Deserialize)]
struct Head {
    hash: String,
}

impl Journal {
    /// Opens the file, which may be missing. A line that was being written when a run was killed is cut off.
    pub fn open(path: &Path) -> Result<Journal, Stop> {
        let failed = |e: io::Error| fault(path, &e.to_string());
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let file = options.map_err(failed)?;
        // Where a file system knows no locks, nobody can be kept out.
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            return Err(fault(path, "another process is writing to it"));
        }
        let mut journal = Journal { path: path.into(), file, places: HashMap::new(), end: 0 };
        journal.read()?;
        journal.file.set_len(journal.end).map_err(failed)?;
        Ok(journal)
    }

    fn read(&mut self) -> Result<(), Stop> {
        let failed = |e: io::Error| fault(&self.path, &e.to_string());
        let mut lines = BufReader::new(&self.file);
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            lines.read_until(b'\n', &mut line).map_err(failed)?;
            let foreign = || {
                let what = format!("line {number} is none of `lunette`'s: evaluate into another folder");
                Err(fault(&self.path, &what))
            };
            if !line.ends_with(b"\n") {
                // It will be cut off. A file of another kind may have no line break at all, and stays as it is.
                match START.starts_with(&line[..line.len().min(START.len())]) {
                    true => break,
                    false => return foreign(),
                }
            }
            let hash = serde_json::from_slice::<Head>(&line).ok().and_then(|head| hash(&head.hash));
            let Some(hash) = hash else { return foreign() };
            self.places.insert(hash, (self.end, line.len()));
            self.end += line.len() as u64;
        }
        Ok(())
    }

    pub fn get(&mut self, hash: &str) -> Result<Option<Stored>, Stop> {
        let Some(&(start, length)) = self::hash(hash).and_then(|hash| self.places.get(&hash)) else {
            return Ok(None);
        };
        let mut line = vec![0; length];
        let read = self.file.seek(SeekFrom::Start(start)).and_then(|_| self.file.read_exact(&mut line));
        read.map_err(|e| fault(&self.path, &e.to_string()))?;
        let stored = std::str::from_utf8(&line).ok().and_then(|line| Stored::parse(line, hash));
        stored
            .map(Some)
            .ok_or_else(|| fault(&self.path, &format!("the line of {hash} is damaged: delete it")))
    }

    /// Writes a line that begins with its hash, and ends with a line break.
    pub fn put(&mut self, hash: &str, line: &[u8]) -> Result<(), Stop> {
        let failed = |e: io::Error| fault(&self.path, &e.to_string());
        self.file.seek(SeekFrom::Start(self.end)).map_err(failed)?;
        self.file.write_all(line).map_err(failed)?;
        if let Some(hash) = self::hash(hash) {
            self.places.insert(hash, (self.end, line.len()));
        }
        self.end += line.len() as u64;
        Ok(())
    }
}

fn hash(text: &str) -> Option<u64> {
    u64::from_str_radix(text, 16).ok()
}

fn fault(path: &Path, what: &str) -> Stop {
    Stop::Fault(format!("{}: {what}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::line;
    use serde_json::{Map, json};
    use std::fs;

    fn place(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("lunette-journal-{}-{name}", std::process::id()));
        let _ = fs::remove_file(&path);
        path
    }

    fn verdict(journal: &mut Journal, hash: &str) -> Option<String> {
        journal.get(hash).unwrap().map(|stored| stored.verdict().unwrap().to_string())
    }

    fn put(journal: &mut Journal, hash: &str, score: i64) {
        journal.put(hash, &line(hash, Map::new(), &Ok(json!({ "score": score })))).unwrap();
    }

    /// Killed at any byte, the complete lines are there and nothing else is.
    #[test]
    fn what_is_cut_anywhere_keeps_its_complete_lines() {
        let path = place("cut");
        let mut journal = Journal::open(&path).unwrap();
        put(&mut journal, "000000000000000a", 1);
        put(&mut journal, "000000000000000b", 2);
        drop(journal);
        let whole = fs::read(&path).unwrap();
        let first = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        for length in 0..=whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            let mut journal = Journal::open(&path).unwrap();
            let kept = [first, whole.len()].map(|end| length >= end);
            let found =
                ["000000000000000a", "000000000000000b"].map(|hash| verdict(&mut journal, hash).is_some());
            assert_eq!(found, kept, "{length} bytes");
            put(&mut journal, "000000000000000b", 2);
            assert_eq!(verdict(&mut journal, "000000000000000b").unwrap(), r#"{"score":2}"#);
        }
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn files_of_another_kind_stay_whole() {
        let path = place("foreign");
        for text in ["Dear diary,\n", "Dear diary", "{\"scores\":[1]}", "{}"] {
            fs::write(&path, text).unwrap();
            assert!(Journal::open(&path).is_err(), "{text}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_hundred_thousand_lines_are_found_again() {
        const ROWS: u64 = 100_000;
        let path = place("many");
        let mut journal = Journal::open(&path).unwrap();
        let name = |i: u64| format!("{:016x}", i.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        (0..ROWS).for_each(|i| put(&mut journal, &name(i), i as i64));
        drop(journal);
        let mut journal = Journal::open(&path).unwrap();
        for i in (0..ROWS).step_by(997).chain([ROWS - 1]) {
            assert_eq!(verdict(&mut journal, &name(i)).unwrap(), format!(r#"{{"score":{i}}}"#));
        }
        assert_eq!(verdict(&mut journal, &name(ROWS)), None);
        fs::remove_file(&path).unwrap();
    }
}
