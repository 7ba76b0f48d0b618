//! The result of one comparison, as rankings are made of.

use super::compare::Winner;
use crate::{Error, Result};
use serde::Deserialize;

/// What became of one comparison of players `a` and `b`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(try_from = "Reported")]
pub struct PairwiseResult {
    pub a: usize,
    pub b: usize,
    /// 1: a won, 0: b won, ½: a tie; what lies between is a judge's p(a is better).
    pub probability_a: f64,
}

/// A result as it comes from outside: a winner or a probability.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Reported {
    a: usize,
    b: usize,
    winner: Option<Winner>,
    probability_a: Option<f64>,
}

impl TryFrom<Reported> for PairwiseResult {
    type Error = Error;

    fn try_from(reported: Reported) -> Result<PairwiseResult> {
        let Reported { a, b, winner, probability_a } = reported;
        let probability_a = match (winner, probability_a) {
            (Some(Winner::A), None) => 1.0,
            (Some(Winner::B), None) => 0.0,
            (Some(Winner::Tie), None) => 0.5,
            (None, Some(p)) => p,
            _ => {
                let what = "a result has either a `winner` or a `probabilityA`: give one of them";
                return Err(Error::InvalidArgument(what.into()));
            }
        };
        Ok(PairwiseResult { a, b, probability_a })
    }
}
