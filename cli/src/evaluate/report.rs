//! The report of a run, made of its results.

use super::run_file::RunFile;
use super::spec::{Bound, Judged, terms};
use super::{RESULTS, unwritable};
use crate::exit::Stop;
use lunette::eval::run::{Line, Lines, Terms, settings};
use lunette::eval::{Check, Effect, Metric, Report, Settings, Threshold};
use serde_json::Value;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write, stdout};
use std::path::Path;

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
pub fn write(
    folder: &Path,
    run: &RunFile,
    bounds: Vec<Threshold>,
    probes: Vec<Effect>,
) -> Result<bool, Stop> {
    let written = |rubric| serde_json::to_value(rubric).map_err(|e| Stop::Fault(e.to_string()));
    let rubrics = run.rubrics.iter().map(|rubric| terms(&written(rubric)?));
    let rubrics: Vec<Terms> = rubrics.collect::<Result<_, _>>()?;
    let lines = lines(&folder.join(RESULTS), rubrics)?;
    let settings = Settings {
        thresholds: bounds,
        own: run.own.clone(),
        ..settings(lines.rubrics(), run.seed, lines.len())
    };
    let mut report = Report::of(lines.graded(), &settings)?;
    if !run.own.is_empty() && report.probes.is_empty() {
        eprintln!(
            "lunette: no response is by {}: `own` takes names as the data has them, in a column of systems",
            run.own.join(" or ")
        );
    }
    report.probes.splice(0..0, probes);
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

/// The lines of a file of results.
fn lines(path: &Path, rubrics: Vec<Terms>) -> Result<Lines, Stop> {
    let failed = |what: String| unwritable(path, &what);
    let file = File::open(path).map_err(|e| failed(e.to_string()))?;
    let mut lines = Lines::new(rubrics);
    for (number, text) in (1..).zip(BufReader::new(file).lines()) {
        let text = text.map_err(|e| failed(e.to_string()))?;
        let wrong = |e: serde_json::Error| failed(format!("line {number}: {e}"));
        let line: Line = serde_json::from_str(&text).map_err(wrong)?;
        lines.push(&line).map_err(wrong)?;
    }
    Ok(lines)
}
