//! From rows to a report.

use super::report::{Check, Report, Row, Section, VERSION};
use super::row::{Grade, Graded, Shown, Task};
use super::sample::Sample;
use super::section::section;
use super::self_preference::self_preference;
use super::settings::{Settings, Threshold};
use crate::{Error, Result};
use std::collections::BTreeMap;

impl Report {
    /// The report of the rows of one or several rubrics. The same rows and settings give the same report.
    pub fn of(rows: Vec<Graded>, settings: &Settings) -> Result<Report> {
        settings.check(rows.len())?;
        let (mut sections, mut probes) = (Vec::new(), Vec::new());
        let mut standings = vec![(None, None); rows.len()];
        for places in by_rubric(&rows) {
            let sample = Sample::new(places.iter().map(|&place| &rows[place]).collect(), settings)?;
            sections.push(section(&sample, settings)?);
            probes.extend(self_preference(&sample, settings));
            for (row, &place) in places.iter().enumerate() {
                standings[place] = (said(&sample, row), disagreement(&sample, row));
            }
        }
        let row = |(graded, (consensus, disagreement))| Row { graded, consensus, disagreement };
        Ok(Report {
            version: VERSION,
            settings: settings.clone(),
            checks: checks(&sections, &settings.thresholds)?,
            sections,
            probes,
            rows: rows.into_iter().zip(standings).map(row).collect(),
        })
    }
}

impl Report {
    /// Of each row, leaves only its name, what people agree on and the disagreement.
    pub fn leave_out_details(&mut self) {
        for row in &mut self.rows {
            row.graded.shown = Shown::default();
            row.graded.grade = match row.graded.grade.task() {
                Task::Score => Grade::Score { verdict: None, human: Vec::new() },
                Task::Classify => Grade::Classify { verdict: None, human: Vec::new() },
                Task::Compare => Grade::Compare { verdict: None, human: Vec::new() },
            };
        }
    }
}

/// The places of each rubric's rows, in the order of the first ones.
pub(super) fn by_rubric(rows: &[Graded]) -> Vec<Vec<usize>> {
    let mut found = BTreeMap::new();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (place, row) in rows.iter().enumerate() {
        let next = groups.len();
        let group = *found.entry(&row.rubric).or_insert(next);
        match groups.get_mut(group) {
            Some(group) => group.push(place),
            None => groups.push(vec![place]),
        }
    }
    groups
}

/// What people say of a row.
fn said(sample: &Sample, row: usize) -> Option<String> {
    let truth = sample.truths[row]?;
    Some(match sample.task {
        Task::Score => truth.value.to_string(),
        _ => sample.labels[truth.label].clone(),
    })
}

fn disagreement(sample: &Sample, row: usize) -> Option<f64> {
    let pair = sample.pair_of(row)?;
    let truth = pair.truth?;
    Some(match (sample.task, sample.labels[truth.label].as_str()) {
        (Task::Score, _) => (pair.predicted - truth.value).abs(),
        (Task::Compare, "tie") => (2.0 * pair.predicted - 1.0).abs(),
        _ => match sample.distributions[row].get(truth.label) {
            Some(p) => 1.0 - p,
            None => f64::from(pair.answer != truth.label),
        },
    })
}

fn checks(sections: &[Section], thresholds: &[Threshold]) -> Result<Vec<Check>> {
    let mut checks = Vec::new();
    for threshold in thresholds {
        let before = checks.len();
        let meant = |section: &&Section| threshold.rubric.as_ref().is_none_or(|name| *name == section.rubric);
        for section in sections.iter().filter(meant) {
            let figure = section.figures.iter().find(|figure| figure.metric == threshold.metric);
            checks.extend(figure.map(|figure| Check {
                rubric: section.rubric.clone(),
                threshold: threshold.clone(),
                value: figure.value,
                passed: figure.value.is_some_and(|value| threshold.keeps(value)),
            }));
        }
        // A threshold that holds for nothing would let everything pass.
        if checks.len() == before {
            let of =
                threshold.rubric.as_ref().map_or("any rubric".into(), |name| format!("rubric \"{name}\""));
            return Err(Error::InvalidArgument(format!(
                "a threshold names {}, but the report has no such figure of {of}",
                threshold.metric
            )));
        }
    }
    Ok(checks)
}

impl Threshold {
    fn keeps(&self, value: f64) -> bool {
        self.at_least.is_none_or(|least| value >= least) && self.at_most.is_none_or(|most| value <= most)
    }
}
