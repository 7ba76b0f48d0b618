//! What an evaluation is asked for beside its rows.

use super::metric::Metric;
use crate::judge::Level;
use crate::statistics::usable;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

pub const MOST_ROWS: usize = 1_000_000;
const MOST_RESAMPLES: usize = 100_000;
/// Rows × resamples: a minute of work.
const MOST_WORK: usize = 200_000_000;
/// The same: some seconds.
const QUICK_WORK: usize = 20_000_000;
const FEWEST_RESAMPLES: usize = 200;
const MOST_BINS: usize = 100;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Settings {
    pub seed: u64,
    /// Resamples of the bootstrap; 0: only intervals that have a formula.
    pub resamples: usize,
    /// The share of intervals that are to hold the true value.
    pub confidence: f64,
    /// Bins of the reliability diagram, equally wide.
    pub bins: usize,
    /// The width of an interval for which the report says how many labels it needs.
    pub width: f64,
    /// The lowest human score that counts as a pass, for AUROC; the middle of the scale where not given.
    pub pass: Option<f64>,
    /// The levels of the scale, between which κ counts agreement; those that occur where not given.
    pub scale: Option<Vec<Level>>,
    /// The labels; those that occur where not given. With two, the first is the positive one.
    pub labels: Option<Vec<String>>,
    /// What the figures must reach.
    pub thresholds: Vec<Threshold>,
    /// The systems that are the judge itself: the report tells whether it prefers its own responses.
    pub own: Vec<String>,
}

/// A bound that a figure must keep. An undefined figure keeps none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Threshold {
    /// Of this rubric only; of each where not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rubric: Option<String>,
    pub metric: Metric,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<f64>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            seed: 0,
            resamples: 2000,
            confidence: 0.95,
            bins: 10,
            width: 0.1,
            pass: None,
            scale: None,
            labels: None,
            thresholds: Vec::new(),
            own: Vec::new(),
        }
    }
}

impl Settings {
    /// Resamples for so many rows: the default, or what takes seconds. Intervals of large sets are narrow, and need fewer.
    pub fn resamples_for(rows: usize) -> usize {
        (QUICK_WORK / rows.max(1)).clamp(FEWEST_RESAMPLES, Settings::default().resamples)
    }

    /// Refuses what would mean nothing or take forever with this many rows.
    pub(super) fn check(&self, rows: usize) -> Result<()> {
        let wrong = |what: String| Err(Error::InvalidArgument(what));
        if rows > MOST_ROWS {
            return wrong(format!("there are {rows} rows; the most is {MOST_ROWS}"));
        }
        if self.resamples > MOST_RESAMPLES || self.resamples.saturating_mul(rows) > MOST_WORK {
            return wrong(format!(
                "`resamples` is {}; with {rows} rows the most is {}",
                self.resamples,
                MOST_RESAMPLES.min(MOST_WORK / rows.max(1))
            ));
        }
        if !(0.5..=0.999).contains(&self.confidence) {
            return wrong(format!("`confidence` is {}; it must be between 0.5 and 0.999", self.confidence));
        }
        if !(1..=MOST_BINS).contains(&self.bins) {
            return wrong(format!("`bins` is {}; it must be between 1 and {MOST_BINS}", self.bins));
        }
        if !(0.001..=1e6).contains(&self.width) {
            return wrong(format!("`width` is {}; it must be between 0.001 and 1e6", self.width));
        }
        if let Some(pass) = self.pass {
            usable(pass, || "pass".into())?;
        }
        for (i, threshold) in self.thresholds.iter().enumerate() {
            let bounds = [threshold.at_least, threshold.at_most];
            if bounds == [None, None] || bounds.iter().flatten().any(|bound| !bound.is_finite()) {
                return wrong(format!("`thresholds[{i}]` needs a number as `atLeast` or `atMost`"));
            }
        }
        Ok(())
    }
}
