//! What each figure is, which rows it is made of, and how sure it is.

use super::metric::Metric;
use super::report::{Interval, Method};
use super::row::Task;
use super::sample::{Pair, Sample, Truth};
use super::settings::Settings;
use crate::statistics::{
    Distance, Weights, accuracy, auroc, balanced_accuracy, bca, bias, calibration_error, cohen_kappa,
    kendall, krippendorff_alpha, macro_f1, mean, mean_absolute_error, pearson, reliability, resampled,
    root_mean_squared_error, spearman, wilson,
};

/// The figures of a task, in the order in which a report has them.
pub(super) fn metrics(task: Task, labels: usize) -> Vec<Metric> {
    use Metric::*;
    match task {
        Task::Score => vec![
            Pearson,
            Spearman,
            Kendall,
            MeanAbsoluteError,
            RootMeanSquaredError,
            Bias,
            Accuracy,
            BalancedAccuracy,
            Kappa,
            LinearKappa,
            QuadraticKappa,
            NominalAlpha,
            OrdinalAlpha,
            IntervalAlpha,
            Auroc,
            Brier,
            CalibrationError,
        ],
        Task::Classify => {
            let all =
                [Accuracy, BalancedAccuracy, MacroF1, Kappa, NominalAlpha, Auroc, Brier, CalibrationError];
            all.into_iter().filter(|metric| *metric != Auroc || labels == 2).collect()
        }
        Task::Compare => vec![
            Accuracy,
            AccuracyWithoutTies,
            AccuracyHalfTies,
            Kappa,
            NominalAlpha,
            Auroc,
            Brier,
            CalibrationError,
            PositionConsistency,
        ],
    }
}

impl Metric {
    /// Whether a pair enters the figure.
    pub(super) fn uses(self, pair: &Pair, sample: &Sample) -> bool {
        let Some(truth) = &pair.truth else {
            return self == Metric::PositionConsistency && pair.consistent.is_some();
        };
        match self {
            Metric::PositionConsistency => pair.consistent.is_some(),
            Metric::Auroc => truth.positive.is_some(),
            Metric::Brier => pair.brier.is_some(),
            Metric::CalibrationError => pair.confidence.is_some(),
            Metric::AccuracyWithoutTies => {
                ![pair.answer, truth.label].iter().any(|&i| sample.values[i] == 0.5)
            }
            _ => true,
        }
    }

    /// The figure of pairs that it uses.
    pub(super) fn of(self, pairs: &[Pair], sample: &Sample) -> Option<f64> {
        let truths = || pairs.iter().filter_map(|pair| Some((pair, pair.truth?)));
        let numbers = || truths().map(|(pair, truth)| (pair.predicted, truth.value)).collect::<Vec<_>>();
        let labels = || truths().map(|(pair, truth)| (truth.label, pair.answer)).collect::<Vec<_>>();
        let count = sample.labels.len();
        match self {
            Metric::Pearson => pearson(&numbers()),
            Metric::Spearman => spearman(&numbers()),
            Metric::Kendall => kendall(&numbers()),
            Metric::MeanAbsoluteError => mean_absolute_error(&numbers()),
            Metric::RootMeanSquaredError => root_mean_squared_error(&numbers()),
            Metric::Bias => bias(&numbers()),
            Metric::Accuracy | Metric::AccuracyWithoutTies => accuracy(&labels()),
            Metric::AccuracyHalfTies => {
                mean(&truths().map(|(pair, truth)| half(pair, &truth)).collect::<Vec<_>>())
            }
            Metric::BalancedAccuracy => balanced_accuracy(&labels(), count),
            Metric::MacroF1 => macro_f1(&labels(), count),
            Metric::Kappa => cohen_kappa(&labels(), Weights::Equal),
            Metric::LinearKappa => cohen_kappa(&labels(), Weights::Linear),
            Metric::QuadraticKappa => cohen_kappa(&labels(), Weights::Quadratic),
            Metric::NominalAlpha => alpha(pairs, sample, Distance::Nominal),
            Metric::OrdinalAlpha => alpha(pairs, sample, Distance::Ordinal),
            Metric::IntervalAlpha => alpha(pairs, sample, Distance::Interval),
            Metric::Auroc => auroc(&ranked(pairs)).map(|found| found.area),
            Metric::Brier => mean(&pairs.iter().filter_map(|pair| pair.brier).collect::<Vec<_>>()),
            Metric::CalibrationError => calibration_error(&reliability(&believed(pairs), sample.bins)),
            Metric::PositionConsistency => {
                mean(&pairs.iter().filter_map(|pair| Some(f64::from(pair.consistent?))).collect::<Vec<_>>())
            }
        }
    }

    /// Which of the pairs count, where the figure is a share of them.
    fn hit(self, pair: &Pair) -> Option<bool> {
        match self {
            Metric::Accuracy | Metric::AccuracyWithoutTies => Some(pair.truth?.label == pair.answer),
            Metric::PositionConsistency => pair.consistent,
            _ => None,
        }
    }
}

/// A tie against a winner is half an agreement. `values` of winners lie ½ apart from that of a tie.
fn half(pair: &Pair, truth: &Truth) -> f64 {
    1.0 - 0.5 * pair.answer.abs_diff(truth.label) as f64
}

fn alpha(pairs: &[Pair], sample: &Sample, distance: Distance) -> Option<f64> {
    let ratings = pairs.iter().enumerate().flat_map(|(unit, pair)| {
        let people = sample.ratings[pair.row].iter().flatten().map(|rating| rating.value);
        people.chain([sample.values[pair.answer]]).map(move |value| (unit, value))
    });
    krippendorff_alpha(&ratings.collect::<Vec<_>>(), distance)
}

fn ranked(pairs: &[Pair]) -> Vec<(f64, bool)> {
    pairs.iter().filter_map(|pair| Some((pair.predicted, pair.truth?.positive?))).collect()
}

/// The probability of each answer, and whether it was right.
pub(super) fn believed(pairs: &[Pair]) -> Vec<(f64, bool)> {
    pairs.iter().filter_map(|pair| Some((pair.confidence?, pair.truth?.label == pair.answer))).collect()
}

/// The interval of a figure: by a formula where rows stand alone and there is one, else by the bootstrap.
pub(super) fn interval(
    metric: Metric,
    value: f64,
    pairs: &[Pair],
    sample: &Sample,
    settings: &Settings,
) -> Option<Interval> {
    let confidence = settings.confidence;
    let with = |method| move |[low, high]: [f64; 2]| Interval { low, high, method };
    let hits: Option<Vec<bool>> = pairs.iter().map(|pair| metric.hit(pair)).collect();
    match (hits, sample.clustered()) {
        (Some(hits), false) => {
            let right = hits.iter().filter(|hit| **hit).count();
            wilson(right, hits.len(), confidence).map(with(Method::Wilson))
        }
        (_, false) if metric == Metric::Auroc => {
            auroc(&ranked(pairs))?.interval(confidence).map(with(Method::DeLong))
        }
        _ => {
            let of = |rows: &[usize]| {
                let drawn: Vec<Pair> = rows.iter().map(|&row| pairs[row]).collect();
                metric.of(&drawn, sample)
            };
            let found = resampled(&sample.units(pairs), settings.resamples, settings.seed, of)?;
            bca(value, &found, confidence).map(with(Method::Bca))
        }
    }
}
