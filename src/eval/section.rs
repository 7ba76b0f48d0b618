//! One rubric's part of a report.

use super::arena::leaderboard;
use super::baseline::alpha_of_people;
use super::figure::figures;
use super::measure::believed;
use super::report::{Bin, Confusion, Interval, LabelFigures, Method, Raters, Section};
use super::row::Task;
use super::sample::{Pair, Sample};
use super::settings::Settings;
use super::slices::slices;
use crate::Result;
use crate::statistics::{Distance, ReliabilityBin, auroc, confusion, constant, counts, reliability};

/// Fewer rows say little.
const FEW: usize = 30;

pub(super) fn section(sample: &Sample, settings: &Settings) -> Result<Section> {
    let compared: Vec<Pair> = sample.compared().copied().collect();
    let labelled: Vec<(usize, usize)> =
        compared.iter().filter_map(|pair| Some((pair.truth?.label, pair.answer))).collect();
    let bin = |bin: ReliabilityBin| {
        let ReliabilityBin { from, to, n, confidence, accuracy } = bin;
        Bin { from, to, n, confidence, accuracy }
    };
    let (slices, too_many) = slices(sample, settings)?;
    let (leaderboard, too_long) = leaderboard(sample, settings)?;
    Ok(Section {
        rubric: sample.rows[0].rubric.clone(),
        task: sample.task,
        counts: sample.counts(),
        figures: figures(sample, settings),
        labels: label_figures(sample, &compared, &labelled, settings),
        confusion: Confusion {
            labels: sample.labels.clone(),
            counts: confusion(&labelled, sample.labels.len()),
        },
        reliability: reliability(&believed(&compared), sample.bins).into_iter().map(bin).collect(),
        raters: raters(sample),
        notes: notes(sample, &compared).into_iter().chain(too_many).chain(too_long).collect(),
        slices,
        leaderboard,
    })
}

fn label_figures(
    sample: &Sample,
    compared: &[Pair],
    labelled: &[(usize, usize)],
    settings: &Settings,
) -> Vec<LabelFigures> {
    let of_label = |(label, counts): (usize, crate::statistics::Counts)| {
        let ranked: Vec<(f64, bool)> = compared
            .iter()
            .filter_map(|pair| {
                let p = sample.distributions[pair.row].get(label)?;
                Some((*p, pair.truth?.label == label))
            })
            .collect();
        // A comparison has no probability of a tie.
        let area = auroc(&ranked).filter(|_| sample.task != Task::Compare);
        let interval =
            area.filter(|_| !sample.clustered()).and_then(|area| area.interval(settings.confidence));
        LabelFigures {
            label: sample.labels[label].clone(),
            human: counts.truth,
            judge: counts.answers,
            precision: counts.precision(),
            recall: counts.recall(),
            f1: counts.f1(),
            auroc: area.map(|area| area.area),
            auroc_interval: interval.map(|[low, high]| Interval { low, high, method: Method::DeLong }),
        }
    };
    counts(labelled, sample.labels.len()).into_iter().enumerate().map(of_label).collect()
}

fn raters(sample: &Sample) -> Raters {
    let answered =
        |rater: usize| sample.ratings.iter().any(|all| all.get(rater).is_some_and(Option::is_some));
    // Ordered pairs of raters of the same row, and those of them that said the same.
    let of = |n: u64| n * n.saturating_sub(1);
    let (mut pairs, mut alike, mut overlapping) = (0u64, 0u64, 0);
    for all in &sample.ratings {
        let mut values: Vec<f64> = all.iter().flatten().map(|rating| rating.value).collect();
        values.sort_by(f64::total_cmp);
        let n = values.len() as u64;
        overlapping += usize::from(n > 1);
        pairs += of(n);
        alike += values.chunk_by(|a, b| a == b).map(|same| of(same.len() as u64)).sum::<u64>();
    }
    let alpha = |distance| alpha_of_people(0..sample.rows.len(), sample, distance);
    let ordered = sample.task == Task::Score;
    Raters {
        raters: (0..sample.raters).filter(|rater| answered(*rater)).count(),
        overlapping,
        pairwise_agreement: (pairs > 0).then(|| alike as f64 / pairs as f64),
        nominal_alpha: alpha(Distance::Nominal),
        ordinal_alpha: alpha(Distance::Ordinal).filter(|_| ordered),
        interval_alpha: alpha(Distance::Interval).filter(|_| ordered),
    }
}

fn notes(sample: &Sample, compared: &[Pair]) -> Vec<String> {
    let counts = sample.counts();
    let mut notes = Vec::new();
    let mut note = |holds: bool, text: String| {
        if holds {
            notes.push(text);
        }
    };
    let answer = |pair: &Pair| match sample.task {
        Task::Score => pair.predicted,
        _ => pair.answer as f64,
    };
    let answers: Vec<f64> = compared.iter().map(answer).collect();
    let truths: Vec<f64> = compared.iter().filter_map(|pair| Some(pair.truth?.value)).collect();
    let several = compared.len() > 1;
    note(
        compared.is_empty(),
        "No row has both a verdict and a human answer that raters agree on: no agreement can be computed."
            .into(),
    );
    note(
        (1..FEW).contains(&compared.len()),
        format!("Only {} compared: intervals are wide, and may be too narrow still.", rows(compared.len())),
    );
    note(
        several && constant(&answers),
        "The judge says the same of every row: what compares rows is not defined, or 0.".into(),
    );
    note(
        several && constant(&truths),
        "People say the same of every row: what compares rows is not defined, or 0.".into(),
    );
    note(counts.failed > 0, format!("{} without a verdict, left out of all figures.", rows(counts.failed)));
    note(
        counts.contested > 0,
        format!("{} left out because no answer has more raters than any other.", rows(counts.contested)),
    );
    note(
        counts.clusters.is_some_and(|clusters| clusters < FEW),
        format!("Only {} clusters: intervals may be too narrow.", counts.clusters.unwrap_or(0)),
    );
    notes
}

fn rows(count: usize) -> String {
    format!("{count} {}", if count == 1 { "row" } else { "rows" })
}
