//! The lines of a run's results, and the report's rows that they become.

use super::terms::{Asked, Terms};
use crate::eval::{Grade, Graded, Settings, Shown};
use crate::judge::Level;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::collections::HashSet;

/// A line of the results, as far as a report needs it.
#[derive(Debug, Deserialize)]
pub struct Line {
    row: u64,
    id: Option<String>,
    group: Option<String>,
    slice: Option<String>,
    #[serde(default)]
    systems: Vec<String>,
    #[serde(default)]
    task: Map<String, Value>,
    #[serde(default)]
    labels: Map<String, Value>,
    #[serde(default)]
    verdicts: Map<String, Value>,
    #[serde(default)]
    errors: Map<String, Value>,
    error: Option<Value>,
}

/// Gathers the lines of a run, each under all of its rubrics.
pub struct Lines {
    rubrics: Vec<Terms>,
    rows: Vec<Graded>,
    ids: HashSet<String>,
}

impl Lines {
    pub fn new(rubrics: Vec<Terms>) -> Lines {
        Lines { rubrics, rows: Vec::new(), ids: HashSet::new() }
    }

    pub fn rubrics(&self) -> &[Terms] {
        &self.rubrics
    }

    pub fn push(&mut self, line: &Line) -> serde_json::Result<()> {
        // A report pairs rows by their ids.
        let id = match &line.id {
            Some(id) if self.ids.insert(id.clone()) => id.clone(),
            Some(id) => format!("{id} (row {})", line.row),
            None => format!("row {}", line.row),
        };
        for rubric in &self.rubrics {
            self.rows.push(line.graded(&id, rubric)?);
        }
        Ok(())
    }

    /// Rows of the report: of each line one for each rubric.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Each rater has a place in all rows of a rubric, whether they rated a row or not.
    pub fn graded(mut self) -> Vec<Graded> {
        for rubric in &self.rubrics {
            let own = |row: &&mut Graded| row.rubric == rubric.name;
            let most = self.rows.iter_mut().filter(own).map(|row| places(&row.grade)).max().unwrap_or(0);
            for row in self.rows.iter_mut().filter(own) {
                match &mut row.grade {
                    Grade::Score { human, .. } => human.resize(most, None),
                    Grade::Classify { human, .. } => human.resize(most, None),
                    Grade::Compare { human, .. } => human.resize(most, None),
                }
            }
        }
        self.rows
    }
}

fn places(grade: &Grade) -> usize {
    match grade {
        Grade::Score { human, .. } => human.len(),
        Grade::Classify { human, .. } => human.len(),
        Grade::Compare { human, .. } => human.len(),
    }
}

impl Line {
    fn graded(&self, id: &str, rubric: &Terms) -> serde_json::Result<Graded> {
        let verdict = self.verdicts.get(&rubric.name);
        let error = self.error.as_ref().or(self.errors.get(&rubric.name));
        let human = self.labels.get(&rubric.name);
        let text = |name: &str| self.task.get(name).and_then(Value::as_str).map(str::to_string);
        let responses = ["response", "responseA", "responseB"].iter().filter_map(|name| text(name)).collect();
        let passages = self.task.get("context").map(|context| match context {
            Value::Array(passages) => {
                passages.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n\n")
            }
            one => one.as_str().unwrap_or_default().to_string(),
        });
        Ok(Graded {
            id: id.to_string(),
            rubric: rubric.name.clone(),
            cluster: self.group.clone(),
            slice: self.slice.clone(),
            systems: self.systems.clone(),
            grade: match rubric.asked {
                Asked::Score(_) => Grade::Score { verdict: read(verdict)?, human: said(human)? },
                Asked::Classify(_) => Grade::Classify { verdict: read(verdict)?, human: said(human)? },
                Asked::Compare => Grade::Compare { verdict: read(verdict)?, human: said(human)? },
            },
            error: error.map(|error| error["message"].as_str().unwrap_or("unknown").to_string()),
            shown: Shown {
                input: text("input").unwrap_or_default(),
                responses,
                reference: text("reference"),
                context: passages,
                prompt: None,
                critique: verdict.and_then(|verdict| verdict["critique"].as_str()).map(str::to_string),
            },
        })
    }
}

fn read<T: DeserializeOwned>(verdict: Option<&Value>) -> serde_json::Result<Option<T>> {
    verdict.cloned().map(serde_json::from_value).transpose()
}

fn said<T: DeserializeOwned>(human: Option<&Value>) -> serde_json::Result<Vec<Option<T>>> {
    human.cloned().map_or(Ok(Vec::new()), serde_json::from_value)
}

/// The settings of a run's report. Scale and labels are the report's where all rubrics have the same.
pub fn settings(rubrics: &[Terms], seed: u64, rows: usize) -> Settings {
    Settings {
        seed,
        scale: shared(rubrics, levels),
        labels: shared(rubrics, names),
        pass: shared(rubrics, |rubric| rubric.threshold),
        resamples: Settings::resamples_for(rows),
        ..Settings::default()
    }
}

fn shared<T: PartialEq>(rubrics: &[Terms], of: fn(&Terms) -> Option<T>) -> Option<T> {
    let first = of(rubrics.first()?)?;
    rubrics.iter().all(|rubric| of(rubric).as_ref() == Some(&first)).then_some(first)
}

fn levels(rubric: &Terms) -> Option<Vec<Level>> {
    let Asked::Score(Some(rubric)) = &rubric.asked else { return None };
    Some(rubric.levels().ok()?.into_iter().map(|level| level.0).collect())
}

fn names(rubric: &Terms) -> Option<Vec<String>> {
    let Asked::Classify(Some(rubric)) = &rubric.asked else { return None };
    Some(rubric.labels.iter().map(|(name, _)| name.clone()).collect())
}
