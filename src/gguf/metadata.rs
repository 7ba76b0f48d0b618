use super::MAX_ELEMENTS;
use super::reader::{Reader, Stop};
use std::collections::BTreeMap;

/// A metadata value; numbers of all widths are widened.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Bool(bool),
    String(String),
    Array(Vec<Value>),
}

/// The key–value pairs of a file, such as `llama.block_count`.
#[derive(Debug, Clone, Default)]
pub struct Metadata(BTreeMap<String, Entry>);

/// A value, and how wide it is in the file.
#[derive(Debug, Clone)]
struct Entry {
    value: Value,
    /// The format's number of its type; of an array, of its elements'.
    kind: u32,
}

impl Metadata {
    pub(super) fn read(r: &mut Reader, keys: u64) -> Result<Metadata, Stop> {
        let mut map = BTreeMap::new();
        let mut elements = MAX_ELEMENTS;
        for _ in 0..keys {
            let key = r.name()?;
            let kind = r.u32()?;
            let entry = Entry::read(r, kind, &key, &mut elements)?;
            if map.contains_key(&key) {
                return Err(Stop::Invalid(format!("the key \"{key}\" appears twice")));
            }
            map.insert(key, entry);
        }
        Ok(Metadata(map))
    }

    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key).map(|entry| &entry.value)
    }

    /// About how many bytes of memory it takes.
    pub fn memory(&self) -> u64 {
        self.0.iter().map(|(key, entry)| (key.len() + entry.value.memory()) as u64).sum()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(key, entry)| (key.as_str(), &entry.value))
    }

    /// Key, value and type of each, as [`Writer`](super::Writer) takes them.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&str, &Value, u32)> {
        self.0.iter().map(|(key, Entry { value, kind })| (key.as_str(), value, *kind))
    }

    pub fn str(&self, key: &str) -> Option<&str> {
        match self.get(key)? {
            Value::String(s) => Some(s),
            _ => None,
        }
    }

    pub fn u64(&self, key: &str) -> Option<u64> {
        match self.get(key)? {
            Value::Unsigned(n) => Some(*n),
            Value::Signed(n) => u64::try_from(*n).ok(),
            _ => None,
        }
    }

    pub fn f64(&self, key: &str) -> Option<f64> {
        match self.get(key)? {
            Value::Float(x) => Some(*x),
            Value::Unsigned(n) => Some(*n as f64),
            Value::Signed(n) => Some(*n as f64),
            _ => None,
        }
    }

    pub fn bool(&self, key: &str) -> Option<bool> {
        match self.get(key)? {
            Value::Bool(b) => Some(*b),
            _ => None,
        }
    }

    pub fn array(&self, key: &str) -> Option<&[Value]> {
        match self.get(key)? {
            Value::Array(a) => Some(a),
            _ => None,
        }
    }
}

impl FromIterator<(String, Value)> for Metadata {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(pairs: I) -> Self {
        let entry = |value: Value| Entry { kind: value.kind(), value };
        Metadata(pairs.into_iter().map(|(key, value)| (key, entry(value))).collect())
    }
}

const STRING: u32 = 8;
pub(super) const ARRAY: u32 = 9;

impl Entry {
    /// `elements`: how many array elements may still come.
    fn read(r: &mut Reader, kind: u32, key: &str, elements: &mut u64) -> Result<Entry, Stop> {
        if kind != ARRAY {
            return Ok(Entry { value: Value::scalar(r, kind, key)?, kind });
        }
        let element = r.u32()?;
        if element == ARRAY {
            return Err(Stop::Invalid(format!("the key \"{key}\" holds an array of arrays")));
        }
        let count = r.count("array elements", *elements)?;
        *elements -= count;
        // Grown as elements arrive: the count is only a claim.
        let mut values = Vec::new();
        for _ in 0..count {
            values.push(Value::scalar(r, element, key)?);
        }
        Ok(Entry { value: Value::Array(values), kind: element })
    }
}

impl Value {
    /// The number of the type that llama.cpp's readers ask for: 32 bits, unless a number needs more. Of an array, the widest
    /// that one of its elements needs.
    pub(super) fn kind(&self) -> u32 {
        match self {
            Value::Unsigned(n) if u32::try_from(*n).is_ok() => 4,
            Value::Unsigned(_) => 10,
            Value::Signed(n) if i32::try_from(*n).is_ok() => 5,
            Value::Signed(_) => 11,
            Value::Float(_) => 6,
            Value::Bool(_) => 7,
            Value::String(_) => STRING,
            Value::Array(values) => values.iter().map(Value::kind).max().unwrap_or(4),
        }
    }

    fn scalar(r: &mut Reader, kind: u32, key: &str) -> Result<Value, Stop> {
        Ok(match kind {
            0 => Value::Unsigned(u8::from_le_bytes(r.array()?).into()),
            1 => Value::Signed(i8::from_le_bytes(r.array()?).into()),
            2 => Value::Unsigned(u16::from_le_bytes(r.array()?).into()),
            3 => Value::Signed(i16::from_le_bytes(r.array()?).into()),
            4 => Value::Unsigned(r.u32()?.into()),
            5 => Value::Signed(i32::from_le_bytes(r.array()?).into()),
            6 => Value::Float(f32::from_le_bytes(r.array()?).into()),
            7 => Value::Bool(u8::from_le_bytes(r.array()?) != 0),
            STRING => Value::String(r.string()?),
            10 => Value::Unsigned(r.u64()?),
            11 => Value::Signed(i64::from_le_bytes(r.array()?)),
            12 => Value::Float(f64::from_le_bytes(r.array()?)),
            _ => return Err(Stop::Invalid(format!("the key \"{key}\" has the unknown value type {kind}"))),
        })
    }

    fn memory(&self) -> usize {
        let held = match self {
            Value::String(text) => text.capacity(),
            Value::Array(values) => {
                let spare = (values.capacity() - values.len()) * size_of::<Value>();
                spare + values.iter().map(Value::memory).sum::<usize>()
            }
            _ => 0,
        };
        size_of::<Value>() + held
    }

    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(s) => Some(s),
            _ => None,
        }
    }
}
