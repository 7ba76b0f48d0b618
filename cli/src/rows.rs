//! Rows as they come in: lines that are read ahead, some at a time.

use crate::arguments::Shard;
use futures::SinkExt;
use futures::channel::mpsc::{Receiver, channel};
use std::io::{self, BufRead, Read};

/// Bytes of a line that are kept: more than any model could read.
const MOST: usize = 64 << 20;

/// A line that is not blank.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    /// Without the white space around it.
    pub text: Vec<u8>,
    /// `false`: the line was longer than can be read, and `text` is its beginning.
    pub whole: bool,
}

/// The shard's rows of `input`, read by a thread that is at most `ahead` rows in advance.
pub fn read(input: impl BufRead + Send + 'static, shard: Shard, ahead: usize) -> Receiver<io::Result<Row>> {
    let (mut sender, receiver) = channel(ahead);
    std::thread::spawn(move || {
        for row in rows(input, shard) {
            // Whoever has stopped listening needs no more.
            if pollster::block_on(sender.send(row)).is_err() {
                return;
            }
        }
    });
    receiver
}

/// The shard's rows of `input`.
pub fn rows(mut input: impl BufRead, shard: Shard) -> impl Iterator<Item = io::Result<Row>> {
    let lines = std::iter::from_fn(move || line(&mut input, MOST).transpose());
    let mut index = 0;
    lines.filter(move |line| {
        let Ok(row) = line else { return true };
        if row.text.is_empty() {
            return false;
        }
        index += 1;
        shard.holds(index - 1)
    })
}

/// The next line, or `None` at the end.
fn line(input: &mut impl BufRead, most: usize) -> io::Result<Option<Row>> {
    let mut bytes = Vec::new();
    if input.by_ref().take(most as u64 + 1).read_until(b'\n', &mut bytes)? == 0 {
        return Ok(None);
    }
    let whole = bytes.len() <= most || bytes.ends_with(b"\n");
    if !whole {
        bytes.truncate(most);
        input.skip_until(b'\n')?;
    }
    // What some editors write at the beginning of a text.
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes).trim_ascii();
    Ok(Some(Row { text: text.to_vec(), whole }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(input: &str, shard: &str) -> Vec<String> {
        rows(input.as_bytes(), shard.parse().unwrap())
            .map(|row| String::from_utf8(row.unwrap().text).unwrap())
            .collect()
    }

    #[test]
    fn blank_lines_are_no_rows() {
        assert_eq!(texts("\u{feff}a\r\n\n  \n b\nc", "0/1"), ["a", "b", "c"]);
        assert_eq!(texts("a\n\nb\nc\n", "1/2"), ["b"]);
        assert_eq!(texts("", "0/1"), [""; 0]);
    }

    #[test]
    fn long_lines_are_cut_and_the_next_is_whole() {
        let mut input = "abcdef\nabc\nabcd".as_bytes();
        let mut next = || line(&mut input, 3).unwrap().map(|row| (row.text, row.whole));
        assert_eq!(next(), Some((b"abc".into(), false)));
        assert_eq!(next(), Some((b"abc".into(), true)));
        assert_eq!(next(), Some((b"abc".into(), false)));
        assert_eq!(next(), None);
    }
}
