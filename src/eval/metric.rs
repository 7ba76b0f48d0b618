//! The figures of an evaluation by name.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A figure of agreement, error or consistency. What is better, and whether it is defined for a task, its
/// documentation says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Metric {
    /// Pearson's r of expected and human score.
    Pearson,
    /// Spearman's ρ of the same.
    Spearman,
    /// Kendall's τ-b of the same.
    Kendall,
    /// Mean absolute error of the expected score.
    MeanAbsoluteError,
    /// Root of the mean squared error of the expected score.
    RootMeanSquaredError,
    /// Mean of expected − human score.
    Bias,
    /// The share of rows on which judge and people agree exactly. A tie is a third answer of a comparison.
    Accuracy,
    /// The mean of the labels' recalls.
    BalancedAccuracy,
    /// The mean of the labels' F1.
    MacroF1,
    /// Cohen's κ.
    Kappa,
    /// Cohen's κ, a disagreement weighted by its distance.
    LinearKappa,
    /// Cohen's κ, a disagreement weighted by the square of its distance.
    QuadraticKappa,
    /// Krippendorff's α with nominal distances, the judge being one more rater.
    NominalAlpha,
    /// Krippendorff's α with ordinal distances.
    OrdinalAlpha,
    /// Krippendorff's α with interval distances.
    IntervalAlpha,
    /// The area under the ROC curve: the probability that a row that people pass is placed above one that they do not.
    Auroc,
    /// Mean squared error of the probabilities; of two labels' that of one, of several their sum.
    Brier,
    /// Expected calibration error of the probability of what the judge answered.
    CalibrationError,
    /// Accuracy of a comparison where neither judge nor people say tie.
    AccuracyWithoutTies,
    /// Accuracy of a comparison where a tie against a winner is half an agreement.
    AccuracyHalfTies,
    /// The share of comparisons of which both orders name the same winner.
    PositionConsistency,
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.serialize(f)
    }
}

impl Metric {
    /// Whether a judge has become worse when the figure goes from `before` to `after`.
    pub fn is_worse(self, before: f64, after: f64) -> bool {
        match self {
            Metric::MeanAbsoluteError
            | Metric::RootMeanSquaredError
            | Metric::Brier
            | Metric::CalibrationError => after > before,
            // Lenient or strict, both are wrong.
            Metric::Bias => after.abs() > before.abs(),
            _ => after < before,
        }
    }
}
