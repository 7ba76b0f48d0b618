//! What is asked, and the answer.

use super::goal::{Goal, GoalChoice};
use super::head::Head;
use super::trace::Trace;
use crate::engine::{Timing, Usage};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// A response whose reward is wanted.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RewardTask {
    pub input: String,
    pub response: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RewardOptions {
    /// What Q is near to; all goals of the head alike where not given.
    pub goal: GoalChoice,
    /// A Q below this is a fall.
    pub threshold: f32,
    /// First tokens in which nothing counts as a fall: after so few nothing is known yet.
    pub ignore: usize,
}

impl RewardOptions {
    /// Fails if no response can be read so, with this head.
    pub fn check(&self, head: &Head) -> Result<()> {
        self.goal(head).map(drop)
    }

    /// The state that was chosen.
    pub(super) fn goal(&self, head: &Head) -> Result<Goal> {
        match self.threshold.is_finite() {
            true => self.goal.state(head.goals()),
            false => Err(Error::InvalidArgument("`threshold` must be a number".into())),
        }
    }
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
