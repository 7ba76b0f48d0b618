//! Data to be judged: rows out of JSON lines, JSON, CSV and TSV, one at a time.
//!
//! A [`Dataset`] opens its file anew for every pass and holds one row at a time, at most 64 MiB of it. What cannot be read
//! is a [`BadRow`] in its place, with its line and the reason.

mod column;
mod field;
mod format;
mod json;
pub mod label;
mod limit;
mod lines;
mod prompt_text;
mod row;
mod shape;
mod text;

pub use field::{Columns, Field, parse as parse_map};
pub use format::Format;
pub use row::{BadRow, Labels, Record, Row};
pub use shape::Shape;

use crate::{Error, Result};
use column::Draft;
use json::Place;
use serde_json::{Map, Value};
use std::io::{self, BufRead};
use std::ops::ControlFlow;
use std::sync::Arc;

/// Opens the file from its beginning.
type Open = Arc<dyn Fn() -> io::Result<Box<dyn BufRead>> + Send + Sync>;

/// A file with rows.
#[derive(Clone)]
pub struct Dataset {
    open: Open,
    format: Format,
    /// Of JSON.
    place: Option<Place>,
    shape: Shape,
    map: Columns,
}

impl Dataset {
    /// Recognizes the file's format (unless it is given) and its shape. `name` is the file's, `map` says what columns mean
    /// whose names do not.
    pub fn new(
        open: impl Fn() -> io::Result<Box<dyn BufRead>> + Send + Sync + 'static,
        name: &str,
        format: Option<Format>,
        map: Columns,
    ) -> Result<Dataset> {
        let open: Open = Arc::new(open);
        let opened = || open().map_err(|e| Error::InvalidArgument(format!("{name} cannot be read: {e}")));
        let failed = |e: io::Error| Error::InvalidArgument(format!("{name} cannot be read: {e}"));
        let format = format.map_or_else(|| format::recognize(opened()?, name), Ok)?;
        let place = match format {
            Format::Json => json::find(without_mark(opened()?)),
            _ => None,
        };
        let mut dataset = Dataset { open: open.clone(), format, place, shape: Shape::Columns, map };
        if format == Format::Json && dataset.place.is_none() {
            // A file with a single row has no list.
            dataset.format = Format::Jsonl;
            if dataset.first().map_err(failed)?.is_none() {
                return Err(Error::InvalidArgument(format!(
                    "{name} holds no rows: JSON is an array of objects, or an object with such an array (or JSON lines, one object a line)"
                )));
            }
        }
        let first = dataset.first().map_err(failed)?;
        if let Some(first) = first {
            dataset.shape = Shape::of(&first.fields);
            dataset.check(name, &first.fields)?;
        }
        Ok(dataset)
    }

    pub fn format(&self) -> Format {
        self.format
    }

    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Where each field of a row comes from, in words, by its first record that can be read.
    pub fn columns(&self) -> io::Result<Vec<(String, String)>> {
        let Some(first) = self.first()? else { return Ok(Vec::new()) };
        let named = self.is_mapped() || self.shape == Shape::Columns;
        let mut columns = if named { column::guess(&first.fields) } else { Columns::new() };
        columns.extend(self.map.clone());
        Ok(columns.into_iter().map(|(field, names)| (field.to_string(), names.join(" + "))).collect())
    }

    /// Hands on every row in its order, until `each` breaks. Fails only where the file itself cannot be read any more.
    pub fn rows(
        &self,
        each: &mut dyn FnMut(std::result::Result<Row, BadRow>) -> ControlFlow<()>,
    ) -> io::Result<()> {
        self.rows_from(0, each)
    }

    /// The same, from the row with the number `first` on. Those before it are passed over.
    pub fn rows_from(
        &self,
        first: u64,
        each: &mut dyn FnMut(std::result::Result<Row, BadRow>) -> ControlFlow<()>,
    ) -> io::Result<()> {
        let mut before = 0..first;
        self.records(&mut |record| match before.next() {
            Some(_) => ControlFlow::Continue(()),
            None => each(record.and_then(|record| self.row(record))),
        })
    }

    /// The rows' records, as they stand in the file.
    pub fn records(
        &self,
        each: &mut dyn FnMut(std::result::Result<Record, BadRow>) -> ControlFlow<()>,
    ) -> io::Result<()> {
        let input = without_mark((self.open)()?);
        match (self.format, &self.place) {
            (Format::Csv, _) => lines::table(input, b',', each),
            (Format::Tsv, _) => lines::table(input, b'\t', each),
            (Format::Json, Some(place)) => json::read(input, place, each),
            _ => lines::json_lines(input, each),
        }
    }

    fn first(&self) -> io::Result<Option<Record>> {
        let mut first = None;
        self.records(&mut |record| match record {
            Ok(record) => {
                first = Some(record);
                ControlFlow::Break(())
            }
            Err(_) => ControlFlow::Continue(()),
        })?;
        Ok(first)
    }

    /// Whether the map names what is judged: then the names of the other columns count, and not the shape.
    fn is_mapped(&self) -> bool {
        [Field::Response, Field::ResponseA, Field::ResponseB].iter().any(|field| self.map.contains_key(field))
    }

    /// A column that a table does not have is a slip. Objects may leave out what has no value.
    fn check(&self, name: &str, fields: &Map<String, Value>) -> Result<()> {
        if !matches!(self.format, Format::Csv | Format::Tsv) {
            return Ok(());
        }
        for (field, columns) in &self.map {
            if let Some(column) = columns.iter().find(|column| !fields.contains_key(*column)) {
                let there: Vec<&str> = fields.keys().map(String::as_str).collect();
                return Err(Error::InvalidArgument(format!(
                    "`map.{field}` is {column:?}, and {name} has no such column; it has {}",
                    there.join(", ")
                )));
            }
        }
        Ok(())
    }

    fn row(&self, record: Record) -> std::result::Result<Row, BadRow> {
        let bad = |why: String| BadRow { line: record.line, id: None, reason: why };
        let shape = if self.is_mapped() { Shape::Columns } else { self.shape };
        let draft = shape.read(&record).and_then(|draft| draft.read(&record, &self.map)).map_err(bad)?;
        self.complete(&record, draft)
    }

    fn complete(&self, record: &Record, draft: Draft) -> std::result::Result<Row, BadRow> {
        let pair = draft.task.contains_key(&Field::ResponseA) || draft.task.contains_key(&Field::ResponseB);
        let systems = draft.systems(pair);
        let Draft { task: mut fields, id, group, slice, labels, .. } = draft;
        let needed: &[Field] = match pair {
            true => &[Field::Input, Field::ResponseA, Field::ResponseB],
            false => &[Field::Input, Field::Response],
        };
        if let Some(missing) = needed.iter().find(|field| !fields.contains_key(*field)) {
            let reason = match self.map.get(missing) {
                Some(columns) => {
                    format!("it has no `{}`, which the map names for `{missing}`", columns.join("`, `"))
                }
                None => {
                    let there: Vec<&str> = record.fields.keys().take(20).map(String::as_str).collect();
                    format!(
                        "nothing in it is known as `{missing}`: name its column with a map, such as {missing}=NAME (it has {})",
                        there.join(", ")
                    )
                }
            };
            return Err(BadRow { line: record.line, id, reason });
        }
        if pair {
            fields.remove(&Field::Response);
        }
        let task = fields.into_iter().map(|(field, value)| (field.to_string(), value)).collect();
        let slice = slice.or_else(|| record.list.clone());
        Ok(Row { line: record.line, id, group, slice, systems, task, labels })
    }
}

/// Passes over what some editors write at the beginning of a text.
fn without_mark(mut input: Box<dyn BufRead>) -> Box<dyn BufRead> {
    if input.fill_buf().is_ok_and(|bytes| bytes.starts_with(b"\xef\xbb\xbf")) {
        input.consume(3);
    }
    input
}
