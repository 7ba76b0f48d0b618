//! `lunette compare-runs`: runs on the same rows side by side; and a run held against an earlier one.

use super::arguments::CompareRunsArguments;
use super::{REPORT, unwritable};
use crate::exit::{Exit, Stop};
use lunette::eval::{Comparison, Drop, Graded, Report, Run, Settings};
use std::fs;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};

/// A finished run, read back.
struct Past {
    name: String,
    rows: Vec<Graded>,
    settings: Settings,
}

impl Past {
    /// Of its folder, or of its `report.json` itself.
    fn read(path: &Path) -> Result<Past, Stop> {
        let file = if path.is_dir() { path.join(REPORT) } else { path.to_path_buf() };
        let failed = |why: String| unwritable(&file, &why);
        let text = fs::read_to_string(&file).map_err(|e| {
            failed(format!("{e}; a run that is finished has it: run `lunette evaluate` to its end"))
        })?;
        let report = Report::from_json(&text).map_err(|e| failed(e.to_string()))?;
        let rows = report.rows.into_iter().map(|row| row.graded).collect();
        Ok(Past { name: path.display().to_string(), rows, settings: report.settings })
    }
}

/// Compares the runs, and prints how. With `--fail-on-drop`, a figure that is significantly worse than the first run's ends
/// with another code.
pub fn compare(arguments: &CompareRunsArguments) -> Result<Exit, Stop> {
    let comparison = of(&arguments.runs)?;
    print(&comparison)?;
    if let Some(out) = &arguments.out {
        write(&comparison, out)?;
    }
    let drops = comparison.drops();
    report(&drops);
    Ok(if arguments.fail_on_drop && !drops.is_empty() { Exit::Lower } else { Exit::Done })
}

/// Holds a run against an earlier one, and says whether no figure has become significantly worse.
pub fn against(baseline: &Path, run: &Path) -> Result<bool, Stop> {
    let comparison = of(&[baseline.to_path_buf(), run.to_path_buf()])?;
    write(&comparison, run)?;
    let drops = comparison.drops();
    report(&drops);
    Ok(drops.is_empty())
}

/// Compares the runs of these folders.
pub fn of(folders: &[PathBuf]) -> Result<Comparison, Stop> {
    let past: Vec<Past> = folders.iter().map(|path| Past::read(path)).collect::<Result<_, _>>()?;
    let runs: Vec<Run> = past.iter().map(|run| Run { name: &run.name, rows: &run.rows }).collect();
    let settings = past.first().map(|run| run.settings.clone()).unwrap_or_default();
    Ok(Comparison::of(&runs, &settings)?)
}

pub fn print(comparison: &Comparison) -> Result<(), Stop> {
    // Who does not read it may have the files.
    let _ = writeln!(stdout(), "{}", comparison.to_markdown()?);
    Ok(())
}

pub fn write(comparison: &Comparison, folder: &Path) -> Result<(), Stop> {
    fs::create_dir_all(folder).map_err(|e| unwritable(folder, &e.to_string()))?;
    for (name, text) in [
        ("comparison.json", comparison.to_json()? + "\n"),
        ("comparison.md", comparison.to_markdown()?),
        ("comparison.html", comparison.to_html()?),
    ] {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|e| unwritable(&path, &e.to_string()))?;
    }
    Ok(())
}

fn report(drops: &[Drop]) {
    for Drop { run, rubric, difference } in drops {
        let (before, after) = (difference.first.unwrap_or_default(), difference.second.unwrap_or_default());
        let p = difference.test.map_or(1.0, |test| test.corrected);
        let of = if rubric.is_empty() { String::new() } else { format!(" of {rubric}") };
        eprintln!(
            "lunette: {}{of} is {after:.3} in {run}, and was {before:.3} (p {p:.3})",
            difference.metric
        );
    }
}
