//! Files of rows, for JavaScript.

use super::convert::{argument, plain, thrown};
use crate::eval::dataset::{BadRow, Columns, Dataset, Format, Row};
use crate::{Error, Result};
use js_sys::{Array, Object, Reflect, Uint8Array};
use send_wrapper::SendWrapper;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io::{self, BufReader, Read};
use std::ops::ControlFlow;
use std::rc::Rc;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** A file that is read at once. Fewer bytes than asked for are its end. */
export interface RowSource { read(at: number, length: number): Uint8Array }
"#;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(typescript_type = "RowSource")]
    pub type HostFile;
    #[wasm_bindgen(method, catch)]
    fn read(this: &HostFile, at: f64, length: usize) -> std::result::Result<Uint8Array, JsValue>;
}

/// Bytes of a file that are asked for at once.
const PIECE: usize = 1 << 20;
/// Characters of the rows that are handed over at once. Every batch passes over the rows before it, so batches grow with them:
/// the whole takes a small multiple of the time of one pass.
const LEAST: usize = 1 << 20;
const MOST: usize = 32 << 20;

/// A pass over a file from its beginning.
struct Pass {
    file: Rc<SendWrapper<HostFile>>,
    at: u64,
}

impl Read for Pass {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let bytes = self.file.read(self.at as f64, into.len()).map_err(|error| {
            let message = Reflect::get(&error, &"message".into()).ok().and_then(|text| text.as_string());
            io::Error::other(message.unwrap_or_else(|| format!("{error:?}")))
        })?;
        let count = into.len().min(bytes.length() as usize);
        bytes.subarray(0, count as u32).copy_to(&mut into[..count]);
        self.at += count as u64;
        Ok(count)
    }
}

/// A file with rows, which are pulled in batches.
#[wasm_bindgen]
pub struct WasmRows {
    dataset: Dataset,
    /// Rows that were handed over, and their characters.
    passed: u64,
    size: usize,
}

#[wasm_bindgen]
impl WasmRows {
    /// `map` has a list of columns for each field that it names.
    pub fn open(
        file: HostFile,
        name: &str,
        format: Option<String>,
        map: JsValue,
    ) -> std::result::Result<WasmRows, JsValue> {
        let open = || -> Result<Dataset> {
            let format: Option<Format> = match format {
                None => None,
                Some(format) => Some(argument(format.into(), "format")?),
            };
            let mut columns = Columns::new();
            for (field, names) in argument::<BTreeMap<String, Vec<String>>>(map, "map")? {
                columns.insert(field.parse()?, names);
            }
            // JavaScript has one thread.
            let file = SendWrapper::new(Rc::new(SendWrapper::new(file)));
            let open = move || -> io::Result<Box<dyn io::BufRead>> {
                let pass = Pass { file: Rc::clone(&file), at: 0 };
                Ok(Box::new(BufReader::with_capacity(PIECE, pass)))
            };
            Dataset::new(open, name, format, columns)
        };
        open().map(|dataset| WasmRows { dataset, passed: 0, size: 0 }).map_err(thrown)
    }

    /// `{ format, shape, columns, names }`
    pub fn about(&self) -> std::result::Result<JsValue, JsValue> {
        let about = || -> Result<JsValue> {
            let columns = self.dataset.columns().map_err(unreadable)?;
            let columns: Map<String, Value> =
                columns.into_iter().map(|(field, from)| (field, from.into())).collect();
            plain(&json!({
                "format": self.dataset.format().name(),
                "shape": self.dataset.shape().name(),
                "columns": columns,
                "names": self.names()?,
            }))
        };
        about().map_err(thrown)
    }

    /// The next rows, `{ rows, done }`.
    pub fn next(&mut self) -> std::result::Result<JsValue, JsValue> {
        let mut rows = Vec::new();
        let (mut size, mut done) = (0, true);
        let most = (self.size / 8).clamp(LEAST, MOST);
        let read = self.dataset.rows_from(self.passed, &mut |row| {
            if size >= most {
                done = false;
                return ControlFlow::Break(());
            }
            size += characters(&row);
            rows.push(shown(row));
            ControlFlow::Continue(())
        });
        read.map_err(|e| thrown(unreadable(e)))?;
        self.passed += rows.len() as u64;
        self.size += size;
        let list = Array::new();
        for row in rows {
            list.push(&plain(&row).map_err(thrown)?);
        }
        let batch = Object::new();
        Reflect::set(&batch, &"rows".into(), &list)?;
        Reflect::set(&batch, &"done".into(), &done.into())?;
        Ok(batch.into())
    }
}

impl WasmRows {
    /// The columns of the first record that can be read.
    fn names(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        let read = self.dataset.records(&mut |record| match record {
            Ok(record) => {
                names = record.fields.keys().cloned().collect();
                ControlFlow::Break(())
            }
            Err(_) => ControlFlow::Continue(()),
        });
        read.map(|()| names).map_err(unreadable)
    }
}

fn unreadable(error: io::Error) -> Error {
    Error::Source(format!("the file cannot be read: {error}"))
}

/// What a row takes, roughly.
fn characters(row: &std::result::Result<Row, BadRow>) -> usize {
    fn of(value: &Value) -> usize {
        match value {
            Value::String(text) => text.len(),
            Value::Array(list) => list.iter().map(of).sum(),
            Value::Object(fields) => fields.values().map(of).sum(),
            _ => 8,
        }
    }
    64 + row.as_ref().map_or(0, |row| row.task.values().map(of).sum())
}

/// A row as JavaScript has it: the task's fields beside the others.
fn shown(row: std::result::Result<Row, BadRow>) -> Value {
    let (mut fields, line, id) = match row {
        Err(BadRow { line, id, reason }) => (Map::from_iter([("reason".into(), reason.into())]), line, id),
        Ok(Row { line, id, group, slice, systems, task, mut labels }) => {
            let mut fields = task;
            for (name, value) in [("group", group), ("slice", slice)] {
                if let Some(value) = value {
                    fields.insert(name.into(), value.into());
                }
            }
            if !systems.is_empty() {
                fields.insert("systems".into(), systems.into());
            }
            // Labels without a name stand alone.
            match labels.len() {
                0 => {}
                1 if labels.contains_key("") => {
                    fields.insert("labels".into(), labels.remove("").into());
                }
                _ => {
                    let labels = labels.into_iter().map(|(name, values)| (name, Value::from(values)));
                    fields.insert("labels".into(), labels.collect::<Map<_, _>>().into());
                }
            }
            (fields, line, id)
        }
    };
    fields.insert("line".into(), line.into());
    if let Some(id) = id {
        fields.insert("id".into(), id.into());
    }
    Value::Object(fields)
}
