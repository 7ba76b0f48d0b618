//! The report of a run, made of its results.

use super::run_file::{RunFile, RunRubric};
use super::spec::{Bound, Judged};
use super::{RESULTS, unwritable};
use crate::exit::Stop;
use lunette::eval::{Check, Grade, Graded, Metric, Report, Settings, Shown, Threshold};
use lunette::judge::{Level, ScoreRubric};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write, stdout};
use std::path::Path;

/// A line of the results, as far as a report needs it.
#[derive(Deserialize)]
struct Line {
    row: u64,
    id: Option<String>,
    group: Option<String>,
    #[serde(default)]
    task: Map<String, Value>,
    #[serde(default)]
    labels: Map<String, Value>,
    #[serde(default)]
    verdicts: Map<String, Value>,
    #[serde(default)]
    errors: Map<String, Value>,
    error: Option<Value>,
}

/// The bounds with their figures, `kappa` of every rubric or `clarity.kappa` of one.
pub fn bounds(bounds: &[(String, Bound)], rubrics: &[Judged]) -> Result<Vec<Threshold>, Stop> {
    let names: Vec<&str> = rubrics.iter().map(|rubric| rubric.name.as_str()).collect();
    bounds.iter().map(|(figure, bound)| threshold(figure, *bound, &names)).collect()
}

pub fn threshold(figure: &str, bound: Bound, rubrics: &[&str]) -> Result<Threshold, Stop> {
    let (rubric, name) = match figure.rsplit_once('.') {
        Some((rubric, name)) => (Some(rubric.to_string()), name),
        None => (None, figure),
    };
    if let Some(rubric) = &rubric
        && !rubrics.contains(&rubric.as_str())
    {
        return Err(Stop::Fault(format!(
            "a bound is for the rubric {rubric:?}, and there is none of this name"
        )));
    }
    let metric: Metric = serde_json::from_value(Value::from(name))
        .map_err(|e| Stop::Fault(format!("a bound is for the figure {name:?}: {e}")))?;
    let (at_least, at_most) = match bound {
        Bound::AtLeast(least) => (Some(least), None),
        Bound::AtMost(most) => (None, Some(most)),
    };
    Ok(Threshold { rubric, metric, at_least, at_most })
}

/// Writes the report of the results in `folder`, and says whether its figures keep the bounds.
pub fn write(folder: &Path, run: &RunFile, bounds: Vec<Threshold>) -> Result<bool, Stop> {
    let rows = graded(&folder.join(RESULTS), run)?;
    let settings = settings(run, bounds, rows.len());
    let report = Report::of(rows, &settings)?;
    let markdown = report.to_markdown()?;
    // One at a time: those of a large run are large.
    let put = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|e| unwritable(&path, &e.to_string()))
    };
    put("report.md", &markdown)?;
    put("report.json", &(report.to_json()? + "\n"))?;
    put("report.html", &report.to_html()?)?;
    put("report.csv", &report.to_csv())?;
    put("report.xml", &report.to_junit()?)?;
    // Who does not read it has the files.
    let _ = writeln!(stdout(), "{markdown}");
    report
        .checks
        .iter()
        .filter(|check| !check.passed)
        .for_each(|check| eprintln!("lunette: {}", broken(check)));
    Ok(report.checks.iter().all(|check| check.passed))
}

fn broken(check: &Check) -> String {
    let found = check.value.map_or("not defined".to_string(), |value| format!("{value:.3}"));
    let Threshold { metric, at_least, at_most, .. } = &check.threshold;
    let wanted = match (at_least, at_most) {
        (Some(least), _) => format!("at least {least}"),
        (None, most) => format!("at most {}", most.unwrap_or_default()),
    };
    let section = if check.rubric.is_empty() { String::new() } else { format!(" of {}", check.rubric) };
    format!("{metric}{section} is {found}; it was to be {wanted}")
}

/// Scale and labels are the report's where all rubrics have the same.
fn settings(run: &RunFile, thresholds: Vec<Threshold>, rows: usize) -> Settings {
    let shared = |of: &dyn Fn(&RunRubric) -> Option<Value>| -> Option<Value> {
        let first = of(run.rubrics.first()?)?;
        run.rubrics.iter().all(|rubric| of(rubric).as_ref() == Some(&first)).then_some(first)
    };
    let levels = |rubric: &RunRubric| {
        let rubric: ScoreRubric = serde_json::from_value(rubric.rubric.clone()).ok()?;
        let levels: Vec<Level> = rubric.levels().ok()?.into_iter().map(|level| level.0).collect();
        serde_json::to_value(levels).ok()
    };
    let labels = |rubric: &RunRubric| {
        let labels: Vec<Value> =
            rubric.rubric["labels"].as_object()?.keys().map(|key| key.as_str().into()).collect();
        Some(Value::from(labels))
    };
    Settings {
        seed: run.seed,
        scale: shared(&levels).and_then(|levels| serde_json::from_value(levels).ok()),
        labels: shared(&labels).and_then(|labels| serde_json::from_value(labels).ok()),
        pass: shared(&|rubric| rubric.threshold.map(Value::from)).and_then(|pass| pass.as_f64()),
        thresholds,
        resamples: Settings::resamples_for(rows),
        ..Settings::default()
    }
}

/// The rows of a file of results, under each rubric.
fn graded(path: &Path, run: &RunFile) -> Result<Vec<Graded>, Stop> {
    let failed = |what: String| unwritable(path, &what);
    let file = File::open(path).map_err(|e| failed(e.to_string()))?;
    let (mut rows, mut ids) = (Vec::new(), HashSet::new());
    for (number, text) in (1..).zip(BufReader::new(file).lines()) {
        let text = text.map_err(|e| failed(e.to_string()))?;
        let line: Line = serde_json::from_str(&text).map_err(|e| failed(format!("line {number}: {e}")))?;
        // A report pairs rows by their ids.
        let id = match &line.id {
            Some(id) if ids.insert(id.clone()) => id.clone(),
            Some(id) => format!("{id} (row {})", line.row),
            None => format!("row {}", line.row),
        };
        for rubric in &run.rubrics {
            rows.push(line.graded(&id, rubric).map_err(|e| failed(format!("line {number}: {e}")))?);
        }
    }
    pad(&mut rows, run);
    Ok(rows)
}

impl Line {
    fn graded(&self, id: &str, rubric: &RunRubric) -> serde_json::Result<Graded> {
        let verdict = self.verdicts.get(&rubric.name);
        let error = self.error.as_ref().or(self.errors.get(&rubric.name));
        let human = self.labels.get(&rubric.name);
        let text = |name: &str| self.task.get(name).and_then(Value::as_str).map(str::to_string);
        let responses = ["response", "responseA", "responseB"].iter().filter_map(|name| text(name)).collect();
        let passages = self.task.get("context").map(|context| match context {
            Value::Array(passages) => {
                passages.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n\n")
            }
            one => one.as_str().unwrap_or_default().to_string(),
        });
        Ok(Graded {
            id: id.to_string(),
            rubric: rubric.name.clone(),
            cluster: self.group.clone(),
            grade: match rubric.task.as_str() {
                "classify" => Grade::Classify { verdict: read(verdict)?, human: said(human)? },
                "compare" => Grade::Compare { verdict: read(verdict)?, human: said(human)? },
                _ => Grade::Score { verdict: read(verdict)?, human: said(human)? },
            },
            error: error.map(|error| error["message"].as_str().unwrap_or("unknown").to_string()),
            shown: Shown {
                input: text("input").unwrap_or_default(),
                responses,
                reference: text("reference"),
                context: passages,
                prompt: None,
                critique: verdict.and_then(|verdict| verdict["critique"].as_str()).map(str::to_string),
            },
        })
    }
}

fn read<T: DeserializeOwned>(verdict: Option<&Value>) -> serde_json::Result<Option<T>> {
    verdict.cloned().map(serde_json::from_value).transpose()
}

fn said<T: DeserializeOwned>(human: Option<&Value>) -> serde_json::Result<Vec<Option<T>>> {
    human.cloned().map_or(Ok(Vec::new()), serde_json::from_value)
}

/// Each rater has a place in all rows of a rubric, whether they rated a row or not.
fn pad(rows: &mut [Graded], run: &RunFile) {
    fn places(grade: &Grade) -> usize {
        match grade {
            Grade::Score { human, .. } => human.len(),
            Grade::Classify { human, .. } => human.len(),
            Grade::Compare { human, .. } => human.len(),
        }
    }
    for rubric in &run.rubrics {
        let own = |row: &&mut Graded| row.rubric == rubric.name;
        let most = rows.iter_mut().filter(own).map(|row| places(&row.grade)).max().unwrap_or(0);
        for row in rows.iter_mut().filter(own) {
            match &mut row.grade {
                Grade::Score { human, .. } => human.resize(most, None),
                Grade::Classify { human, .. } => human.resize(most, None),
                Grade::Compare { human, .. } => human.resize(most, None),
            }
        }
    }
}
