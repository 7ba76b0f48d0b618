//! Several runs on the same rows side by side: other judges, other templates, an earlier version.

use super::metric::Metric;
use super::paired::{Difference, Paired, correct, with_humans};
use super::report::{Figure, Report, Row, VERSION};
use super::row::{Graded, Task};
use super::settings::Settings;
use crate::statistics::{mean, standard_deviation};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// More would not be read side by side.
const MOST_RUNS: usize = 32;

/// A run by its name.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    pub name: &'a str,
    pub rows: &'a [Graded],
}

/// How runs agree with people and with each other, on the rows that all of them judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    pub version: u32,
    pub settings: Settings,
    /// Their names. The first is what the others are held against.
    pub runs: Vec<String>,
    /// One for each rubric that all runs have.
    pub sections: Vec<ComparedSection>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ComparedSection {
    pub rubric: String,
    pub task: Task,
    /// Rows with a verdict in every run.
    pub rows: usize,
    /// Rows that some run lacks, or has no verdict of.
    pub left_out: usize,
    pub figures: Vec<ComparedFigure>,
    /// The other runs against the first, in their order. All tests of the comparison are corrected together.
    pub against: Vec<Vec<Difference>>,
    /// The share of rows of which all runs say the same.
    pub unanimous: Option<f64>,
    /// Standard deviation of a row's expected score or p(A) over the runs, in the mean of all rows; `None` for classes.
    pub deviation: Option<f64>,
    /// Rows of which runs say different things, those furthest apart first.
    pub flips: Vec<Flip>,
}

/// A figure of every run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ComparedFigure {
    pub metric: Metric,
    /// In the order of the runs.
    pub runs: Vec<Figure>,
    /// Over the runs for which it is defined.
    pub lowest: Option<f64>,
    pub highest: Option<f64>,
    pub deviation: Option<f64>,
}

/// A row with different verdicts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Flip {
    pub id: String,
    /// In the order of the runs.
    pub answers: Vec<String>,
    /// What people agree on.
    pub consensus: Option<String>,
    /// From the lowest to the highest expected score or p(A); of classes, the share of runs that leave the most frequent one.
    pub spread: f64,
    pub input: String,
}

/// A figure that is significantly worse in another run than in the first.
#[derive(Debug, Clone, PartialEq)]
pub struct Drop<'a> {
    pub run: &'a str,
    pub rubric: &'a str,
    pub difference: &'a Difference,
}

impl Comparison {
    /// Rows are matched by rubric and id. Human answers are those of the first run; thresholds of the settings are left out.
    pub fn of(runs: &[Run], settings: &Settings) -> Result<Comparison> {
        if !(2..=MOST_RUNS).contains(&runs.len()) {
            return wrong(format!("there are {} runs to compare; give 2 to {MOST_RUNS}", runs.len()));
        }
        let names: BTreeSet<&str> = runs.iter().map(|run| run.name).collect();
        if names.len() < runs.len() {
            return wrong("two runs have the same name: give them names of their own".into());
        }
        let settings = Settings { thresholds: Vec::new(), ..settings.clone() };
        let (common, all) = common(runs)?;
        let reports: Vec<Report> =
            common.iter().map(|rows| Report::of(rows.clone(), &settings)).collect::<Result<_>>()?;
        let mut against: Vec<Paired> =
            common[1..].iter().map(|rows| Paired::of(&common[0], rows, &settings)).collect::<Result<_>>()?;
        correct(against.iter_mut().flat_map(|paired| &mut paired.sections));
        let sections = (0..reports[0].sections.len()).map(|place| section(place, &reports, &against, &all));
        Ok(Comparison {
            version: VERSION,
            settings: settings.clone(),
            runs: runs.iter().map(|run| run.name.to_string()).collect(),
            sections: sections.collect(),
        })
    }

    /// What is worse than in the first run, beyond what chance explains at the confidence of the settings.
    pub fn drops(&self) -> Vec<Drop<'_>> {
        let mut drops = Vec::new();
        for section in &self.sections {
            for (run, differences) in self.runs[1..].iter().zip(&section.against) {
                let worse = |difference: &&Difference| {
                    let Difference { metric, first: Some(before), second: Some(after), test, .. } =
                        difference
                    else {
                        return false;
                    };
                    metric.is_worse(*before, *after)
                        && test.is_some_and(|test| test.corrected < 1.0 - self.settings.confidence)
                };
                let found = differences.iter().filter(worse);
                drops.extend(found.map(|difference| Drop { run, rubric: &section.rubric, difference }));
            }
        }
        drops
    }
}

fn wrong<T>(what: String) -> Result<T> {
    Err(Error::InvalidArgument(what))
}

/// Rubric and id.
type Key<'a> = (&'a str, &'a str);
/// Rows of all runs together, by rubric.
type RowCounts = BTreeMap<String, usize>;

/// For each run the rows that all have a verdict of, in the order of the first; and how many rows there are of each rubric.
fn common(runs: &[Run]) -> Result<(Vec<Vec<Graded>>, RowCounts)> {
    let mut all: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for row in runs.iter().flat_map(|run| run.rows) {
        all.entry(&row.rubric).or_default().insert(&row.id);
    }
    let judged: Vec<BTreeMap<Key, &Graded>> = runs
        .iter()
        .map(|run| {
            let judged = run.rows.iter().filter(|row| row.grade.answer().is_some());
            judged.map(|row| ((row.rubric.as_str(), row.id.as_str()), row)).collect()
        })
        .collect();
    let mut common = vec![Vec::new(); runs.len()];
    for row in runs[0].rows {
        let of_all: Option<Vec<&Graded>> =
            judged.iter().map(|rows| rows.get(&(row.rubric.as_str(), row.id.as_str())).copied()).collect();
        for (rows, other) in common.iter_mut().zip(of_all.unwrap_or_default()) {
            rows.push(with_humans(other, row)?);
        }
    }
    match common[0].is_empty() {
        true => {
            wrong("no row has a verdict in all runs: give runs of the same rubrics on the same rows".into())
        }
        false => Ok((common, all.into_iter().map(|(rubric, ids)| (rubric.to_string(), ids.len())).collect())),
    }
}

/// The section at a place, which all reports have in the same order.
fn section(place: usize, reports: &[Report], against: &[Paired], all: &RowCounts) -> ComparedSection {
    let first = &reports[0].sections[place];
    let of_runs = |at: usize| -> Vec<Figure> {
        reports.iter().map(|report| report.sections[place].figures[at].clone()).collect()
    };
    let rows: Vec<Vec<&Row>> = reports
        .iter()
        .map(|report| report.rows.iter().filter(|row| row.graded.rubric == first.rubric).collect())
        .collect();
    let apart: Vec<Apart> = (0..rows[0].len()).map(|row| Apart::of(&rows, row)).collect();
    let deviations: Option<Vec<f64>> = apart.iter().map(|row| row.deviation).collect();
    let same = apart.iter().filter(|row| row.flip.is_none()).count();
    let mut flips: Vec<Flip> = apart.into_iter().filter_map(|row| row.flip).collect();
    flips.sort_by(|a, b| b.spread.total_cmp(&a.spread));
    ComparedSection {
        rubric: first.rubric.clone(),
        task: first.task,
        rows: rows[0].len(),
        left_out: all.get(&first.rubric).map_or(0, |count| count - rows[0].len()),
        figures: (0..first.figures.len()).map(|at| figure(of_runs(at))).collect(),
        against: against.iter().map(|paired| paired.sections[place].figures.clone()).collect(),
        unanimous: Some(same as f64 / rows[0].len() as f64),
        deviation: deviations.and_then(|all| mean(&all)),
        flips,
    }
}

fn figure(runs: Vec<Figure>) -> ComparedFigure {
    let values: Vec<f64> = runs.iter().filter_map(|figure| figure.value).collect();
    ComparedFigure {
        metric: runs[0].metric,
        lowest: values.iter().copied().min_by(f64::total_cmp),
        highest: values.iter().copied().max_by(f64::total_cmp),
        deviation: standard_deviation(&values),
        runs,
    }
}

/// How far the runs are apart on one row.
struct Apart {
    deviation: Option<f64>,
    /// `None` where all say the same.
    flip: Option<Flip>,
}

impl Apart {
    fn of(rows: &[Vec<&Row>], place: usize) -> Apart {
        let rows: Vec<&Row> = rows.iter().map(|rows| rows[place]).collect();
        let answers: Vec<String> = rows.iter().filter_map(|row| row.graded.grade.answer()).collect();
        let numbers: Option<Vec<f64>> = rows.iter().map(|row| row.graded.grade.number()).collect();
        let frequent = answers.iter().map(|answer| answers.iter().filter(|other| *other == answer).count());
        let left = 1.0 - frequent.max().unwrap_or(0) as f64 / answers.len() as f64;
        let spread = numbers.as_ref().map_or(left, |numbers| {
            let (low, high) = numbers
                .iter()
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(*x), high.max(*x)));
            high - low
        });
        let differ = answers.iter().any(|answer| *answer != answers[0]);
        Apart {
            deviation: numbers.and_then(|numbers| standard_deviation(&numbers)),
            flip: differ.then(|| Flip {
                id: rows[0].graded.id.clone(),
                answers,
                consensus: rows[0].consensus.clone(),
                spread,
                input: rows[0].graded.shown.input.clone(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::row::{Classified, Grade, Scored, Shown};

    fn row(id: usize, grade: Grade) -> Graded {
        let shown = Shown { input: format!("question {id}"), ..Shown::default() };
        Graded {
            id: id.to_string(),
            rubric: "clear".into(),
            cluster: None,
            slice: None,
            systems: Vec::new(),
            grade,
            error: None,
            shown,
        }
    }

    /// `of(i)` is what the judge says of a row that people gave 1 + i % 5.
    fn scored(of: impl Fn(usize) -> f64) -> Vec<Graded> {
        let grade = |i: usize| {
            let score = (of(i).round() as i32).clamp(1, 5).into();
            let verdict = Scored { score, expected: of(i), distribution: Vec::new() };
            Grade::Score { verdict: Some(verdict), human: vec![Some(1.0 + (i % 5) as f64)] }
        };
        (0..200).map(|i| row(i, grade(i))).collect()
    }

    fn compare(runs: &[&[Graded]]) -> Comparison {
        let names: Vec<String> = (0..runs.len()).map(|i| format!("run {i}")).collect();
        let runs: Vec<Run> = names.iter().zip(runs).map(|(name, rows)| Run { name, rows }).collect();
        Comparison::of(&runs, &Settings { resamples: 200, ..Settings::default() }).unwrap()
    }

    #[test]
    fn equal_runs_say_the_same() {
        let run = scored(|i| 1.0 + (i * 7 % 5) as f64);
        let comparison = compare(&[&run, &run, &run]);
        let section = &comparison.sections[0];
        assert_eq!((section.rows, section.left_out, section.flips.len()), (200, 0, 0));
        assert_eq!((section.unanimous, section.deviation), (Some(1.0), Some(0.0)));
        for figure in &section.figures {
            assert_eq!(figure.lowest, figure.highest, "{}", figure.metric);
        }
        assert!(comparison.drops().is_empty());
    }

    #[test]
    fn a_worse_run_is_a_drop_and_noise_is_none() {
        let truth = |i: usize| 1.0 + (i % 5) as f64;
        let noise = |i: usize, by: usize| ((i * 31 + by) % 7) as f64 / 7.0 - 0.43;
        let good = scored(|i| (truth(i) + noise(i, 1)).clamp(1.0, 5.0));
        let as_good = scored(|i| (truth(i) + noise(i, 4)).clamp(1.0, 5.0));
        let bad = scored(|i| 1.0 + (i * 13 % 11) as f64 / 2.75);
        let comparison = compare(&[&good, &as_good, &bad]);
        let drops = comparison.drops();
        assert!(drops.iter().all(|drop| drop.run == "run 2"), "{drops:?}");
        assert!(drops.iter().any(|drop| drop.difference.metric == Metric::Pearson), "{drops:?}");
        let flips = &comparison.sections[0].flips;
        assert!(flips.windows(2).all(|pair| pair[0].spread >= pair[1].spread));
        assert!(!flips.is_empty() && flips.iter().all(|flip| flip.answers.len() == 3));
        // The other way round, nothing is worse.
        assert!(compare(&[&bad, &good]).drops().is_empty());
    }

    #[test]
    fn rows_that_a_run_lacks_are_left_out() {
        let label = |label: &str| {
            let verdict = Classified { label: label.into(), distribution: Vec::new() };
            Grade::Classify { verdict: Some(verdict), human: vec![Some("Yes".into())] }
        };
        let failed = Grade::Classify { verdict: None, human: Vec::new() };
        let first = [row(0, label("Yes")), row(1, label("No")), row(2, label("Yes")), row(3, failed)];
        let second = [row(2, label("No")), row(1, label("No")), row(3, label("No"))];
        let comparison = compare(&[&first, &second]);
        let section = &comparison.sections[0];
        assert_eq!((section.rows, section.left_out, section.deviation), (2, 2, None));
        assert_eq!(section.flips.len(), 1);
        assert_eq!((section.flips[0].id.as_str(), section.flips[0].spread), ("2", 0.5));
        assert_eq!(section.unanimous, Some(0.5));
        let strangers = [row(9, label("Yes"))];
        let runs = [("a", &first[..]), ("b", &strangers[..])].map(|(name, rows)| Run { name, rows });
        assert!(Comparison::of(&runs, &Settings::default()).unwrap_err().to_string().contains("no row"));
    }

    #[test]
    fn renderings_name_every_run_and_escape_texts() {
        let mut first = scored(|i| 1.0 + (i * 7 % 5) as f64);
        first[3].id = "<script>|".into();
        let mut second = scored(|_| 3.0);
        second[3].id = "<script>|".into();
        let comparison = compare(&[&first, &second]);
        let (markdown, html) = (comparison.to_markdown().unwrap(), comparison.to_html().unwrap());
        for text in [&markdown, &html] {
            assert!(text.contains("run 0") && text.contains("run 1") && text.contains("Pearson r"), "{text}");
            assert!(!text.contains("<script>|"));
        }
        // Every line of a table has as many cells as its head.
        let tables = markdown.split("\n\n").filter(|part| part.starts_with('|'));
        for table in tables {
            let cells: Vec<usize> = table.lines().map(|line| line.matches('|').count()).collect();
            assert!(cells.windows(2).all(|pair| pair[0] == pair[1]), "{table}");
        }
        let read: Comparison = serde_json::from_str(&comparison.to_json().unwrap()).unwrap();
        assert_eq!(read.sections[0].flips, comparison.sections[0].flips);
    }
}
