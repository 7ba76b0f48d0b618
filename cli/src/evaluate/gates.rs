//! Bounds on what a row's rubrics come to together: `overall`, the mean of the rows' overall grades, and `passRate`, the share
//! of rows that pass. Rows without either have an error or no rubric that says what passes.

use super::spec::Bound;
use super::{RESULTS, unwritable};
use crate::exit::Stop;
use lunette::eval::Settings;
use lunette::statistics::{Units, bca, mean, resampled, wilson};
use serde::Deserialize;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whole {
    Overall,
    PassRate,
}

/// What a line of the results says of the row as a whole.
#[derive(Deserialize)]
struct Line {
    group: Option<String>,
    overall: Option<f64>,
    passed: Option<bool>,
}

/// A bound on all rubrics together; the others are on figures of the report.
pub type WholeBound = (Whole, Bound);

impl Whole {
    fn name(self) -> &'static str {
        match self {
            Whole::Overall => "overall",
            Whole::PassRate => "passRate",
        }
    }
}

/// Tells bounds on the whole from those on figures.
pub fn split(bounds: &[(String, Bound)]) -> (Vec<WholeBound>, Vec<(String, Bound)>) {
    let (mut wholes, mut figures) = (Vec::new(), Vec::new());
    for (name, bound) in bounds {
        match [Whole::Overall, Whole::PassRate].into_iter().find(|whole| whole.name() == name) {
            Some(whole) => wholes.push((whole, *bound)),
            None => figures.push((name.clone(), *bound)),
        }
    }
    (wholes, figures)
}

/// Whether the results in `folder` keep the bounds. Says of each what was found.
pub fn keep(folder: &Path, bounds: &[WholeBound], seed: u64) -> Result<bool, Stop> {
    if bounds.is_empty() {
        return Ok(true);
    }
    let lines = lines(&folder.join(RESULTS))?;
    let mut kept = true;
    for (whole, bound) in bounds {
        let found = value(*whole, &lines, seed);
        let keeps = found.as_ref().is_some_and(|(value, _)| match bound {
            Bound::AtLeast(least) => value >= least,
            Bound::AtMost(most) => value <= most,
        });
        let shown = match found {
            Some((value, Some([low, high]))) => format!("{value:.3} [{low:.3}, {high:.3}]"),
            Some((value, None)) => format!("{value:.3}"),
            None => "not defined".into(),
        };
        let wanted = match bound {
            Bound::AtLeast(least) => format!("at least {least}"),
            Bound::AtMost(most) => format!("at most {most}"),
        };
        if !keeps {
            eprintln!("lunette: {} is {shown}; it was to be {wanted}", whole.name());
        }
        kept &= keeps;
    }
    Ok(kept)
}

/// With its interval, of whole groups where rows come in such.
fn value(whole: Whole, lines: &[Line], seed: u64) -> Option<(f64, Option<[f64; 2]>)> {
    let found: Vec<(f64, Option<&str>)> = lines
        .iter()
        .filter_map(|line| {
            let value = match whole {
                Whole::Overall => line.overall?,
                Whole::PassRate => f64::from(line.passed?),
            };
            Some((value, line.group.as_deref()))
        })
        .collect();
    let values: Vec<f64> = found.iter().map(|(value, _)| *value).collect();
    let value = mean(&values)?;
    let settings = Settings { resamples: Settings::resamples_for(values.len()), ..Settings::default() };
    let grouped = found.iter().any(|(_, group)| group.is_some());
    if whole == Whole::PassRate && !grouped {
        let hits = values.iter().filter(|value| **value > 0.0).count();
        return Some((value, wilson(hits, values.len(), settings.confidence)));
    }
    let units = Units::clusters(found.iter().map(|(_, group)| *group));
    let of = |rows: &[usize]| mean(&rows.iter().map(|&row| values[row]).collect::<Vec<f64>>());
    let resampled = resampled(&units, settings.resamples, seed, of);
    Some((value, resampled.and_then(|resampled| bca(value, &resampled, settings.confidence))))
}

fn lines(path: &Path) -> Result<Vec<Line>, Stop> {
    let failed = |what: String| unwritable(path, &what);
    let file = File::open(path).map_err(|e| failed(e.to_string()))?;
    let mut lines = Vec::new();
    for (number, text) in (1..).zip(BufReader::new(file).lines()) {
        let text = text.map_err(|e| failed(e.to_string()))?;
        lines.push(serde_json::from_str(&text).map_err(|e| failed(format!("line {number}: {e}")))?);
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wholes_are_measured_over_the_rows_that_have_them() {
        let line = |passed: Option<bool>, overall: Option<f64>| Line { group: None, overall, passed };
        let mut lines: Vec<Line> = (0..20).map(|i| line(Some(i < 15), Some(f64::from(i % 2)))).collect();
        lines.push(line(None, None));
        let (rate, interval) = value(Whole::PassRate, &lines, 0).unwrap();
        // As R's binom.wilson gives it for 15 of 20.
        let [low, high] = interval.unwrap();
        assert!(rate == 0.75 && (low - 0.5313).abs() < 1e-4 && (high - 0.8881).abs() < 1e-4, "{low} {high}");
        let (overall, interval) = value(Whole::Overall, &lines, 0).unwrap();
        assert!(overall == 0.5 && interval.is_some_and(|[low, high]| low < 0.4 && high > 0.6));
        assert_eq!(value(Whole::PassRate, &[line(None, Some(1.0))], 0), None);
    }
}
