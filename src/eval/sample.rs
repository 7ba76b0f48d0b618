//! The rows of one rubric, checked and brought into one form for all tasks: answers and truths by the number of a label.

use super::report::Counts;
use super::row::{Classified, Compared, Grade, Graded, Scored, Task};
use super::settings::Settings;
use crate::judge::{Level, Winner};
use crate::statistics::{Units, brier, mean, nearest, usable};
use crate::{Error, Result};
use std::collections::BTreeSet;

const MOST_RATERS: usize = 1000;
/// Levels or labels: twice as many as a rubric may have, since people can give others.
const MOST_LABELS: usize = 202;

/// What is compared of a row. `answer` and `truth` are numbers of labels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pair {
    /// Its place among the rows of the rubric.
    pub row: usize,
    /// Expected score, p(first of two labels) or p(A).
    pub predicted: f64,
    pub answer: usize,
    /// p(answer), and the squared error of the distribution.
    pub confidence: Option<f64>,
    pub brier: Option<f64>,
    pub consistent: Option<bool>,
    pub truth: Option<Truth>,
}

/// What people agree on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Truth {
    pub value: f64,
    pub label: usize,
    /// Whether people pass it, prefer A, or gave the first of two labels; `None` where it is neither.
    pub positive: Option<bool>,
}

/// What one rater said.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rating {
    pub value: f64,
    pub label: usize,
}

/// What the judge said.
struct Answer {
    predicted: f64,
    label: usize,
    consistent: Option<bool>,
}

pub(super) struct Sample<'a> {
    pub task: Task,
    pub labels: Vec<String>,
    /// The number that each label stands for; its place, where it stands for none.
    pub values: Vec<f64>,
    pub rows: Vec<&'a Graded>,
    /// For each row, what each rater said.
    pub ratings: Vec<Vec<Option<Rating>>>,
    /// For each row, the probability of each label among all labels; empty where there is none.
    pub distributions: Vec<Vec<f64>>,
    pub truths: Vec<Option<Truth>>,
    /// Of each row with a verdict, in their order.
    pub pairs: Vec<Pair>,
    pub raters: usize,
    pub bins: usize,
    pass: f64,
}

const WINNER_NAMES: [&str; 3] = ["a", "tie", "b"];
const TIE: usize = 1;

impl<'a> Sample<'a> {
    /// Of at least one row.
    pub fn new(rows: Vec<&'a Graded>, settings: &Settings) -> Result<Sample<'a>> {
        let labels = labels(&rows, settings)?;
        Sample::with(labels, rows, settings)
    }

    /// The same, of labels that [`labels`] found in these rows and others.
    pub fn with(labels: Vec<String>, rows: Vec<&'a Graded>, settings: &Settings) -> Result<Sample<'a>> {
        let task = rows[0].grade.task();
        check(&rows, task)?;
        let values: Vec<f64> = match task {
            Task::Score => labels.iter().filter_map(|label| label.parse().ok()).collect(),
            Task::Classify => (0..labels.len()).map(|i| i as f64).collect(),
            Task::Compare => vec![1.0, 0.5, 0.0],
        };
        let middle = values.first().zip(values.last()).map_or(0.0, |(low, high)| f64::midpoint(*low, *high));
        let mut sample = Sample {
            task,
            raters: rows.iter().map(|row| row.raters()).max().unwrap_or(0),
            ratings: Vec::new(),
            distributions: Vec::new(),
            truths: Vec::new(),
            pairs: Vec::new(),
            bins: settings.bins,
            pass: settings.pass.unwrap_or(middle),
            labels,
            values,
            rows,
        };
        sample.ratings = sample.rows.iter().map(|row| sample.ratings_of(row)).collect();
        sample.distributions = sample.rows.iter().map(|row| sample.distribution(row)).collect();
        sample.truths = sample.ratings.iter().map(|all| sample.consensus(all.iter().flatten())).collect();
        sample.pairs = (0..sample.rows.len()).filter_map(|row| sample.pair(row)).collect();
        Ok(sample)
    }

    /// Those pairs that people labelled.
    pub fn compared(&self) -> impl Iterator<Item = &Pair> {
        self.pairs.iter().filter(|pair| pair.truth.is_some())
    }

    /// That of a row, if it has a verdict.
    pub fn pair_of(&self, row: usize) -> Option<&Pair> {
        self.pairs.binary_search_by_key(&row, |pair| pair.row).ok().map(|place| &self.pairs[place])
    }

    /// What is drawn when the pairs are resampled.
    pub fn units(&self, pairs: &[Pair]) -> Units {
        match self.clustered() {
            true => Units::clusters(pairs.iter().map(|pair| self.rows[pair.row].cluster.as_deref())),
            false => Units::rows(pairs.len()),
        }
    }

    pub fn clustered(&self) -> bool {
        self.rows.iter().any(|row| row.cluster.is_some())
    }

    pub fn counts(&self) -> Counts {
        let unlabelled = self.ratings.iter().filter(|all| all.iter().flatten().next().is_none()).count();
        let undecided = self.truths.iter().filter(|truth| truth.is_none()).count();
        Counts {
            rows: self.rows.len(),
            failed: self.rows.len() - self.pairs.len(),
            compared: self.compared().count(),
            unlabelled,
            contested: undecided - unlabelled,
            clusters: self
                .clustered()
                .then(|| Units::clusters(self.rows.iter().map(|row| row.cluster.as_deref())).len()),
        }
    }

    /// What raters agree on: the mean of scores, else the label that more of them gave than any other.
    pub fn consensus<'r>(&self, ratings: impl Iterator<Item = &'r Rating>) -> Option<Truth> {
        let ratings: Vec<&Rating> = ratings.collect();
        let value = mean(&ratings.iter().map(|rating| rating.value).collect::<Vec<f64>>())?;
        if self.task == Task::Score {
            let (label, positive) = (nearest(&self.values, value), Some(value >= self.pass));
            return Some(Truth { value, label, positive });
        }
        let mut votes = vec![0; self.labels.len()];
        ratings.iter().for_each(|rating| votes[rating.label] += 1);
        let most = votes.iter().max().copied()?;
        let mut winners = votes.iter().enumerate().filter(|vote| *vote.1 == most).map(|vote| vote.0);
        let (label, None) = (winners.next()?, winners.next()) else { return None };
        let positive = match self.task {
            Task::Compare => (label != TIE).then_some(label == 0),
            _ => (self.labels.len() == 2).then_some(label == 0),
        };
        Some(Truth { value: self.values[label], label, positive })
    }

    /// The squared error of a distribution; a comparison has one of A and B only, and none where people say tie.
    pub fn brier(&self, distribution: &[f64], truth: usize) -> Option<f64> {
        match self.task {
            Task::Compare if truth == TIE => None,
            Task::Compare => Some(brier(&[*distribution.first()?, *distribution.last()?], truth / 2)),
            _ => (!distribution.is_empty()).then(|| brier(distribution, truth)),
        }
    }

    fn place(&self, label: &str) -> Option<usize> {
        self.labels.iter().position(|other| other == label)
    }

    fn ratings_of(&self, row: &Graded) -> Vec<Option<Rating>> {
        let at = |label: usize| Rating { value: self.values[label], label };
        match &row.grade {
            Grade::Score { human, .. } => {
                let rating = |value: f64| Rating { value, label: nearest(&self.values, value) };
                human.iter().map(|value| value.map(rating)).collect()
            }
            Grade::Classify { human, .. } => {
                human.iter().map(|label| self.place(label.as_deref()?).map(at)).collect()
            }
            Grade::Compare { human, .. } => {
                human.iter().map(|winner| winner.map(|w| at(place_of(w)))).collect()
            }
        }
    }

    fn distribution(&self, row: &Graded) -> Vec<f64> {
        let mut shares = vec![0.0; self.labels.len()];
        let mut add = |label: &str, p: f64| {
            if let Some(place) = self.place(label) {
                shares[place] += p;
            }
        };
        match &row.grade {
            Grade::Score { verdict: Some(verdict), .. } => {
                verdict.distribution.iter().for_each(|(level, p)| add(&level.to_string(), *p));
            }
            Grade::Classify { verdict: Some(verdict), .. } => {
                verdict.distribution.iter().for_each(|(label, p)| add(label, *p));
            }
            Grade::Compare { verdict: Some(verdict), .. } => {
                add("a", verdict.probability_a);
                add("b", 1.0 - verdict.probability_a);
            }
            _ => {}
        }
        let all: f64 = shares.iter().sum();
        if all > 0.0 { shares.iter().map(|p| p / all).collect() } else { Vec::new() }
    }

    fn answer(&self, row: usize) -> Option<Answer> {
        Some(match &self.rows[row].grade {
            Grade::Score { verdict, .. } => {
                let Scored { score, expected, .. } = verdict.as_ref()?;
                Answer { predicted: *expected, label: self.place(&score.to_string())?, consistent: None }
            }
            Grade::Classify { verdict, .. } => {
                let label = self.place(&verdict.as_ref()?.label)?;
                let predicted = self.distributions[row].first().copied().unwrap_or(f64::from(label == 0));
                Answer { predicted, label, consistent: None }
            }
            Grade::Compare { verdict, .. } => {
                let Compared { winner, probability_a, consistent } = *verdict.as_ref()?;
                Answer { predicted: probability_a, label: place_of(winner), consistent }
            }
        })
    }

    fn pair(&self, row: usize) -> Option<Pair> {
        let Answer { predicted, label, consistent } = self.answer(row)?;
        let (distribution, truth) = (&self.distributions[row], self.truths[row]);
        let tie = self.task == Task::Compare && label == TIE;
        Some(Pair {
            row,
            predicted,
            answer: label,
            confidence: distribution.get(label).copied().filter(|_| !tie),
            brier: truth.and_then(|truth| self.brier(distribution, truth.label)),
            consistent,
            truth,
        })
    }
}

fn place_of(winner: Winner) -> usize {
    match winner {
        Winner::A => 0,
        Winner::Tie => TIE,
        Winner::B => 2,
    }
}

impl Graded {
    fn raters(&self) -> usize {
        match &self.grade {
            Grade::Score { human, .. } => human.len(),
            Grade::Classify { human, .. } => human.len(),
            Grade::Compare { human, .. } => human.len(),
        }
    }
}

fn check(rows: &[&Graded], task: Task) -> Result<()> {
    let mut ids = BTreeSet::new();
    for row in rows {
        let name = format!("row \"{}\" of rubric \"{}\"", row.id, row.rubric);
        let wrong = |what: &str| Err(Error::InvalidArgument(format!("{name} {what}")));
        if !ids.insert(&row.id) {
            return wrong("is there twice: give every row an `id` of its own");
        }
        if row.grade.task() != task {
            return wrong("is of another task than the first of its rubric: give it another `rubric`");
        }
        if row.raters() > MOST_RATERS {
            return wrong(&format!("has {} raters; the most is {MOST_RATERS}", row.raters()));
        }
        check_numbers(row, &name)?;
    }
    Ok(())
}

/// Refuses numbers that no figure could be made of.
fn check_numbers(row: &Graded, name: &str) -> Result<()> {
    let probability = |p: f64, field: &str| match (0.0..=1.0).contains(&p) {
        true => Ok(()),
        false => {
            Err(Error::InvalidArgument(format!("{name} has {p} in `{field}`; it must be between 0 and 1")))
        }
    };
    match &row.grade {
        Grade::Score { verdict, human } => {
            for value in human.iter().flatten() {
                usable(*value, || format!("human of {name}"))?;
            }
            let Some(Scored { score, expected, distribution }) = verdict else { return Ok(()) };
            usable(*expected, || format!("expected of {name}"))?;
            usable(score.value(), || format!("score of {name}"))?;
            distribution.iter().try_for_each(|(_, p)| probability(*p, "distribution"))
        }
        Grade::Classify { verdict: Some(Classified { distribution, .. }), .. } => {
            distribution.iter().try_for_each(|(_, p)| probability(*p, "distribution"))
        }
        Grade::Compare { verdict: Some(verdict), .. } => probability(verdict.probability_a, "probabilityA"),
        _ => Ok(()),
    }
}

/// The labels of a rubric: those of the settings, then those of the verdicts, then those of people. Levels ascend.
pub(super) fn labels(rows: &[&Graded], settings: &Settings) -> Result<Vec<String>> {
    let labels: Vec<String> = match rows[0].grade.task() {
        Task::Compare => WINNER_NAMES.map(String::from).into(),
        Task::Score => levels(rows, settings).iter().map(Level::to_string).collect(),
        Task::Classify => {
            let mut seen = BTreeSet::new();
            let of_rows = rows.iter().flat_map(|row| names(row));
            let given = settings.labels.iter().flatten().map(String::as_str);
            let mut of_people: Vec<&str> = rows.iter().flat_map(|row| said(row)).collect();
            of_people.sort_unstable();
            let all = given.chain(of_rows).chain(of_people);
            all.filter(|label| seen.insert(*label)).map(String::from).take(MOST_LABELS + 1).collect()
        }
    };
    match labels.len() {
        ..=MOST_LABELS => Ok(labels),
        _ => Err(Error::InvalidArgument(format!(
            "rubric \"{}\" has more than {MOST_LABELS} levels or labels: are these answers from a list?",
            rows[0].rubric
        ))),
    }
}

/// The levels of the settings and of the verdicts. Without a scale and distributions that show it, people show it too.
fn levels(rows: &[&Graded], settings: &Settings) -> BTreeSet<Level> {
    let mut levels: BTreeSet<Level> = settings.scale.iter().flatten().copied().collect();
    let mut shown = settings.scale.is_some();
    let mut of_people = BTreeSet::new();
    for row in rows {
        let Grade::Score { verdict, human } = &row.grade else { continue };
        if let Some(verdict) = verdict {
            levels.insert(verdict.score);
            levels.extend(verdict.distribution.iter().map(|(level, _)| *level));
            shown |= !verdict.distribution.is_empty();
        }
        of_people.extend(human.iter().flatten().filter_map(|value| Level::new(value.round()).ok()));
    }
    if !shown {
        levels.append(&mut of_people);
    }
    levels
}

fn names(row: &Graded) -> Vec<&str> {
    match &row.grade {
        Grade::Classify { verdict: Some(verdict), .. } => {
            let distribution = verdict.distribution.iter().map(|(label, _)| label.as_str());
            distribution.chain([verdict.label.as_str()]).collect()
        }
        _ => Vec::new(),
    }
}

fn said(row: &Graded) -> Vec<&str> {
    match &row.grade {
        Grade::Classify { human, .. } => human.iter().flatten().map(String::as_str).collect(),
        _ => Vec::new(),
    }
}
