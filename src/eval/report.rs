//! The report of an evaluation, as data: all renderings are made of it alone.

use super::metric::Metric;
use super::row::{Graded, Task};
use super::settings::{Settings, Threshold};
use serde::{Deserialize, Serialize};

/// The layout of a report's JSON. Readers refuse one that they do not know.
pub const VERSION: u32 = 1;

/// How far a judge agrees with people, for each rubric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub version: u32,
    pub settings: Settings,
    /// One for each rubric, in the order of their first rows.
    pub sections: Vec<Section>,
    pub checks: Vec<Check>,
    /// How far changes that a fair judge does not mind moved the verdicts; empty where nobody probed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub probes: Vec<Effect>,
    /// In the order given.
    pub rows: Vec<Row>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Section {
    pub rubric: String,
    pub task: Task,
    pub counts: Counts,
    pub figures: Vec<Figure>,
    /// Precision, recall and F1 of each label, level or winner.
    pub labels: Vec<LabelFigures>,
    pub confusion: Confusion,
    pub reliability: Vec<Bin>,
    /// How far people agree among each other.
    pub raters: Raters,
    /// Figures of each kind of rows, in the order of the first ones; empty where all rows are of one kind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slices: Vec<Slice>,
    /// Of comparisons that name who wrote the responses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaderboard: Option<Leaderboard>,
    /// What a reader of the figures should know, in words.
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    pub rows: usize,
    /// Rows without a verdict.
    pub failed: usize,
    /// Rows with a verdict and what people agree on: those that figures are made of.
    pub compared: usize,
    /// Rows that nobody labelled.
    pub unlabelled: usize,
    /// Rows whose raters agree on nothing: no answer has more votes than any other.
    pub contested: usize,
    /// Groups of rows that are resampled as one; `None` where every row stands alone.
    pub clusters: Option<usize>,
}

/// A number with what it takes to read it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Figure {
    pub metric: Metric,
    /// `None` where it is not defined: of no rows, of a constant column.
    pub value: Option<f64>,
    /// The rows that it is made of.
    pub n: usize,
    pub interval: Option<Interval>,
    /// The same figure of judges that need no model, in this order: constant, majority, longer, random. Those for which it
    /// means nothing are left out.
    pub baselines: Vec<Baseline>,
    /// The same figure of people: each rater against the other ones, in the mean.
    pub ceiling: Option<f64>,
    /// Labels for an interval of the width that the settings name.
    pub labels_needed: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
    pub method: Method,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Bootstrap, bias-corrected and accelerated (Efron, "Better bootstrap confidence intervals", 1987).
    Bca,
    /// Of the area under a ROC curve (DeLong and others, 1988).
    DeLong,
    /// Of a share (Wilson, 1927).
    Wilson,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    pub name: BaselineName,
    pub value: Option<f64>,
}

/// A judge that needs no model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BaselineName {
    /// Always the mean of the human scores.
    Constant,
    /// Always the answer that people gave most often.
    Majority,
    /// The longer response; of a score, the length of the response.
    Longer,
    /// Any answer, equally likely: the mean of many draws.
    Random,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LabelFigures {
    pub label: String,
    /// How often people gave it, and how often the judge.
    pub human: usize,
    pub judge: usize,
    pub precision: Option<f64>,
    pub recall: Option<f64>,
    pub f1: Option<f64>,
    /// Of its probability, against all other labels.
    pub auroc: Option<f64>,
    pub auroc_interval: Option<Interval>,
}

/// `counts[h][j]`: rows of which people said `labels[h]` and the judge `labels[j]`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Confusion {
    pub labels: Vec<String>,
    pub counts: Vec<Vec<usize>>,
}

/// One bin of a reliability diagram, over the probability of what the judge answered.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    pub from: f64,
    pub to: f64,
    pub n: usize,
    /// The mean probability in the bin, and the share that was right; `None` for an empty one.
    pub confidence: Option<f64>,
    pub accuracy: Option<f64>,
}

/// How far people agree.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Raters {
    /// Those that gave any answer.
    pub raters: usize,
    /// Rows that two or more of them answered.
    pub overlapping: usize,
    /// The share of pairs of raters that gave the same answer, over all rows.
    pub pairwise_agreement: Option<f64>,
    /// Krippendorff's α among people alone.
    pub nominal_alpha: Option<f64>,
    pub ordinal_alpha: Option<f64>,
    pub interval_alpha: Option<f64>,
}

/// The rows of one kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Slice {
    pub name: String,
    pub counts: Counts,
    pub figures: Vec<Figure>,
}

/// Who wins the comparisons, by the judge and by people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Leaderboard {
    /// The judge's best first.
    pub systems: Vec<System>,
    /// Rows with a verdict on responses of two systems, and those of them on which people agree.
    pub judged: usize,
    pub labelled: usize,
    /// Rows with a verdict that do not name two different systems.
    pub unnamed: usize,
    /// Kendall's τ-b between the judge's strengths and people's.
    pub agreement: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct System {
    pub name: String,
    pub judge: Rating,
    /// By the rows that people labelled; `None` where this system is in none of them.
    pub human: Option<Rating>,
}

/// Where a system stands.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rating {
    /// From 1; equals share the best of their ranks.
    pub rank: usize,
    pub wins: usize,
    pub ties: usize,
    pub losses: usize,
    /// Bradley–Terry θ, with a percentile interval of the bootstrap. The mean of all systems is 0.
    pub strength: f64,
    pub interval: Option<[f64; 2]>,
    /// Elo as in Judge Arena: from 1200 with K = 32, in the order of the rows, which it depends on.
    pub elo: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    pub rubric: String,
    pub threshold: Threshold,
    pub value: Option<f64>,
    pub passed: bool,
}

/// What a bias probe found under one rubric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Effect {
    pub rubric: String,
    pub probe: String,
    /// The change, by name; a probe can have several.
    pub variant: String,
    /// Rows with a verdict before and after the change.
    pub n: usize,
    /// Rows that lack one of them.
    pub failed: usize,
    /// The mean of after − before: of the expected score, the probability of passing or that of winning.
    pub shift: Option<Estimate>,
    /// The share of rows whose answer is another one after the change.
    pub changed: Option<Estimate>,
    /// Of attacks: the share of rows that have a better verdict after it, of those that could have one: a higher score, a label that
    /// passes, a win.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raised: Option<Estimate>,
    /// Where the response was replaced by nothing: how often that passes or wins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed: Option<Estimate>,
    /// The same: how often it is judged better than the response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferred: Option<Estimate>,
    /// What it means, in words.
    pub sentence: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    pub value: f64,
    /// `None` where there are too few rows for one, or all are alike.
    pub interval: Option<Interval>,
}

/// A row and where it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    #[serde(flatten)]
    pub graded: Graded,
    /// What people agree on: the mean of scores, the label or winner with most votes; `None` without one.
    pub consensus: Option<String>,
    /// How far the judge is from it: |expected − human| of a score, else 1 − the judge's probability of it. Greater is worse.
    pub disagreement: Option<f64>,
}
