//! A rubric of a run, and what its verdicts count.

use crate::eval::Task;
use crate::judge::{ClassRubric, ScoreRubric};
use crate::{Error, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Written")]
pub struct Terms {
    pub name: String,
    pub asked: Asked,
    /// The rubric as it was written, which verdicts depend on.
    pub given: Value,
    /// Among the run's rubrics.
    pub weight: f64,
    /// The least score that passes.
    pub threshold: Option<f64>,
    /// The labels that pass.
    pub pass: Vec<String>,
}

/// What is asked of every row, with the rubric for those that bring none.
#[derive(Debug, Clone)]
pub enum Asked {
    Score(Option<ScoreRubric>),
    Classify(Option<ClassRubric>),
    Compare,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    name: String,
    task: Task,
    #[serde(default)]
    rubric: Value,
    weight: Option<f64>,
    threshold: Option<f64>,
    #[serde(default)]
    pass: Vec<String>,
}

impl TryFrom<Written> for Terms {
    type Error = Error;

    fn try_from(written: Written) -> Result<Terms> {
        let Written { name, task, rubric, weight, threshold, pass } = written;
        let asked = Asked::of(task, rubric.clone())
            .map_err(|e| Error::InvalidArgument(format!("the rubric {name:?}: {e}")))?;
        Ok(Terms { name, asked, given: rubric, weight: weight.unwrap_or(1.0), threshold, pass })
    }
}

impl Asked {
    fn of(task: Task, rubric: Value) -> serde_json::Result<Asked> {
        Ok(match task {
            Task::Score => Asked::Score(serde_json::from_value(rubric)?),
            Task::Classify => Asked::Classify(serde_json::from_value(rubric)?),
            Task::Compare => Asked::Compare,
        })
    }

    pub fn task(&self) -> Task {
        match self {
            Asked::Score(_) => Task::Score,
            Asked::Classify(_) => Task::Classify,
            Asked::Compare => Task::Compare,
        }
    }

    /// Whether a verdict may have this label.
    fn knows(&self, label: &str) -> bool {
        match self {
            Asked::Classify(Some(rubric)) => rubric.labels.iter().any(|(known, _)| known == label),
            Asked::Classify(None) => true,
            _ => false,
        }
    }
}

impl Terms {
    /// Refuses rubrics that cannot be told apart, that are for different tasks, or whose verdicts would count for nothing.
    pub fn check(rubrics: &[Terms]) -> Result<()> {
        let wrong = |what: String| Err(Error::InvalidArgument(what));
        for (i, Terms { name, asked, weight, threshold, pass, .. }) in rubrics.iter().enumerate() {
            if rubrics[..i].iter().any(|other| other.name == *name) {
                return wrong(format!("two rubrics have the name {name:?}: give them names of their own"));
            }
            if rubrics.iter().any(|other| other.asked.task() != asked.task()) {
                return wrong("the rubrics are for different tasks: evaluate them one by one".into());
            }
            if !(weight.is_finite() && *weight >= 0.0) {
                return wrong(format!("the weight of {name:?} is {weight}; it is 0 or more"));
            }
            if threshold.is_some() && asked.task() != Task::Score {
                return wrong(format!(
                    "{name:?} has a threshold, which is for scores; labels that pass are in `pass`"
                ));
            }
            if let Some(label) = pass.iter().find(|label| !asked.knows(label)) {
                return wrong(format!("`pass` of {name:?} has {label:?}, which is none of its labels"));
            }
        }
        match rubrics.iter().map(|rubric| rubric.weight).sum::<f64>() > 0.0 {
            true => Ok(()),
            false => wrong("all rubrics have the weight 0: one of them has to count".into()),
        }
    }
}

/// The row's own rubric, else the run's.
pub(super) fn own_or<T: DeserializeOwned + Clone>(task: &Map<String, Value>, given: Option<&T>) -> Option<T> {
    let own = task.get("rubric").and_then(|rubric| serde_json::from_value(rubric.clone()).ok());
    own.or_else(|| given.cloned())
}

/// The lowest and the highest score.
pub(super) fn ends(rubric: &ScoreRubric) -> Option<(f64, f64)> {
    let levels = rubric.levels().ok()?;
    Some((levels.first()?.0.value(), levels.last()?.0.value()))
}
