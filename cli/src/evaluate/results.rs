//! The lines of `results.jsonl`: one for each row, in the order of the data.

use super::journal::Stored;
use super::prepare::Prepared;
use lunette::eval::dataset::BadRow;
use lunette::eval::run::{Terms, Worth};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// What a line begins with.
#[derive(Serialize)]
struct Head<'a> {
    /// Counted from 0, over all shards.
    row: u64,
    line: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    slice: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    systems: &'a [String],
    task: &'a Map<String, Value>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    labels: &'a Map<String, Value>,
}

/// The line of a row that was judged under each of the rubrics. Verdicts go into it as the texts that they are.
pub fn judged(
    number: u64,
    Prepared { row, labels }: &Prepared,
    rubrics: &[Terms],
    stored: &[Stored],
) -> serde_json::Result<String> {
    let head = Head {
        row: number,
        line: row.line,
        id: row.id.as_deref(),
        group: row.group.as_deref(),
        slice: row.slice.as_deref(),
        systems: &row.systems,
        task: &row.task,
        labels,
    };
    let plain = stored.iter().map(|stored| serde_json::from_str(stored.verdict()?).ok());
    let worth = Worth::of(&row.task, rubrics, &plain.collect::<Vec<Option<Value>>>());
    let (mut verdicts, mut errors) = (Vec::new(), Vec::new());
    for (rubric, stored) in rubrics.iter().zip(stored) {
        let name = Value::from(rubric.name.as_str());
        match stored {
            Stored::Verdict(text) => verdicts.push(format!("{name}:{text}")),
            Stored::Error(text) => errors.push(format!("{name}:{text}")),
        }
    }
    let mut parts = vec![inner(&serde_json::to_string(&head)?)];
    for (name, entries) in [("verdicts", verdicts), ("errors", errors)] {
        if !entries.is_empty() {
            parts.push(format!("\"{name}\":{{{}}}", entries.join(",")));
        }
    }
    parts.push(inner(&serde_json::to_string(&worth)?));
    parts.retain(|part| !part.is_empty());
    Ok(format!("{{{}}}\n", parts.join(",")))
}

/// An object without its braces.
fn inner(object: &str) -> String {
    object.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or_default().to_string()
}

/// The line of a row that cannot be judged.
pub fn unreadable(number: u64, bad: &BadRow) -> String {
    let mut line = json!({ "row": number, "line": bad.line });
    if let Some(id) = &bad.id {
        line["id"] = json!(id);
    }
    line["error"] = json!({ "code": "invalid-row", "message": format!("line {}: {}", bad.line, bad.reason) });
    format!("{line}\n")
}
