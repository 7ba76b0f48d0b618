//! Rows before they are judged, with people's labels as the task takes them.

use super::spec::{Judged, Spec};
use crate::task::Task;
use lunette::eval::dataset::{BadRow, Labels, Row, label};
use lunette::judge::{ClassRubric, ScoreRubric};
use serde_json::{Map, Value, json};
use std::io;
use std::ops::ControlFlow;

/// A row that can be judged.
pub struct Prepared {
    pub row: Row,
    /// By rubric, one value for each rater, `null` where one said nothing.
    pub labels: Map<String, Value>,
}

impl Spec {
    /// Every row with its number, counted from 0, as far as the limit goes.
    pub fn rows(
        &self,
        each: &mut dyn FnMut(u64, Result<Prepared, BadRow>) -> ControlFlow<()>,
    ) -> io::Result<()> {
        let mut numbers = 0..self.limit.unwrap_or(u64::MAX);
        self.data.rows(&mut |row| match numbers.next() {
            Some(number) => each(number, row.and_then(|row| self.prepare(row))),
            None => ControlFlow::Break(()),
        })
    }

    /// A label that means nothing is a mistake in the data: no figure could be right.
    pub fn prepare(&self, row: Row) -> Result<Prepared, BadRow> {
        let mut labels = Map::new();
        for rubric in &self.rubrics {
            let said = self.said(&row.labels, rubric);
            let values: Result<Vec<Value>, String> =
                said.iter().map(|value| understood(&rubric.task, &row.task, &self.renamed(value))).collect();
            let values = values.map_err(|reason| BadRow { line: row.line, id: row.id.clone(), reason })?;
            if values.iter().any(|value| !value.is_null()) {
                labels.insert(rubric.name.clone(), values.into());
            }
        }
        Ok(Prepared { row, labels })
    }

    /// The labels under the rubric's name; those without a name are the only rubric's.
    fn said<'a>(&self, labels: &'a Labels, rubric: &Judged) -> &'a [Value] {
        let unnamed = || labels.get("").filter(|_| self.rubrics.len() == 1);
        labels.get(&rubric.name).or_else(unnamed).map_or(&[], Vec::as_slice)
    }

    fn renamed(&self, value: &Value) -> Value {
        let text = match value {
            Value::String(text) => text.trim().to_string(),
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            _ => return value.clone(),
        };
        // 1 and 1.0 are the same label.
        let same = |found: &str| {
            found == text || matches!((found.parse::<f64>(), text.parse::<f64>()), (Ok(a), Ok(b)) if a == b)
        };
        let meant = self.label_values.iter().find(|(found, _)| same(found));
        meant.map_or_else(|| value.clone(), |(_, meant)| Value::from(meant.as_str()))
    }
}

/// A label as the task has it: a number on the scale, a label, a winner.
fn understood(task: &Task, row: &Map<String, Value>, value: &Value) -> Result<Value, String> {
    match task {
        Task::Score(given) => {
            let own = row
                .get("rubric")
                .and_then(|rubric| serde_json::from_value::<ScoreRubric>(rubric.clone()).ok());
            let Some(rubric) = own.as_ref().or(given.as_ref()) else { return Ok(Value::Null) };
            let Some((lowest, highest)) = ends(rubric) else { return Ok(Value::Null) };
            Ok(json!(label::score(value, lowest, highest)?))
        }
        Task::Classify(given) => {
            let own = row
                .get("rubric")
                .and_then(|rubric| serde_json::from_value::<ClassRubric>(rubric.clone()).ok());
            let Some(rubric) = own.as_ref().or(given.as_ref()) else { return Ok(Value::Null) };
            let names: Vec<String> = rubric.labels.iter().map(|(name, _)| name.clone()).collect();
            Ok(json!(label::class(value, &names)?))
        }
        Task::Compare(_) | Task::Rank { .. } => Ok(json!(label::winner(value)?)),
    }
}

/// The lowest and the highest score.
pub fn ends(rubric: &ScoreRubric) -> Option<(f64, f64)> {
    let levels = rubric.levels().ok()?;
    Some((levels.first()?.0.value(), levels.last()?.0.value()))
}
