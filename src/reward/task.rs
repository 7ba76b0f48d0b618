//! What is asked, and the answer.

use super::goal::GoalChoice;
use super::trace::Trace;
use crate::engine::{Timing, Usage};
use serde::{Deserialize, Serialize};

/// A response whose reward is wanted.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RewardTask {
    pub input: String,
    pub response: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RewardOptions {
    /// What Q is near to; all goals of the head alike where not given.
    pub goal: GoalChoice,
    /// A Q below this is a fall.
    pub threshold: f32,
    /// First tokens in which nothing counts as a fall: after so few nothing is known yet.
    pub ignore: usize,
}

impl Default for RewardOptions {
    fn default() -> Self {
        RewardOptions { goal: GoalChoice::default(), threshold: 0.0, ignore: 5 }
    }
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RewardVerdict {
    /// Higher is better. It has no unit: only the rewards of one head can be compared.
    pub reward: f32,
    /// Q at the end of the turn, −1 to 1.
    pub end: f32,
    /// The texts of the response's tokens.
    pub tokens: Vec<String>,
    #[serde(flatten)]
    pub trace: Trace,
    pub usage: Usage,
    pub timing: Timing,
}
