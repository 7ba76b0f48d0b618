//! Arrays of JSON objects, one object at a time.
//!
//! A file is read twice: a scout finds the arrays that hold rows, then each object of those is handed on as soon as it has
//! been read. What else is in the file is passed over and never held.

use super::limit::{Limited, MOST, Progress};
use super::row::{BadRow, Record};
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;
use std::io::BufRead;
use std::ops::ControlFlow;

/// Where the rows of a file are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The array at the end of these keys; of none, the file itself.
    At(Vec<String>),
    /// All arrays of the outermost object, one behind the other. The key of each is a slice.
    Lists,
}

/// Keys under which files keep their rows, the first that there is counts.
const KNOWN: [&[&str]; 9] = [
    &["results", "results"],
    &["results"],
    &["instances"],
    &["rows"],
    &["data"],
    &["examples"],
    &["items"],
    &["records"],
    &["samples"],
];

/// Objects within objects that the scout looks into.
const DEPTH: usize = 3;
/// Keys of an object that the scout remembers.
const MOST_KEYS: usize = 256;

/// Finds the rows; `None` where there is no array of objects. A file that breaks off is judged by what came before.
pub fn find(input: impl BufRead) -> Option<Place> {
    let mut found = Vec::new();
    let (limited, progress) = Limited::new(input);
    let mut deserializer = serde_json::Deserializer::from_reader(limited);
    // What is wrong with the file, its reader says where it meets it.
    let _ = Scout { path: &mut Vec::new(), found: &mut found, progress: &progress }
        .deserialize(&mut deserializer);
    if found.iter().any(Vec::is_empty) {
        return Some(Place::At(Vec::new()));
    }
    if let Some(known) = KNOWN.iter().find(|known| found.iter().any(|path| path == *known)) {
        return Some(Place::At(known.iter().map(ToString::to_string).collect()));
    }
    let outermost = found.iter().filter(|path| path.len() == 1).count();
    match (found.len(), outermost) {
        (_, 2..) => Some(Place::Lists),
        _ => Some(Place::At(found.into_iter().next()?)),
    }
}

/// Notes the path of every array that begins with an object.
struct Scout<'a> {
    path: &'a mut Vec<String>,
    found: &'a mut Vec<Vec<String>>,
    progress: &'a Progress,
}

impl<'de> DeserializeSeed<'de> for Scout<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// A value that is no container says nothing to the scout.
macro_rules! scalars {
    ($($name:ident: $kind:ty),*) => {
        $(fn $name<E: serde::de::Error>(self, _: $kind) -> Result<Self::Value, E> { Ok(Self::Value::default()) })*
        fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> { Ok(Self::Value::default()) }
    };
}

impl<'de> Visitor<'de> for Scout<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<(), A::Error> {
        self.progress.allow(u64::MAX);
        // A conversation is no list of rows.
        let turns = self.path.last().is_some_and(|key| key == "messages");
        // Noted before its end is known: the file may break off within it.
        if array.next_element::<IsObject>()?.is_some_and(|IsObject(is)| is) && !turns {
            self.found.push(self.path.clone());
        }
        while array.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut object: A) -> Result<(), A::Error> {
        let mut keys = 0;
        loop {
            self.progress.allow(MOST);
            let Some(key) = object.next_key::<String>()? else { return Ok(()) };
            self.progress.allow(u64::MAX);
            keys += 1;
            if self.path.len() >= DEPTH || keys > MOST_KEYS {
                object.next_value::<IgnoredAny>()?;
                continue;
            }
            self.path.push(key);
            let Scout { path, found, progress } = &mut self;
            let done = object.next_value_seed(Scout { path, found, progress });
            self.path.pop();
            done?;
        }
    }

    scalars!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_str: &str);
}

/// Whether a value is an object; it is passed over.
#[derive(Default)]
struct IsObject(bool);

impl<'de> serde::Deserialize<'de> for IsObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<IsObject, D::Error> {
        struct Kind;
        impl<'de> Visitor<'de> for Kind {
            type Value = IsObject;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a row")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<IsObject, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(IsObject(true))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<IsObject, A::Error> {
                while array.next_element::<IgnoredAny>()?.is_some() {}
                Ok(IsObject(false))
            }

            scalars!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_str: &str);
        }
        deserializer.deserialize_any(Kind)
    }
}

/// Hands on the objects at `place`. Where the file is broken, the last one is a bad row that says so.
pub fn read(
    input: impl BufRead,
    place: &Place,
    each: &mut dyn FnMut(Result<Record, BadRow>) -> ControlFlow<()>,
) -> std::io::Result<()> {
    let (limited, progress) = Limited::new(input);
    // Nobody has to hold what lies between the rows.
    progress.allow(u64::MAX);
    let mut deserializer = serde_json::Deserializer::from_reader(limited);
    let mut walk = Walk { progress, each, list: None, stopped: false };
    let path = match place {
        Place::At(path) => path.as_slice(),
        Place::Lists => &[],
    };
    let lists = *place == Place::Lists;
    let done = Descent { walk: &mut walk, path, lists }
        .deserialize(&mut deserializer)
        .and_then(|()| deserializer.end());
    let Err(error) = done else { return Ok(()) };
    if walk.stopped {
        return Ok(());
    }
    if error.is_io() && error.io_error_kind() != Some(std::io::ErrorKind::FileTooLarge) {
        return Err(error.into());
    }
    let line = walk.progress.line();
    let what = match error.is_eof() {
        true => "the file ends within a row or a list".to_string(),
        false => hinted(error.to_string()),
    };
    let _ = (walk.each)(Err(BadRow::new(line, format!("{what}; nothing behind it can be read"))));
    Ok(())
}

struct Walk<'a> {
    progress: Progress,
    each: &'a mut dyn FnMut(Result<Record, BadRow>) -> ControlFlow<()>,
    list: Option<String>,
    stopped: bool,
}

/// Goes down to the rows.
struct Descent<'a, 'b> {
    walk: &'a mut Walk<'b>,
    path: &'a [String],
    /// Whether every array of this object has rows.
    lists: bool,
}

impl<'de> DeserializeSeed<'de> for Descent<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Descent<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("rows")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        loop {
            self.walk.progress.allow(MOST);
            let Some(key) = object.next_key::<String>()? else { return Ok(()) };
            self.walk.progress.allow(u64::MAX);
            match self.path.split_first() {
                _ if self.lists => {
                    self.walk.list = Some(key);
                    let rows = Descent { walk: &mut *self.walk, path: &[], lists: false };
                    object.next_value_seed(rows)?;
                }
                Some((next, rest)) if *next == key => {
                    let rows = Descent { walk: &mut *self.walk, path: rest, lists: false };
                    object.next_value_seed(rows)?;
                }
                _ => {
                    object.next_value::<IgnoredAny>()?;
                }
            }
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<(), A::Error> {
        if !self.path.is_empty() || self.lists {
            while array.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(());
        }
        let Walk { progress, each, list, stopped } = self.walk;
        loop {
            progress.allow(MOST);
            let Some(Lined { line, value }) = array.next_element_seed(Lines(progress))? else { break };
            progress.allow(u64::MAX);
            let record = match value {
                Value::Object(fields) => Ok(Record { line, fields, list: list.clone() }),
                other => Err(BadRow::new(line, format!("a row is a JSON object, and this is {other:.40}"))),
            };
            if each(record).is_break() {
                *stopped = true;
                return Err(A::Error::custom("nobody wants more"));
            }
        }
        progress.allow(u64::MAX);
        Ok(())
    }

    scalars!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_str: &str);
}

/// Reads a value and notes where it began.
struct Lines<'a>(&'a Progress);

struct Lined {
    line: u64,
    value: Value,
}

impl<'de> DeserializeSeed<'de> for Lines<'_> {
    type Value = Lined;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Lined, D::Error> {
        let line = self.0.line();
        let value = <Value as serde::Deserialize>::deserialize(deserializer)?;
        Ok(Lined { line, value })
    }
}

/// One object of text, for a line of JSONL.
pub fn object(text: &[u8]) -> Result<Map<String, Value>, String> {
    serde_json::from_slice(text).map_err(|e| {
        let said = e.to_string();
        // It knows only this line.
        let said = said.rsplit_once(" at line ").map_or(said.as_str(), |(what, _)| what);
        hinted(format!("no JSON object: {said} at column {}", e.column()))
    })
}

/// Some programs write numbers that JSON does not have.
fn hinted(why: String) -> String {
    match why.contains("expected value") {
        true => format!("{why} (NaN and Infinity are no JSON: write null)"),
        false => why,
    }
}
