//! Two judges, or two runs, on the same rows: is one better?

use super::evaluate::by_rubric;
use super::measure::metrics;
use super::metric::Metric;
use super::report::{Interval, Method, VERSION};
use super::row::{Grade, Graded, Task};
use super::sample::{Pair, Sample, labels};
use super::settings::Settings;
use crate::statistics::{bca, bootstrap_p, holm, mcnemar, resampled};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How two runs differ, for each rubric that both have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Paired {
    pub version: u32,
    pub settings: Settings,
    pub sections: Vec<PairedSection>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PairedSection {
    pub rubric: String,
    pub task: Task,
    /// Rows of the one run that the other one lacks, or that either has no verdict of.
    pub unpaired: usize,
    pub figures: Vec<Difference>,
}

/// A figure of both runs on the rows that both judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    pub metric: Metric,
    pub n: usize,
    pub first: Option<f64>,
    pub second: Option<f64>,
    /// second − first, with the interval of the paired bootstrap: both runs are drawn with the same rows.
    pub difference: Option<f64>,
    pub interval: Option<Interval>,
    pub test: Option<Test>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Test {
    pub method: TestMethod,
    /// Two-sided.
    pub p: f64,
    /// The same, corrected by Holm's method for all tests of the comparison.
    pub corrected: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TestMethod {
    /// Exact, on the rows on which just one of the runs is right.
    McNemar,
    /// The paired bootstrap.
    Bootstrap,
}

impl Paired {
    /// Rows are paired by rubric and id. Human answers are those of the first run.
    pub fn of(first: &[Graded], second: &[Graded], settings: &Settings) -> Result<Paired> {
        settings.check(first.len().max(second.len()))?;
        let mut others: BTreeMap<&str, Vec<&Graded>> = BTreeMap::new();
        for row in second {
            others.entry(&row.rubric).or_default().push(row);
        }
        let mut sections = Vec::new();
        for places in by_rubric(first) {
            let own: Vec<&Graded> = places.iter().map(|&place| &first[place]).collect();
            if let Some(others) = others.get(own[0].rubric.as_str()) {
                sections.push(section(own, others, settings)?);
            }
        }
        if sections.is_empty() {
            let what = "the runs have no rubric in common: give two runs on the same rows".into();
            return Err(Error::InvalidArgument(what));
        }
        correct(&mut sections);
        Ok(Paired { version: VERSION, settings: settings.clone(), sections })
    }
}

/// Sets the corrected p values of all tests together.
pub(super) fn correct<'a>(sections: impl IntoIterator<Item = &'a mut PairedSection>) {
    let mut tests: Vec<&mut Test> = sections
        .into_iter()
        .flat_map(|section| &mut section.figures)
        .filter_map(|f| f.test.as_mut())
        .collect();
    let p: Vec<f64> = tests.iter().map(|test| test.p).collect();
    for (test, corrected) in tests.iter_mut().zip(holm(&p)) {
        test.corrected = corrected;
    }
}

fn section(first: Vec<&Graded>, second: &[&Graded], settings: &Settings) -> Result<PairedSection> {
    let places: BTreeMap<&str, usize> =
        second.iter().enumerate().map(|(place, row)| (row.id.as_str(), place)).collect();
    let all = first.len() + second.len();
    // The second run's rows, with what people said in the first.
    let both: Vec<(&Graded, Graded)> = first
        .into_iter()
        .filter_map(|row| Some((row, second[*places.get(row.id.as_str())?])))
        .map(|(row, other)| Ok((row, with_humans(other, row)?)))
        .collect::<Result<_>>()?;
    let Some((row, _)) = both.first() else {
        let what = "the runs have no `id` in common under a rubric: give two runs on the same rows".into();
        return Err(Error::InvalidArgument(what));
    };
    let rubric = row.rubric.clone();
    let one: Vec<&Graded> = both.iter().map(|pair| pair.0).collect();
    let two: Vec<&Graded> = both.iter().map(|pair| &pair.1).collect();
    let labels = labels(&[&one[..], &two].concat(), settings)?;
    let (first, second) =
        (Sample::with(labels.clone(), one, settings)?, Sample::with(labels, two, settings)?);
    let judged = first.pairs.iter().filter(|pair| second.pair_of(pair.row).is_some()).count();
    let figures = metrics(first.task, first.labels.len());
    Ok(PairedSection {
        rubric,
        task: first.task,
        unpaired: all - 2 * judged,
        figures: figures.into_iter().map(|metric| difference(metric, &first, &second, settings)).collect(),
    })
}

/// A row of the other run, with what people said in this one.
pub(super) fn with_humans(other: &Graded, row: &Graded) -> Result<Graded> {
    let mut other = other.clone();
    other.cluster.clone_from(&row.cluster);
    match (&mut other.grade, &row.grade) {
        (Grade::Score { human, .. }, Grade::Score { human: own, .. }) => human.clone_from(own),
        (Grade::Classify { human, .. }, Grade::Classify { human: own, .. }) => human.clone_from(own),
        (Grade::Compare { human, .. }, Grade::Compare { human: own, .. }) => human.clone_from(own),
        _ => {
            return Err(Error::InvalidArgument(format!(
                "row \"{}\" of rubric \"{}\" is of another task in the other run: give two runs of the same task",
                row.id, row.rubric
            )));
        }
    }
    Ok(other)
}

fn difference(metric: Metric, first: &Sample, second: &Sample, settings: &Settings) -> Difference {
    let both = first.pairs.iter().filter_map(|pair| Some((*pair, *second.pair_of(pair.row)?)));
    let (one, two): (Vec<Pair>, Vec<Pair>) =
        both.filter(|(a, b)| metric.uses(a, first) && metric.uses(b, second)).unzip();
    let of = |pairs: &[Pair], sample: &Sample| metric.of(pairs, sample);
    let values = (of(&one, first), of(&two, second));
    let difference = values.0.zip(values.1).map(|(a, b)| b - a);
    let found = difference.and_then(|_| {
        let figure = |rows: &[usize]| {
            let drawn = |pairs: &[Pair]| rows.iter().map(|&row| pairs[row]).collect::<Vec<Pair>>();
            Some(of(&drawn(&two), second)? - of(&drawn(&one), first)?)
        };
        resampled(&first.units(&one), settings.resamples, settings.seed, figure)
    });
    let interval = difference.zip(found.as_ref()).and_then(|(difference, found)| {
        let [low, high] = bca(difference, found, settings.confidence)?;
        Some(Interval { low, high, method: Method::Bca })
    });
    let exact = metric == Metric::Accuracy && !first.clustered() && !one.is_empty();
    let test = match exact {
        true => mcnemar_of(&one, &two).map(|p| (TestMethod::McNemar, p)),
        false => difference
            .zip(found)
            .map(|(difference, found)| (TestMethod::Bootstrap, bootstrap_p(difference, &found.resamples))),
    };
    Difference {
        metric,
        n: one.len(),
        first: values.0,
        second: values.1,
        difference,
        interval,
        test: test.map(|(method, p)| Test { method, p, corrected: p }),
    }
}

fn mcnemar_of(one: &[Pair], two: &[Pair]) -> Option<f64> {
    let right = |pair: &Pair| pair.truth.is_some_and(|truth| truth.label == pair.answer);
    let only = |a: bool, b: bool| one.iter().zip(two).filter(|(x, y)| right(x) == a && right(y) == b).count();
    mcnemar(only(true, false) as u64, only(false, true) as u64)
}
