//! What is asked of a judge.

use super::rubric::{ClassRubric, ScoreRubric};
use super::texts::Passages;
use serde::Deserialize;

/// Absolute scoring: a response is given a place on a described scale.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScoreTask {
    /// The instruction that was answered.
    pub input: String,
    /// The answer to be judged.
    pub response: String,
    /// An answer that would have the highest score.
    #[serde(default)]
    pub reference: Option<String>,
    /// Passages that the answer should rest on.
    #[serde(default)]
    pub context: Option<Passages>,
    pub rubric: ScoreRubric,
}

/// One response under several scales.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScoreManyTask {
    pub input: String,
    pub response: String,
    #[serde(default)]
    pub reference: Option<String>,
    #[serde(default)]
    pub context: Option<Passages>,
    pub rubrics: Vec<ScoreRubric>,
}

/// Classification: a response is given one of several described labels.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassTask {
    pub input: String,
    pub response: String,
    #[serde(default)]
    pub reference: Option<String>,
    #[serde(default)]
    pub context: Option<Passages>,
    pub rubric: ClassRubric,
}

/// One response under several sets of labels.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassManyTask {
    pub input: String,
    pub response: String,
    #[serde(default)]
    pub reference: Option<String>,
    #[serde(default)]
    pub context: Option<Passages>,
    pub rubrics: Vec<ClassRubric>,
}

/// Pairwise preference: which of two responses is better.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CompareTask {
    pub input: String,
    pub response_a: String,
    pub response_b: String,
    /// What makes a response the better one.
    pub criteria: String,
    #[serde(default)]
    pub reference: Option<String>,
    #[serde(default)]
    pub context: Option<Passages>,
}

/// Several responses to one input, to be ranked.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RankTask {
    pub input: String,
    pub responses: Vec<String>,
    /// What makes a response the better one.
    pub criteria: String,
    #[serde(default)]
    pub reference: Option<String>,
    #[serde(default)]
    pub context: Option<Passages>,
    #[serde(default)]
    pub schedule: Schedule,
    /// Of a Swiss schedule; where not given, as many as most likely find the best.
    #[serde(default)]
    pub rounds: Option<usize>,
}

/// Who is compared with whom.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Schedule {
    /// Every pair: n·(n − 1) ⁄ 2 comparisons.
    #[default]
    All,
    /// Rounds in which responses of similar strength meet: some n·log₂ n ⁄ 2 comparisons.
    Swiss,
}
