//! Rows of an evaluation: what the judge said of each, and what people said.

use super::pairs;
use crate::judge::{Level, Winner};
use serde::{Deserialize, Serialize};

/// One row under one rubric: the judge's verdict, or why there is none, beside what people said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Graded {
    /// Unique among the rows of its rubric: two runs are paired by it.
    pub id: String,
    /// The rubric or criterion that the row was judged under. Each one is a section of the report.
    #[serde(default)]
    pub rubric: String,
    /// What rows share that are not independent of each other: a document, a conversation, an author. Intervals then
    /// come from resampling whole clusters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// What kind of row it is: the report has figures of each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slice: Option<String>,
    /// Who wrote the response, or A and B; empty where that is not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub systems: Vec<String>,
    #[serde(flatten)]
    pub grade: Grade,
    /// Why there is no verdict. Such a row is counted and shown, and is in no figure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    #[serde(default)]
    pub shown: Shown,
}

/// The verdict of a row by its task. `human` has a place for each rater, the same one in all rows of a rubric, and
/// `None` where a rater gave no answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "lowercase")]
pub enum Grade {
    Score { verdict: Option<Scored>, human: Vec<Option<f64>> },
    Classify { verdict: Option<Classified>, human: Vec<Option<String>> },
    Compare { verdict: Option<Compared>, human: Vec<Option<Winner>> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    Score,
    Classify,
    Compare,
}

impl Task {
    pub fn name(self) -> &'static str {
        match self {
            Task::Score => "score",
            Task::Classify => "classify",
            Task::Compare => "compare",
        }
    }
}

impl Grade {
    pub fn task(&self) -> Task {
        match self {
            Grade::Score { .. } => Task::Score,
            Grade::Classify { .. } => Task::Classify,
            Grade::Compare { .. } => Task::Compare,
        }
    }
}

/// What an evaluation needs of a [`ScoreVerdict`](crate::judge::ScoreVerdict), which is written down alike.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Scored {
    pub score: Level,
    /// Σ p·s over the scale.
    pub expected: f64,
    #[serde(with = "pairs")]
    pub distribution: Vec<(Level, f64)>,
}

/// What an evaluation needs of a [`ClassVerdict`](crate::judge::ClassVerdict).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Classified {
    pub label: String,
    #[serde(with = "pairs")]
    pub distribution: Vec<(String, f64)>,
}

/// What an evaluation needs of a [`PreferenceVerdict`](crate::judge::PreferenceVerdict).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Compared {
    pub winner: Winner,
    /// p(A is the better one).
    pub probability_a: f64,
    /// Whether both orders name the same winner; `None` where only one was judged.
    #[serde(default)]
    pub consistent: Option<bool>,
}

/// Texts for the reader of a report. Only the lengths of the responses enter a figure: the baselines that prefer the
/// longer response.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Shown {
    pub input: String,
    /// One response, or A and B.
    pub responses: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// The prompt as the model was given it, where the caller kept it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub critique: Option<String>,
}
