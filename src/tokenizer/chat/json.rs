//! The filter `tojson` as Hugging Face has it: Python's `json.dumps` without escapes, where Jinja's own writes for HTML.

use super::fuel::pay_for;
use minijinja::value::Kwargs;
use minijinja::{Error, ErrorKind, State, Value};
use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use std::io::{Result, Write};

/// Spaces of one level.
const MOST_INDENT: usize = 16;

pub(super) fn tojson(
    state: &mut State,
    value: &Value,
    indent: Option<usize>,
    kwargs: Kwargs,
) -> std::result::Result<Value, Error> {
    let wrong = |e: serde_json::Error| Error::new(ErrorKind::BadSerialization, e.to_string());
    pay_for(state, value)?;
    let indent = indent.or(kwargs.get("indent")?);
    let separators: Option<(String, String)> =
        kwargs.get::<Option<Vec<String>>>("separators")?.and_then(pair);
    let sorted = kwargs.get::<Option<bool>>("sort_keys")?.unwrap_or(false);
    let _ensure_ascii: Option<bool> = kwargs.get("ensure_ascii")?;
    kwargs.assert_all_used()?;
    if indent.is_some_and(|indent| indent > MOST_INDENT) {
        return Err(Error::new(ErrorKind::InvalidOperation, "tojson has an indent of more than 16"));
    }
    let mut data = serde_json::to_value(value).map_err(wrong)?;
    if sorted {
        data.sort_all_objects();
    }
    // With an indent Python breaks the line behind a comma, and leaves no space there.
    let comma = if indent.is_some() { "," } else { ", " };
    let (item, key) = separators.unwrap_or((comma.into(), ": ".into()));
    let mut out = Vec::new();
    data.serialize(&mut Serializer::with_formatter(
        &mut out,
        Python { item, key, indent, depth: 0, empty: true },
    ))
    .map_err(wrong)?;
    let text = String::from_utf8(out).map_err(|e| Error::new(ErrorKind::BadSerialization, e.to_string()))?;
    state.consume_fuel((text.len() / 64) as u64)?;
    Ok(Value::from(text))
}

fn pair(mut two: Vec<String>) -> Option<(String, String)> {
    let second = two.pop()?;
    Some((two.pop()?, second))
}

/// Lays JSON out as Python does.
struct Python {
    item: String,
    key: String,
    indent: Option<usize>,
    depth: usize,
    /// Whether the innermost list or object has no item yet.
    empty: bool,
}

impl Python {
    fn line<W: ?Sized + Write>(&self, out: &mut W) -> Result<()> {
        match self.indent {
            Some(indent) => write!(out, "\n{:1$}", "", indent * self.depth),
            None => Ok(()),
        }
    }

    fn open<W: ?Sized + Write>(&mut self, out: &mut W, bracket: &str) -> Result<()> {
        self.depth += 1;
        self.empty = true;
        out.write_all(bracket.as_bytes())
    }

    fn close<W: ?Sized + Write>(&mut self, out: &mut W, bracket: &str) -> Result<()> {
        self.depth -= 1;
        if !self.empty {
            self.line(out)?;
        }
        self.empty = false;
        out.write_all(bracket.as_bytes())
    }

    fn next<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> Result<()> {
        if !first {
            out.write_all(self.item.as_bytes())?;
        }
        self.empty = false;
        self.line(out)
    }
}

impl Formatter for Python {
    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> Result<()> {
        self.open(out, "[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> Result<()> {
        self.close(out, "]")
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> Result<()> {
        self.next(out, first)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> Result<()> {
        self.open(out, "{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> Result<()> {
        self.close(out, "}")
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> Result<()> {
        self.next(out, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> Result<()> {
        out.write_all(self.key.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use minijinja::{Environment, context};

    /// As Python's `json.dumps(…, ensure_ascii=False)` writes the same values.
    #[test]
    fn json_is_laid_out_as_python_does() {
        let mut environment = Environment::new();
        environment.add_filter("tojson", super::tojson);
        for (expression, text) in [
            ("v | tojson", r#"{"a": [1, 2.5, true, null], "b": {}, "c": "<é>'\"\n"}"#),
            ("v.a | tojson(indent=2)", "[\n  1,\n  2.5,\n  true,\n  null\n]"),
            ("[[], {}] | tojson(2)", "[\n  [],\n  {}\n]"),
            ("v.a | tojson(separators=(',', ':'))", "[1,2.5,true,null]"),
            (
                "{'z': 1, 'a': [{'y': 1, 'b': 2}]} | tojson(sort_keys=true)",
                r#"{"a": [{"b": 2, "y": 1}], "z": 1}"#,
            ),
        ] {
            let value = serde_json::json!({ "a": [1, 2.5, true, null], "b": {}, "c": "<é>'\"\n" });
            let source = format!("{{{{ {expression} }}}}");
            let rendered = environment.render_str(
                &source,
                context! { v => minijinja::Value::from(minijinja::value::Serde(value.clone())) },
            );
            assert_eq!(rendered.unwrap(), text, "{expression}");
        }
    }
}
