//! What is asked of a judge.

use super::{ClassRubric, ScoreRubric};
use crate::{Error, Result};
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

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Passages {
    One(String),
    Many(Vec<String>),
}

impl Passages {
    fn joined(&self) -> Option<String> {
        let passages = match self {
            Passages::One(passage) => std::slice::from_ref(passage),
            Passages::Many(passages) => passages,
        };
        let marked: Vec<String> = passages.iter().map(|passage| format!("Context:\n{passage}")).collect();
        (!marked.is_empty()).then(|| marked.join("\n\n"))
    }
}

/// The texts of a task, without what they are judged by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Texts {
    pub input: String,
    pub responses: Vec<String>,
    pub reference: Option<String>,
    pub context: Option<String>,
}

impl Texts {
    pub fn new(
        input: &str,
        responses: &[&str],
        reference: &Option<String>,
        context: &Option<Passages>,
    ) -> Result<Texts> {
        let texts = Texts {
            input: input.into(),
            responses: responses.iter().map(|response| response.to_string()).collect(),
            reference: reference.clone(),
            context: context.as_ref().and_then(Passages::joined),
        };
        // What no prompt could hold is refused before it is copied about and tokenized.
        const MOST: usize = 1 << 26;
        let bytes = texts.all().map(str::len).sum::<usize>();
        match bytes <= MOST {
            true => Ok(texts),
            false => Err(Error::InvalidArgument(format!(
                "the texts of the task have {bytes} bytes; {MOST} are the most that is accepted. Shorten them."
            ))),
        }
    }

    fn all(&self) -> impl Iterator<Item = &str> {
        let optional = [&self.reference, &self.context].into_iter().flatten();
        self.responses.iter().chain([&self.input]).chain(optional).map(String::as_str)
    }

    /// The same texts with the two responses in each other's place.
    pub fn swapped(&self) -> Texts {
        Texts { responses: self.responses.iter().rev().cloned().collect(), ..self.clone() }
    }
}
