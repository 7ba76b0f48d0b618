//! The lines of `results.jsonl`: one for each row, in the order of the data.

use super::journal::Stored;
use super::prepare::{Prepared, ends};
use super::spec::Judged;
use crate::task::Task;
use lunette::eval::dataset::BadRow;
use lunette::judge::{ClassRubric, ScoreRubric};
use serde::Serialize;
use serde::de::DeserializeOwned;
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
    task: &'a Map<String, Value>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    labels: &'a Map<String, Value>,
}

/// What it ends with.
#[derive(Serialize)]
struct Tail {
    #[serde(skip_serializing_if = "Option::is_none")]
    overall: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    passed: Option<bool>,
}

/// The line of a row that was judged under each of the rubrics. Verdicts go into it as the texts that they are.
pub fn judged(
    number: u64,
    Prepared { row, labels }: &Prepared,
    rubrics: &[Judged],
    stored: &[Stored],
) -> serde_json::Result<String> {
    let (id, group) = (row.id.as_deref(), row.group.as_deref());
    let head = Head { row: number, line: row.line, id, group, task: &row.task, labels };
    let (overall, passed) = summary(&row.task, rubrics, stored);
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
    parts.push(inner(&serde_json::to_string(&Tail { overall, passed })?));
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

/// The weighted mean of the rubrics' grades, 0 to 1, and whether all of them are passed. A row that lacks a verdict has
/// neither.
fn summary(task: &Map<String, Value>, rubrics: &[Judged], stored: &[Stored]) -> (Option<f64>, Option<bool>) {
    let verdicts: Option<Vec<Value>> =
        stored.iter().map(|stored| serde_json::from_str(stored.verdict()?).ok()).collect();
    let Some(verdicts) = verdicts else { return (None, None) };
    let pairs = || rubrics.iter().zip(&verdicts);
    let weights: f64 = rubrics.iter().map(|rubric| rubric.weight).sum();
    let sum: Option<f64> =
        pairs().map(|(rubric, verdict)| Some(rubric.weight * grade(task, rubric, verdict)?)).sum();
    let passes: Vec<bool> = pairs().filter_map(|(rubric, verdict)| passes(rubric, verdict)).collect();
    (sum.map(|sum| sum / weights), (!passes.is_empty()).then(|| passes.iter().all(|passed| *passed)))
}

/// 0 to 1: where the expected score lies on the scale, or the probability of the labels that pass.
fn grade(row: &Map<String, Value>, rubric: &Judged, verdict: &Value) -> Option<f64> {
    match &rubric.task {
        Task::Score(given) => {
            let own: Option<ScoreRubric> = own(row);
            let (lowest, highest) = ends(own.as_ref().or(given.as_ref())?)?;
            Some((verdict["expected"].as_f64()? - lowest) / (highest - lowest))
        }
        Task::Classify(given) if !rubric.pass.is_empty() => {
            let own: Option<ClassRubric> = own(row);
            let labels = &own.as_ref().or(given.as_ref())?.labels;
            let p = |label: &String| verdict["distribution"][label].as_f64();
            let all: f64 = labels.iter().map(|(label, _)| p(label)).sum::<Option<f64>>()?;
            let passing: f64 = rubric.pass.iter().map(p).sum::<Option<f64>>()?;
            (all > 0.0).then_some(passing / all)
        }
        _ => None,
    }
}

fn passes(rubric: &Judged, verdict: &Value) -> Option<bool> {
    match (&rubric.task, rubric.threshold) {
        (Task::Score(_), Some(least)) => Some(verdict["score"].as_f64()? >= least),
        (Task::Classify(_), _) if !rubric.pass.is_empty() => {
            Some(rubric.pass.iter().any(|label| verdict["label"] == label.as_str()))
        }
        _ => None,
    }
}

fn own<T: DeserializeOwned>(row: &Map<String, Value>) -> Option<T> {
    serde_json::from_value(row.get("rubric")?.clone()).ok()
}
