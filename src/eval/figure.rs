//! The figures of a sample, each with what it takes to read it.

use super::baseline::{baselines, ceiling};
use super::measure::{interval, metrics};
use super::metric::Metric;
use super::report::{Figure, Interval};
use super::sample::{Pair, Sample};
use super::settings::Settings;
use crate::statistics::labels_for_width;

/// Those of its task, in the order of a report.
pub(super) fn figures(sample: &Sample, settings: &Settings) -> Vec<Figure> {
    let metrics = metrics(sample.task, sample.labels.len());
    metrics.into_iter().map(|metric| figure(metric, sample, settings)).collect()
}

fn figure(metric: Metric, sample: &Sample, settings: &Settings) -> Figure {
    let mut pairs: Vec<Pair> =
        sample.pairs.iter().filter(|pair| metric.uses(pair, sample)).copied().collect();
    // No figure depends on their order, and those of ranks are faster so.
    pairs.sort_by(|a, b| a.predicted.total_cmp(&b.predicted));
    let value = metric.of(&pairs, sample);
    let interval = value.and_then(|value| interval(metric, value, &pairs, sample, settings));
    let needed = |found: Interval| labels_for_width(pairs.len(), found.high - found.low, settings.width);
    Figure {
        metric,
        value,
        n: pairs.len(),
        interval,
        baselines: baselines(metric, &pairs, sample, settings.seed),
        ceiling: ceiling(metric, &pairs, sample),
        labels_needed: interval.and_then(needed),
    }
}
