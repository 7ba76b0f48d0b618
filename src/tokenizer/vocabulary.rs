//! The list of tokens in a GGUF file.

use super::alphabet;
use crate::gguf::{Metadata, Value};
use crate::{Error, Result};

/// GGUF's `tokenizer.ggml.token_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    /// Stands for what has no token. Like a control token it is no text.
    Unknown,
    Control,
    /// A text that is always one token.
    UserDefined,
    Unused,
    /// A byte, written as `<0x0A>`.
    Byte(u8),
}

impl Kind {
    fn new(number: u64, name: &str) -> Kind {
        match number {
            2 => Kind::Unknown,
            3 => Kind::Control,
            4 => Kind::UserDefined,
            5 => Kind::Unused,
            6 => alphabet::byte(name).map_or(Kind::Text, Kind::Byte),
            _ => Kind::Text,
        }
    }
}

pub(crate) const MAX_VOCABULARY: usize = 1 << 21;
/// Bytes of all tokens together, and of all merges: several times those of the largest vocabulary published.
const MAX_TEXT_BYTES: usize = 32 << 20;

pub(super) struct Vocabulary<'a> {
    pub names: Vec<&'a str>,
    pub kinds: Vec<Kind>,
}

impl<'a> Vocabulary<'a> {
    pub fn from_metadata(meta: &'a Metadata) -> Result<Vocabulary<'a>> {
        let names = strings(meta, "tokenizer.ggml.tokens")?;
        if names.is_empty() {
            return Err(Error::UnsupportedTokenizer("its vocabulary is empty".into()));
        }
        let kinds = kinds(meta, &names)?;
        Ok(Vocabulary { names, kinds })
    }

    /// Whether a text can become this token, other than by its name as a special token.
    pub fn is_text(&self, id: u32) -> bool {
        matches!(self.kinds.get(id as usize), Some(Kind::Text | Kind::UserDefined))
    }

    /// The tokens that a text can become.
    pub fn texts(&self) -> impl Iterator<Item = (u32, &'a str)> {
        (0..).zip(&self.names).filter(|(id, _)| self.is_text(*id)).map(|(id, name)| (id, *name))
    }

    /// The tokens of single bytes.
    pub fn bytes(&self) -> [Option<u32>; 256] {
        let mut bytes = [None; 256];
        for (id, kind) in (0..).zip(&self.kinds) {
            if let Kind::Byte(byte) = kind {
                bytes[usize::from(*byte)] = Some(id);
            }
        }
        bytes
    }
}

pub(super) fn strings<'a>(meta: &'a Metadata, key: &str) -> Result<Vec<&'a str>> {
    let values = meta.array(key).ok_or_else(|| Error::UnsupportedTokenizer(format!("{key} is missing")))?;
    let values: Option<Vec<_>> = values.iter().map(Value::as_str).collect();
    let values = values.ok_or_else(|| Error::UnsupportedTokenizer(format!("{key} does not hold text")))?;
    let bytes: usize = values.iter().map(|text| text.len()).sum();
    match values.len() <= MAX_VOCABULARY && bytes <= MAX_TEXT_BYTES {
        true => Ok(values),
        false => {
            Err(Error::UnsupportedTokenizer(format!("{key} has {} entries of {bytes} bytes", values.len())))
        }
    }
}

fn kinds(meta: &Metadata, names: &[&str]) -> Result<Vec<Kind>> {
    let Some(values) = meta.array("tokenizer.ggml.token_type") else {
        return Ok(vec![Kind::Text; names.len()]);
    };
    if values.len() != names.len() {
        return Err(Error::UnsupportedTokenizer(format!(
            "it has {} tokens but {} token types",
            names.len(),
            values.len()
        )));
    }
    let number = |value: &Value| match value {
        Value::Signed(kind) => *kind as u64,
        Value::Unsigned(kind) => *kind,
        _ => 1,
    };
    Ok(values.iter().zip(names).map(|(value, name)| Kind::new(number(value), name)).collect())
}
