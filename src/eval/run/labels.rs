//! People's labels, as the task of a run takes them.

use super::terms::{Asked, Terms, ends, own_or};
use crate::eval::dataset::{BadRow, Row, label};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What people said of a row: by rubric, one value for each rater, `null` where one said nothing. `meanings` says what labels
/// of the data mean. A label that means nothing is a mistake in the data: no figure could be right.
pub fn labels(
    row: &Row,
    rubrics: &[Terms],
    meanings: &BTreeMap<String, String>,
) -> Result<Map<String, Value>, BadRow> {
    let mut labels = Map::new();
    for rubric in rubrics {
        let values: Result<Vec<Value>, String> = said(row, rubric, rubrics.len() == 1)
            .iter()
            .map(|value| understood(&rubric.asked, &row.task, &renamed(value, meanings)))
            .collect();
        let values = values.map_err(|reason| BadRow { line: row.line, id: row.id.clone(), reason })?;
        if values.iter().any(|value| !value.is_null()) {
            labels.insert(rubric.name.clone(), values.into());
        }
    }
    Ok(labels)
}

/// The labels under the rubric's name; those without a name are the only rubric's.
fn said<'a>(row: &'a Row, rubric: &Terms, only: bool) -> &'a [Value] {
    let unnamed = || row.labels.get("").filter(|_| only);
    row.labels.get(&rubric.name).or_else(unnamed).map_or(&[], Vec::as_slice)
}

fn renamed(value: &Value, meanings: &BTreeMap<String, String>) -> Value {
    let text = match value {
        Value::String(text) => text.trim().to_string(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        _ => return value.clone(),
    };
    // 1 and 1.0 are the same label.
    let same = |found: &str| {
        found == text || matches!((found.parse::<f64>(), text.parse::<f64>()), (Ok(a), Ok(b)) if a == b)
    };
    let meant = meanings.iter().find(|(found, _)| same(found));
    meant.map_or_else(|| value.clone(), |(_, meant)| Value::from(meant.as_str()))
}

/// A label as the task has it: a number on the scale, a label, a winner.
fn understood(asked: &Asked, task: &Map<String, Value>, value: &Value) -> Result<Value, String> {
    Ok(match asked {
        Asked::Score(given) => match own_or(task, given.as_ref()).as_ref().and_then(ends) {
            Some((lowest, highest)) => json!(label::score(value, lowest, highest)?),
            None => Value::Null,
        },
        Asked::Classify(given) => match own_or(task, given.as_ref()) {
            Some(rubric) => {
                let names: Vec<String> = rubric.labels.iter().map(|(name, _)| name.clone()).collect();
                json!(label::class(value, &names)?)
            }
            None => Value::Null,
        },
        Asked::Compare => json!(label::winner(value)?),
    })
}
