//! What figures are to be compared with: judges that need no model, and people.

use super::metric::Metric;
use super::report::{Baseline, BaselineName};
use super::row::Task;
use super::sample::{Pair, Sample};
use crate::statistics::{Distance, below, krippendorff_alpha, mean};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// Draws of which a random judge's figure is the mean.
const DRAWS: usize = 100;

/// The figures of the baselines on the same rows.
pub(super) fn baselines(metric: Metric, pairs: &[Pair], sample: &Sample, seed: u64) -> Vec<Baseline> {
    use BaselineName::*;
    let all = [Constant, Majority, Longer, Random];
    let value = |name| match name {
        Constant => Some(metric.of(&constant(pairs, sample)?, sample)),
        Majority => Some(metric.of(&majority(pairs, sample)?, sample)),
        Longer => Some(metric.of(&longer(pairs, sample)?, sample)),
        Random => Some(random(metric, pairs, sample, seed)),
    };
    let fitting = all.into_iter().filter(|name| fits(metric, *name, sample.task));
    fitting.filter_map(|name| Some(Baseline { name, value: value(name)? })).collect()
}

/// Whether a figure of a baseline means anything.
fn fits(metric: Metric, name: BaselineName, task: Task) -> bool {
    use Metric::*;
    let of_numbers =
        matches!(metric, Pearson | Spearman | Kendall | MeanAbsoluteError | RootMeanSquaredError | Bias);
    let of_probabilities = matches!(metric, Auroc | Brier | CalibrationError);
    match name {
        _ if metric == PositionConsistency => false,
        BaselineName::Constant => of_numbers || of_probabilities,
        BaselineName::Majority => !of_numbers && !of_probabilities,
        // A length is no score, but it has an order.
        BaselineName::Longer => match task {
            Task::Score => matches!(metric, Pearson | Spearman | Kendall | Auroc),
            Task::Classify => metric == Auroc,
            Task::Compare => !matches!(metric, Brier | CalibrationError),
        },
        BaselineName::Random => true,
    }
}

/// How often people gave each label.
fn shares(pairs: &[Pair], sample: &Sample) -> Vec<f64> {
    let mut shares = vec![0.0; sample.labels.len()];
    for truth in pairs.iter().filter_map(|pair| pair.truth) {
        shares[truth.label] += 1.0 / pairs.len() as f64;
    }
    shares
}

/// The first of those that people gave most often.
fn commonest(shares: &[f64]) -> usize {
    (0..shares.len()).fold(0, |best, label| if shares[label] > shares[best] { label } else { best })
}

/// The mean of the human scores, with the shares of their answers as probabilities.
fn constant(pairs: &[Pair], sample: &Sample) -> Option<Vec<Pair>> {
    let values: Vec<f64> = pairs.iter().filter_map(|pair| Some(pair.truth?.value)).collect();
    let (predicted, shares) = (mean(&values)?, shares(pairs, sample));
    let answer = commonest(&shares);
    Some(replaced(pairs, |pair| Pair {
        predicted,
        answer,
        confidence: Some(shares[answer]),
        brier: pair.truth.and_then(|truth| sample.brier(&shares, truth.label)),
        ..pair
    }))
}

fn majority(pairs: &[Pair], sample: &Sample) -> Option<Vec<Pair>> {
    let answer = commonest(&shares(pairs, sample));
    (!pairs.is_empty()).then(|| replaced(pairs, |pair| Pair { answer, ..pair }))
}

/// `None` where a row shows no responses.
fn longer(pairs: &[Pair], sample: &Sample) -> Option<Vec<Pair>> {
    let lengths: Option<Vec<(f64, f64)>> = pairs
        .iter()
        .map(|pair| {
            let responses = &sample.rows[pair.row].shown.responses;
            let length = |i: usize| responses.get(i).map(|text| text.chars().count() as f64);
            match sample.task {
                Task::Compare => length(0).zip(length(1)),
                _ => length(0).map(|length| (length, 0.0)),
            }
        })
        .collect();
    let answers = pairs.iter().zip(lengths?).map(|(pair, (first, second))| Pair {
        predicted: first - second,
        answer: match sample.task {
            Task::Compare => 1 - usize::from(first > second) + usize::from(first < second),
            _ => pair.answer,
        },
        ..*pair
    });
    Some(answers.collect())
}

fn random(metric: Metric, pairs: &[Pair], sample: &Sample, seed: u64) -> Option<f64> {
    let labels: Vec<usize> = match sample.task {
        // It never says tie.
        Task::Compare => vec![0, 2],
        _ => (0..sample.labels.len()).collect(),
    };
    let share = 1.0 / labels.len() as f64;
    let even: Vec<f64> =
        (0..sample.labels.len()).map(|label| if labels.contains(&label) { share } else { 0.0 }).collect();
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let figures: Vec<f64> = (0..DRAWS)
        .filter_map(|_| {
            let drawn = replaced(pairs, |pair| {
                let answer = labels[below(&mut random, labels.len())];
                let brier = pair.truth.and_then(|truth| sample.brier(&even, truth.label));
                Pair { predicted: sample.values[answer], answer, confidence: Some(share), brier, ..pair }
            });
            metric.of(&drawn, sample)
        })
        .collect();
    mean(&figures)
}

fn replaced(pairs: &[Pair], by: impl FnMut(Pair) -> Pair) -> Vec<Pair> {
    pairs.iter().copied().map(by).collect()
}

/// The figure of people: the mean over raters of the figure of each against what the other ones agree on; of α, that of
/// all raters. `None` where raters do not overlap, and for figures that need probabilities.
pub(super) fn ceiling(metric: Metric, pairs: &[Pair], sample: &Sample) -> Option<f64> {
    let alpha = |distance| alpha_of_people(pairs.iter().map(|pair| pair.row), sample, distance);
    match metric {
        Metric::Brier | Metric::CalibrationError | Metric::PositionConsistency => return None,
        Metric::Auroc if sample.task != Task::Score => return None,
        Metric::NominalAlpha => return alpha(Distance::Nominal),
        Metric::OrdinalAlpha => return alpha(Distance::Ordinal),
        Metric::IntervalAlpha => return alpha(Distance::Interval),
        _ => {}
    }
    let figures: Vec<f64> = (0..sample.raters)
        .filter_map(|rater| {
            let against_others = |pair: &Pair| {
                let all = &sample.ratings[pair.row];
                let own = (*all.get(rater)?)?;
                let others = all.iter().enumerate().filter(|other| other.0 != rater);
                let truth = sample.consensus(others.filter_map(|other| other.1.as_ref()))?;
                Some(Pair { predicted: own.value, answer: own.label, truth: Some(truth), ..*pair })
            };
            let pairs: Vec<Pair> =
                pairs.iter().filter_map(against_others).filter(|pair| metric.uses(pair, sample)).collect();
            metric.of(&pairs, sample)
        })
        .collect();
    mean(&figures)
}

/// Krippendorff's α of the raters of some rows.
pub(super) fn alpha_of_people(
    rows: impl Iterator<Item = usize>,
    sample: &Sample,
    distance: Distance,
) -> Option<f64> {
    let ratings =
        rows.flat_map(|row| sample.ratings[row].iter().flatten().map(move |rating| (row, rating.value)));
    krippendorff_alpha(&ratings.collect::<Vec<_>>(), distance)
}
