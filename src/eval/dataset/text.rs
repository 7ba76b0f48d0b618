//! Values of a file as the texts that a judge reads.

use super::field::Field;
use serde_json::Value;

/// A value as one text; none for what is missing or is no text.
pub fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

/// What a field reads of a column: texts, of rubrics objects. Nothing of a missing value.
pub fn of(field: &Field, value: &Value) -> Result<Vec<Value>, String> {
    if value.is_null() {
        return Ok(Vec::new());
    }
    if let Some(text) = plain(value) {
        return Ok(match field {
            // An empty cell of a table is no reference and no rubric; but an answer may be empty.
            Field::Reference | Field::Context | Field::Rubric | Field::Criteria if text.trim().is_empty() => {
                Vec::new()
            }
            Field::Rubric => vec![rubric(&text)?],
            _ => vec![Value::from(text)],
        });
    }
    match (field, value) {
        (Field::Rubric, Value::Object(_)) => Ok(vec![value.clone()]),
        (_, Value::Array(turns)) if turns.iter().any(|turn| turn.get("role").is_some()) => {
            Ok(vec![Value::from(conversation(turns)?)])
        }
        (_, Value::Array(texts)) if texts.iter().all(|text| plain(text).is_some()) => {
            let texts: Vec<String> = texts.iter().filter_map(plain).collect();
            Ok(match field {
                Field::Context => texts.into_iter().map(Value::from).collect(),
                _ => vec![Value::from(texts.join("\n"))],
            })
        }
        _ => Err("is no text: map a field within it, such as response=answer.text".into()),
    }
}

/// Several columns are paragraphs of one text, except of a context, which has passages.
pub fn joined(field: &Field, mut values: Vec<Value>) -> Option<Value> {
    match (values.len(), field) {
        (0 | 1, _) => values.pop(),
        (_, Field::Context) => Some(Value::Array(values)),
        _ => {
            let texts: Vec<String> =
                values.iter().filter_map(plain).filter(|text| !text.is_empty()).collect();
            Some(Value::from(texts.join("\n\n")))
        }
    }
}

/// A rubric in a cell.
fn rubric(text: &str) -> Result<Value, String> {
    let value: Value =
        serde_json::from_str(text).map_err(|e| format!("is no rubric as a JSON object: {e}"))?;
    match value {
        Value::Object(_) => Ok(value),
        _ => Err("is no rubric as a JSON object".into()),
    }
}

/// The turns of a conversation as a text. A single one of the user's stands for itself.
pub fn conversation(turns: &[Value]) -> Result<String, String> {
    if let [only] = turns {
        return said(only);
    }
    let mut texts = Vec::new();
    for turn in turns {
        let role = turn.get("role").and_then(Value::as_str).unwrap_or("unknown");
        let mut name = role.to_string();
        if let Some(first) = name.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        texts.push(format!("{name}: {}", said(turn)?));
    }
    Ok(texts.join("\n\n"))
}

/// What is said in a turn: a text, or the texts of its parts.
pub fn said(turn: &Value) -> Result<String, String> {
    match turn.get("content") {
        Some(Value::String(text)) => Ok(text.clone()),
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::Array(parts)) => {
            let text = |part: &Value| part.get("text").and_then(Value::as_str).map(str::to_string);
            let texts: Option<Vec<String>> = parts.iter().map(text).collect();
            Ok(texts.ok_or("has a turn with what is no text, such as an image")?.join("\n"))
        }
        Some(_) => Err("has a turn whose `content` is no text".into()),
    }
}
