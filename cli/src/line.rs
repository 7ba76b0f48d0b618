//! Lines as they go out: a row's hash, its kept fields, and its verdict or its error.

use crate::exit::Stop;
use crate::rows::Row;
use crate::task::Failure;
use lunette::eval::run::Fingerprint;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// Everything that a verdict depends on. Lines with the same hash are interchangeable.
#[derive(Serialize)]
pub struct Settings<'a, R> {
    pub version: &'static str,
    pub task: &'static str,
    pub rubric: Value,
    pub template: &'a str,
    pub reading: R,
    pub context: usize,
    pub keep: &'a [String],
    /// The model by what its file says of it, so that the same model under another path is the same.
    pub model: Value,
}

impl<R: Serialize> Settings<'_, R> {
    pub fn fingerprint(&self) -> Result<Fingerprint, Stop> {
        Fingerprint::new(self).map_err(|e| Stop::Fault(e.to_string()))
    }
}

/// What each line begins with.
pub fn head(hash: &str) -> String {
    format!("{{\"hash\":\"{hash}\"")
}

/// One line, its end included.
pub fn line(hash: &str, kept: Map<String, Value>, result: &Result<Value, (&str, String)>) -> Vec<u8> {
    let mut fields = Map::from_iter([("hash".to_string(), Value::from(hash))]);
    fields.extend(kept);
    match result {
        Ok(verdict) => fields.insert("verdict".into(), verdict.clone()),
        Err((code, message)) => fields.insert("error".into(), json!({ "code": code, "message": message })),
    };
    let mut line = Value::Object(fields).to_string().into_bytes();
    line.push(b'\n');
    line
}

/// The fields of a row.
pub fn fields(row: &Row) -> Result<Map<String, Value>, Failure> {
    if !row.whole {
        return Err(Failure::in_row(format!("the line is longer than {} MiB", row.text.len() >> 20)));
    }
    serde_json::from_slice(&row.text).map_err(|e| Failure::in_row(format!("no JSON object: {e}")))
}

/// Those of them that its line repeats.
pub fn kept(fields: &Map<String, Value>, keep: &[String]) -> Map<String, Value> {
    let kept = keep.iter().filter_map(|name| fields.get_key_value(name));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Takes out of a verdict what differs from run to run.
pub fn without_timing(verdict: &mut Value) {
    if let Some(fields) = verdict.as_object_mut() {
        if let Some(rewards) = fields.get_mut("rewards").and_then(Value::as_array_mut) {
            rewards.iter_mut().for_each(without_timing);
        }
        fields.shift_remove("timing");
        if let Some(usage) = fields.get_mut("usage").and_then(Value::as_object_mut) {
            usage.shift_remove("cachedTokens");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_begin_with_their_head() {
        let kept = Map::from_iter([("id".to_string(), json!("é\n"))]);
        let line = line("0123456789abcdef", kept, &Err(("code", "why".into())));
        let line = String::from_utf8(line).unwrap();
        assert!(line.starts_with(&head("0123456789abcdef")), "{line}");
        assert_eq!(line.find('\n'), Some(line.len() - 1), "one line: {line}");
        let expected =
            json!({ "hash": "0123456789abcdef", "id": "é\n", "error": { "code": "code", "message": "why" } });
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), expected);
    }

    #[test]
    fn what_stays_keeps_its_order() {
        let mut verdict = json!({
            "score": 2, "usage": { "promptTokens": 3, "cachedTokens": 2, "completionTokens": 1 }, "timing": {}, "z": 1
        });
        without_timing(&mut verdict);
        let expected = r#"{"score":2,"usage":{"promptTokens":3,"completionTokens":1},"z":1}"#;
        assert_eq!(verdict.to_string(), expected);
    }
}
