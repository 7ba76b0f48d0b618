//! Which format a file has: by what is in it, and where that leaves a choice, by its name.

use crate::{Error, Result};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::io::BufRead;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// One JSON object a line.
    Jsonl,
    /// An array of objects, or an object that holds such arrays.
    Json,
    Csv,
    Tsv,
}

impl Format {
    pub fn name(self) -> &'static str {
        match self {
            Format::Jsonl => "jsonl",
            Format::Json => "json",
            Format::Csv => "csv",
            Format::Tsv => "tsv",
        }
    }
}

/// What tells a file that is no text, and what to do about it.
const FOREIGN: [(&[u8], &str); 6] = [
    (b"\x1f\x8b", "it is compressed by gzip: unpack it first"),
    (b"\x28\xb5\x2f\xfd", "it is compressed by zstd: unpack it first"),
    (b"PK\x03\x04", "it is a zip file or a spreadsheet: save the table as CSV"),
    (b"PAR1", "it is a Parquet file: convert it to JSONL or CSV"),
    (b"\xff\xfe", "it is UTF-16: save it as UTF-8"),
    (b"\xfe\xff", "it is UTF-16: save it as UTF-8"),
];

/// Looks at the beginning of `input`; `name` is the file's.
pub fn recognize(mut input: impl BufRead, name: &str) -> Result<Format> {
    let named = by_name(name);
    let unreadable = |e: std::io::Error| Error::InvalidArgument(format!("{name} cannot be read: {e}"));
    let start = skip_space(&mut input).map_err(unreadable)?;
    if let Some((_, why)) = FOREIGN.iter().find(|(magic, _)| start.starts_with(magic)) {
        return Err(Error::InvalidArgument(format!("{name} is no text: {why}")));
    }
    match (named, start.first()) {
        (Some(table @ (Format::Csv | Format::Tsv)), _) => Ok(table),
        (_, Some(b'[')) => Ok(Format::Json),
        (_, Some(b'{')) => Ok(match one_value(input) {
            // A single row is a line like any other.
            Some(true) => named.unwrap_or(Format::Json),
            Some(false) => Format::Jsonl,
            None => named.unwrap_or(Format::Jsonl),
        }),
        (Some(named), _) => Ok(named),
        (None, None) => Ok(Format::Jsonl),
        (None, Some(_)) => {
            let line = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
            Ok(if line.contains(&b'\t') { Format::Tsv } else { Format::Csv })
        }
    }
}

fn by_name(name: &str) -> Option<Format> {
    let (_, ending) = name.rsplit_once('.')?;
    Some(match ending.to_ascii_lowercase().as_str() {
        "jsonl" | "ndjson" => Format::Jsonl,
        "json" => Format::Json,
        "csv" => Format::Csv,
        "tsv" | "tab" => Format::Tsv,
        _ => return None,
    })
}

/// The first bytes behind a byte order mark and white space.
fn skip_space(input: &mut impl BufRead) -> std::io::Result<Vec<u8>> {
    loop {
        let bytes = input.fill_buf()?;
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let rest = text.trim_ascii_start();
        let used = bytes.len() - rest.len();
        if !rest.is_empty() || used == 0 {
            let start = rest[..rest.len().min(64 << 10)].to_vec();
            input.consume(used);
            return Ok(start);
        }
        input.consume(used);
    }
}

/// Whether the first value is all that there is, and no line; `None` where it is broken.
fn one_value(input: impl BufRead) -> Option<bool> {
    let mut values = serde_json::Deserializer::from_reader(input).into_iter::<IgnoredAny>();
    values.next()?.ok()?;
    Some(values.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_known_by_their_content() {
        for (name, text, format) in [
            ("a.jsonl", "{\"a\": 1}\n{\"a\": 2}\n", Format::Jsonl),
            ("a.json", "{\"a\": 1}\n{\"a\": 2}\n", Format::Jsonl),
            ("a.json", "\u{feff} [{\"a\": 1}]", Format::Json),
            ("a.jsonl", "[{\"a\": 1}]", Format::Json),
            ("a", "{\"rows\": [\n{\"a\": 1}]}", Format::Json),
            ("a.json", "{\"a\": 1", Format::Json),
            ("a", "{\"a\": 1", Format::Jsonl),
            ("a.csv", "[a],b\n", Format::Csv),
            ("a.txt", "a\tb\n1\t2\n", Format::Tsv),
            ("a.txt", "a,b\n1,2\n", Format::Csv),
            ("a.TSV", "a,b\n1,2\n", Format::Tsv),
            ("a", "", Format::Jsonl),
        ] {
            assert_eq!(recognize(text.as_bytes(), name).unwrap(), format, "{name}: {text}");
        }
    }

    #[test]
    fn what_is_no_text_is_named() {
        for (bytes, why) in [(&b"\x1f\x8b\x08"[..], "gzip"), (b"PAR1", "Parquet"), (b"\xff\xfe{\0", "UTF-8")]
        {
            let error = recognize(bytes, "rows.csv").unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
