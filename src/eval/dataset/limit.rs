//! A reader that knows its line, and how much of a row is left.

use std::cell::Cell;
use std::io::{self, BufRead, Read};
use std::rc::Rc;

/// Bytes of a row: more than any model could read.
pub const MOST: u64 = 64 << 20;

/// How far a [`Limited`] reader has come. Clones share it.
#[derive(Clone, Default)]
pub struct Progress {
    line: Rc<Cell<u64>>,
    left: Rc<Cell<u64>>,
}

impl Progress {
    /// The line of the next byte, counted from 1.
    pub fn line(&self) -> u64 {
        self.line.get() + 1
    }

    /// A row begins: it may be this long.
    pub fn allow(&self, bytes: u64) {
        self.left.set(bytes);
    }
}

/// Fails where a row goes on beyond what it may have, so that no row takes memory without bound.
pub struct Limited<R> {
    inner: R,
    progress: Progress,
}

impl<R: BufRead> Limited<R> {
    pub fn new(inner: R) -> (Limited<R>, Progress) {
        let progress = Progress::default();
        progress.allow(MOST);
        (Limited { inner, progress: progress.clone() }, progress)
    }
}

impl<R: BufRead> Read for Limited<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = self.progress.left.get();
        if left == 0 && !self.inner.fill_buf()?.is_empty() {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, too_long()));
        }
        let most = into.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let read = self.inner.read(&mut into[..most])?;
        let lines = into[..read].iter().filter(|byte| **byte == b'\n').count() as u64;
        self.progress.line.set(self.progress.line.get() + lines);
        self.progress.left.set(left - read as u64);
        Ok(read)
    }
}

pub fn too_long() -> String {
    format!("the row is longer than {} MiB", MOST >> 20)
}
