//! How large a constraint may be.
//!
//! The compiler recurses along nesting and references, and a stack overflow in WebAssembly ends the engine. So deep
//! constraints are refused before.

use super::Constraint;
use serde_json::Value;
use std::collections::HashMap;

/// The longest constraint as text: beyond what people write.
const MAX_BYTES: usize = 1 << 16;

/// The longest regular expression, on its own, in a string of a schema or in a line of a grammar: compiling one may take
/// time with the square of its length.
const MAX_REGEX_BYTES: usize = 1 << 13;

/// Levels of a schema, with what it refers to in the reference's place. pkg/src/check.ts has the same limit.
const MAX_DEPTH: usize = 64;

/// Rules, groups and repetitions of a grammar: each may stand inside all others.
const MAX_PARTS: usize = 400;

/// Digits of a `multipleOf`: the compiler computes remainders in 32 bits.
const MAX_DIGITS: usize = 8;

/// Why a constraint is too large, if it is.
pub(super) fn excess(constraint: &Constraint) -> Option<String> {
    let (bytes, limit) = match constraint {
        Constraint::JsonSchema(schema) => {
            let mut walk = Walk { root: schema, heights: HashMap::new() };
            if let Err(excess) = walk.height(schema, MAX_DEPTH) {
                return Some(excess);
            }
            (schema.to_string().len(), MAX_BYTES)
        }
        Constraint::Regex(text) => (text.len(), MAX_REGEX_BYTES),
        Constraint::Grammar(text) => {
            let parts = text.matches([':', '(', '[', '{']).count();
            if parts > MAX_PARTS {
                return Some(format!("has {parts} rules and groups; at most {MAX_PARTS} are accepted"));
            }
            if let Some(line) = text.lines().find(|line| line.len() > MAX_REGEX_BYTES) {
                return Some(format!(
                    "has a line of {} bytes; at most {MAX_REGEX_BYTES} are accepted",
                    line.len()
                ));
            }
            (text.len(), MAX_BYTES)
        }
    };
    (bytes > limit).then(|| format!("is {bytes} bytes long; at most {limit} are accepted"))
}

/// A walk through a schema and all that it refers to.
struct Walk<'a> {
    root: &'a Value,
    /// Levels of what references refer to; `None` while they are being counted.
    heights: HashMap<&'a str, Option<usize>>,
}

impl<'a> Walk<'a> {
    /// Levels of objects and arrays in `value`, of which there may be `left`.
    fn height(&mut self, value: &'a Value, left: usize) -> Result<usize, String> {
        if let Value::String(text) = value {
            within_text(text)?;
        }
        if !value.is_array() && !value.is_object() {
            return Ok(0);
        }
        let too_deep = || format!("is nested more than {MAX_DEPTH} levels deep, references followed");
        let left = left.checked_sub(1).ok_or_else(too_deep)?;
        let mut highest = 0;
        for item in value.as_array().into_iter().flatten() {
            highest = highest.max(self.height(item, left)?);
        }
        for (key, item) in value.as_object().into_iter().flatten() {
            within_text(key)?;
            let height = match (key.as_str(), item) {
                ("$ref", Value::String(reference)) => self.referred(reference, left)?,
                ("multipleOf", Value::Number(factor)) if digits(&factor.to_string()) > MAX_DIGITS => {
                    return Err(format!("holds a `multipleOf` of more than {MAX_DIGITS} digits: {factor}"));
                }
                _ => self.height(item, left)?,
            };
            if height > left {
                return Err(too_deep());
            }
            highest = highest.max(height);
        }
        Ok(highest + 1)
    }

    /// Levels of what `reference` refers to; none where it refers to itself, since the compiler expands it once.
    fn referred(&mut self, reference: &'a str, left: usize) -> Result<usize, String> {
        if let Some(height) = self.heights.get(reference) {
            return Ok(height.unwrap_or(0));
        }
        // What refers to nothing is for the compiler to refuse.
        let Some(target) = target(self.root, reference) else { return Ok(0) };
        self.heights.insert(reference, None);
        let height = self.height(target, left)?;
        self.heights.insert(reference, Some(height));
        Ok(height)
    }
}

/// Any text of a schema may be a pattern.
fn within_text(text: &str) -> Result<(), String> {
    match text.len() {
        0..=MAX_REGEX_BYTES => Ok(()),
        bytes => Err(format!("holds a text of {bytes} bytes; at most {MAX_REGEX_BYTES} are accepted")),
    }
}

/// What `#/a/b` names, in the compiler's reading: without escapes.
fn target<'a>(root: &'a Value, reference: &str) -> Option<&'a Value> {
    let path = reference.strip_prefix('#')?;
    let mut steps = path.split('/').skip(1).filter(|step| !(path == "/" && step.is_empty()));
    steps.try_fold(root, |value, step| match value {
        Value::Array(items) => items.get(step.parse::<usize>().ok()?),
        _ => value.get(step),
    })
}

fn digits(number: &str) -> usize {
    let number = number.split(['e', 'E']).next().unwrap_or_default();
    number.bytes().filter(u8::is_ascii_digit).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// `levels` definitions, each referring to the next.
    fn chain(levels: usize) -> Value {
        let next = |i: usize| json!({ "$ref": format!("#/$defs/d{}", i + 1) });
        let mut definitions: serde_json::Map<_, _> =
            (0..levels).map(|i| (format!("d{i}"), json!({ "properties": { "a": next(i) } }))).collect();
        definitions.insert(format!("d{levels}"), json!({ "type": "null" }));
        json!({ "$defs": definitions, "$ref": "#/$defs/d0" })
    }

    fn nested(levels: usize) -> Value {
        (0..levels).fold(json!(null), |inner, _| json!([inner]))
    }

    #[test]
    fn what_is_too_large_is_named() {
        let doubled = json!({ "$defs": { "a": { "allOf": [{ "$ref": "#/$defs/b" }, { "$ref": "#/$defs/b" }] },
            "b": { "anyOf": [{ "$ref": "#/$defs/a" }, { "$ref": "#" }] } }, "$ref": "#/$defs/a" });
        let schema = |schema: Value| Constraint::JsonSchema(schema);
        let regex = |text: &str| Constraint::Regex(text.into());
        let grammar = |text: &str| Constraint::Grammar(text.into());
        let deep = Some("64 levels deep");
        let table: [(Constraint, Option<&str>); 19] = [
            (schema(json!({ "a": nested(MAX_DEPTH - 1) })), None),
            (schema(json!({ "a": nested(MAX_DEPTH) })), deep),
            (schema(chain(20)), None),
            (schema(chain(40)), deep),
            (schema(doubled), None),
            (schema(json!({ "items": { "$ref": "#" } })), None),
            (schema(json!({ "items": { "$ref": "#/" } })), None),
            (schema(json!({ "$ref": "#/nowhere/0/x" })), None),
            (schema(json!({ "a": [nested(40)], "items": { "$ref": "#/a/0" } })), None),
            (schema(json!({ "a": [nested(62)], "items": { "items": { "$ref": "#/a/0" } } })), deep),
            (schema(json!({ "multipleOf": 0.0000025 })), None),
            (schema(json!({ "multipleOf": 982_451_653u64 })), Some("982451653")),
            (schema(json!({ "pattern": "a".repeat(MAX_REGEX_BYTES + 1) })), Some("8193 bytes")),
            (schema(json!({ "enum": vec!["some text"; MAX_BYTES / 10] })), Some("bytes long")),
            (regex(&"a".repeat(MAX_REGEX_BYTES)), None),
            (regex(&"é".repeat(MAX_REGEX_BYTES / 2 + 1)), Some("8194 bytes long")),
            (grammar(&"start: \"a\"\n".repeat(MAX_PARTS)), None),
            (grammar(&"(".repeat(MAX_PARTS + 1)), Some("401 rules and groups")),
            (grammar(&" ".repeat(MAX_REGEX_BYTES + 1)), Some("a line of 8193 bytes")),
        ];
        for (constraint, expected) in table {
            let excess = excess(&constraint);
            let fits = match (&excess, expected) {
                (Some(excess), Some(part)) => excess.contains(part),
                (excess, part) => excess.is_none() && part.is_none(),
            };
            assert!(fits, "{excess:?}, not {expected:?}, for {constraint:?}");
        }
    }
}
