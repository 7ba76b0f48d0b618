//! What the verdicts of a row come to.

use super::terms::{Asked, Terms, ends, own_or};
use serde_json::{Map, Value};

/// What the verdicts of a row come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize)]
pub struct Worth {
    /// The weighted mean of the rubrics' grades, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overall: Option<f64>,
    /// Whether all rubrics are passed that say what passes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passed: Option<bool>,
}

impl Worth {
    /// Of `verdicts`, one for each rubric. A row that lacks one has no worth.
    pub fn of(task: &Map<String, Value>, rubrics: &[Terms], verdicts: &[Option<Value>]) -> Worth {
        let Some(verdicts) = verdicts.iter().map(Option::as_ref).collect::<Option<Vec<_>>>() else {
            return Worth::default();
        };
        let pairs = || rubrics.iter().zip(&verdicts);
        let weights: f64 = rubrics.iter().map(|rubric| rubric.weight).sum();
        let sum: Option<f64> =
            pairs().map(|(rubric, verdict)| Some(rubric.weight * rubric.grade(task, verdict)?)).sum();
        let passes: Vec<bool> = pairs().filter_map(|(rubric, verdict)| rubric.passes(verdict)).collect();
        Worth {
            overall: sum.map(|sum| sum / weights),
            passed: (!passes.is_empty()).then(|| passes.iter().all(|passed| *passed)),
        }
    }
}

impl Terms {
    /// 0 to 1: where the expected score lies on the scale, or the probability of the labels that pass.
    fn grade(&self, task: &Map<String, Value>, verdict: &Value) -> Option<f64> {
        match &self.asked {
            Asked::Score(given) => {
                let (lowest, highest) = ends(&own_or(task, given.as_ref())?)?;
                Some((verdict["expected"].as_f64()? - lowest) / (highest - lowest))
            }
            Asked::Classify(given) if !self.pass.is_empty() => {
                let labels = own_or(task, given.as_ref())?.labels;
                let p = |label: &String| verdict["distribution"][label].as_f64();
                let all: f64 = labels.iter().map(|(label, _)| p(label)).sum::<Option<f64>>()?;
                let passing: f64 = self.pass.iter().map(p).sum::<Option<f64>>()?;
                (all > 0.0).then_some(passing / all)
            }
            _ => None,
        }
    }

    fn passes(&self, verdict: &Value) -> Option<bool> {
        match (&self.asked, self.threshold) {
            (Asked::Score(_), Some(least)) => Some(verdict["score"].as_f64()? >= least),
            (Asked::Classify(_), _) if !self.pass.is_empty() => {
                Some(self.pass.iter().any(|label| verdict["label"] == label.as_str()))
            }
            _ => None,
        }
    }
}
