//! Records that follow each other: JSON lines, and tables of fields.

use super::json;
use super::limit::{Limited, MOST, too_long};
use super::row::{BadRow, Record};
use serde_json::{Map, Value};
use std::cell::Cell;
use std::io::{self, BufRead, Read};
use std::ops::ControlFlow;
use std::rc::Rc;

type Each<'a> = &'a mut dyn FnMut(Result<Record, BadRow>) -> ControlFlow<()>;

/// One JSON object a line; blank lines are no rows.
pub fn json_lines(mut input: impl BufRead, each: Each<'_>) -> io::Result<()> {
    let mut bytes = Vec::new();
    for line in 1.. {
        bytes.clear();
        if input.by_ref().take(MOST + 1).read_until(b'\n', &mut bytes)? == 0 {
            return Ok(());
        }
        let ended = bytes.ends_with(b"\n");
        if bytes.len() as u64 > MOST && !ended {
            input.skip_until(b'\n')?;
            if each(Err(BadRow::new(line, too_long()))).is_break() {
                return Ok(());
            }
            // What a long line took is given back.
            bytes = Vec::new();
            continue;
        }
        let text = bytes.trim_ascii();
        if text.is_empty() {
            continue;
        }
        let record = match json::object(text) {
            Ok(fields) => Ok(Record { line, fields, list: None }),
            Err(why) if !ended && why.contains("EOF") => {
                Err(BadRow::new(line, format!("the file ends within the row: {why}")))
            }
            Err(why) => Err(BadRow::new(line, why)),
        };
        if each(record).is_break() {
            return Ok(());
        }
        if bytes.capacity() > 1 << 20 {
            bytes = Vec::new();
        }
    }
    Ok(())
}

/// A table with a header, as RFC 4180 has it: quoted fields may hold separators, quotes and line breaks.
pub fn table(input: impl BufRead, delimiter: u8, each: Each<'_>) -> io::Result<()> {
    let (limited, progress) = Limited::new(input);
    let (watched, ending) = Ending::new(limited, delimiter);
    // The reader looks this far ahead.
    const AHEAD: u64 = 64 << 10;
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .buffer_capacity(AHEAD as usize)
        .from_reader(watched);
    let mut header = None;
    loop {
        progress.allow(MOST + AHEAD);
        let start = reader.position().line();
        let mut fields = csv::ByteRecord::new();
        match reader.read_byte_record(&mut fields) {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(error) => {
                return too_long_or(error, |why| {
                    let why =
                        format!("{why}, as if a quote were never closed; nothing behind it can be read");
                    let _ = each(Err(BadRow::new(start, why)));
                });
            }
        }
        // Behind a `\r\n` the parser has not yet seen the `\n`.
        let behind = u64::from(header.is_some() && ending.returns.get() == Some(true));
        let line = fields.position().map_or(0, csv::Position::line) + behind;
        let Some(names) = &header else {
            match names(&fields) {
                Ok(names) => header = Some(names),
                Err(why) => {
                    let _ = each(Err(BadRow::new(line, format!("the header: {why}"))));
                    return Ok(());
                }
            }
            continue;
        };
        let record = match ending.unclosed() {
            true => Err(BadRow::new(line, "the file ends within a quoted field")),
            false => record(names, &fields, line),
        };
        if each(record).is_break() {
            return Ok(());
        }
    }
}

fn too_long_or(error: csv::Error, report: impl FnOnce(String)) -> io::Result<()> {
    match error.into_kind() {
        csv::ErrorKind::Io(error) if error.kind() == io::ErrorKind::FileTooLarge => {
            report(error.to_string());
            Ok(())
        }
        csv::ErrorKind::Io(error) => Err(error),
        other => Err(io::Error::other(format!("{other:?}"))),
    }
}

fn names(header: &csv::ByteRecord) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    for (index, name) in header.iter().enumerate() {
        let name = std::str::from_utf8(name).map_err(|_| "it is not UTF-8: save the table as UTF-8")?;
        let name = match name.trim() {
            "" => format!("column {}", index + 1),
            name => name.to_string(),
        };
        if names.contains(&name) {
            return Err(format!("the column {name:?} is there twice: rename one"));
        }
        names.push(name);
    }
    Ok(names)
}

fn record(names: &[String], fields: &csv::ByteRecord, line: u64) -> Result<Record, BadRow> {
    if fields.len() != names.len() {
        let counts = format!("it has {} fields and the header {}", fields.len(), names.len());
        return Err(BadRow::new(line, counts));
    }
    let mut record = Map::new();
    for (name, field) in names.iter().zip(fields) {
        let text = std::str::from_utf8(field)
            .map_err(|_| BadRow::new(line, format!("`{name}` is not UTF-8: save the table as UTF-8")))?;
        record.insert(name.clone(), Value::from(text));
    }
    Ok(Record { line, fields: record, list: None })
}

/// Where a table stands, byte by byte. The parser takes an open quote at the end for a closed one, so a file that was cut
/// within a field would lose the field's end in silence.
#[derive(Clone, Default)]
struct Ending {
    place: Rc<Cell<Place>>,
    /// Whether the end of the file was read.
    met: Rc<Cell<bool>>,
    /// Whether the first line ends with `\r\n`; `None` before its end.
    returns: Rc<Cell<Option<bool>>>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    #[default]
    FieldStart,
    Bare,
    Quoted,
    /// Behind a quote within a quoted field: it ends the field, or is the first of two that stand for one.
    Quote,
    Return,
}

struct Watched<R> {
    inner: R,
    delimiter: u8,
    ending: Ending,
}

impl Ending {
    fn new<R: Read>(inner: R, delimiter: u8) -> (Watched<R>, Ending) {
        let ending = Ending::default();
        (Watched { inner, delimiter, ending: ending.clone() }, ending)
    }

    /// Whether the last record lacks its end; the parser looks for it behind the end of the file.
    fn unclosed(&self) -> bool {
        self.met.get() && self.place.get() == Place::Quoted
    }
}

impl Place {
    fn behind(self, byte: u8, delimiter: u8) -> Place {
        match (self, byte) {
            (Place::FieldStart | Place::Return | Place::Quote, b'"') => Place::Quoted,
            (Place::Quoted, b'"') => Place::Quote,
            (Place::Quoted, _) => Place::Quoted,
            (_, b'\r') => Place::Return,
            (_, b'\n') => Place::FieldStart,
            (_, byte) if byte == delimiter => Place::FieldStart,
            _ => Place::Bare,
        }
    }
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        let Watched { ending, delimiter, .. } = self;
        ending.met.set(read == 0);
        let mut place = ending.place.get();
        for &byte in &into[..read] {
            if byte == b'\n' && place != Place::Quoted && ending.returns.get().is_none() {
                ending.returns.set(Some(place == Place::Return));
            }
            place = place.behind(byte, *delimiter);
        }
        ending.place.set(place);
        Ok(read)
    }
}
