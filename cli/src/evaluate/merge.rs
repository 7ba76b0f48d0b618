//! `lunette merge-runs`: the shards of a run as one.

use super::arguments::MergeArguments;
use super::run_file::RunFile;
use super::{RESULTS, gates, report, spec, unwritable};
use crate::exit::{Exit, Stop};
use crate::gate::{Gate, Tally};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Writes what a single process would have written: results, `run.json` and report.
pub fn merge(arguments: &MergeArguments) -> Result<Exit, Stop> {
    let mut runs: Vec<(RunFile, &PathBuf)> = Vec::new();
    for folder in &arguments.runs {
        runs.push((RunFile::read(folder)?, folder));
    }
    runs.sort_by_key(|(run, _)| run.shard);
    let whole = together(&runs)?;
    let names: Vec<&str> = whole.rubrics.iter().map(|rubric| rubric.name.as_str()).collect();
    let bounds = spec::flag_bounds(&arguments.fail_under, &arguments.fail_over)?;
    let (wholes, bounds) = gates::split(&bounds);
    let bounds = bounds.iter().map(|(figure, bound)| report::threshold(figure, *bound, &names));
    let bounds = bounds.collect::<Result<Vec<_>, _>>()?;
    let out = &arguments.out;
    if arguments.runs.iter().any(|folder| folder == out) {
        return Err(unwritable(out, "it is one of the shards: give another folder"));
    }
    fs::create_dir_all(out).map_err(|e| unwritable(out, &e.to_string()))?;
    let folders: Vec<&Path> = runs.iter().map(|(_, folder)| folder.as_path()).collect();
    let tally = interleave(&folders, &whole, out)?;
    whole.write(out)?;
    let mut kept = report::write(out, &whole, bounds, Vec::new())?;
    kept &= gates::keep(out, &wholes, whole.seed)?;
    Ok(match tally.exit(arguments.allow_errors) {
        Exit::Done if !kept => Exit::Lower,
        exit => exit,
    })
}

/// The run that these are all the shards of.
fn together(runs: &[(RunFile, &PathBuf)]) -> Result<RunFile, Stop> {
    let Some((first, _)) = runs.first() else { return Err(Stop::Fault("no folders to merge".into())) };
    let count = first.shard[1];
    let whole = RunFile { shard: [0, 1], ..first.clone() };
    for (run, folder) in runs {
        if run.shard[1] != count || (RunFile { shard: [0, 1], ..run.clone() }) != whole {
            let what = match run.data != whole.data {
                true => "other data",
                false => "another model, rubric, option or number of shards",
            };
            return Err(unwritable(folder, &format!("it was run with {what} than {}", runs[0].1.display())));
        }
    }
    let there: Vec<u64> = runs.iter().map(|(run, _)| run.shard[0]).collect();
    if let Some(twice) = there.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(Stop::Fault(format!("the shard {}/{count} is there twice", twice[0])));
    }
    match (0..count).find(|shard| !there.contains(shard)) {
        Some(missing) => Err(Stop::Fault(format!("the shard {missing}/{count} is missing"))),
        None => Ok(whole),
    }
}

/// A line, as far as it matters for its place.
#[derive(Deserialize)]
struct Place {
    row: u64,
    verdicts: Option<IgnoredAny>,
    errors: Option<IgnoredAny>,
}

/// Takes a line of each shard in turn, as the rows were dealt out.
fn interleave(folders: &[&Path], whole: &RunFile, out: &Path) -> Result<Tally, Stop> {
    let open = |folder: &&Path| -> Result<_, Stop> {
        let path = folder.join(RESULTS);
        let file = File::open(&path)
            .map_err(|e| unwritable(&path, &format!("{e}; the run is not finished: run it again")))?;
        Ok((path, BufReader::new(file)))
    };
    let mut shards = folders.iter().map(open).collect::<Result<Vec<_>, _>>()?;
    let count = shards.len() as u64;
    let (target, part) = (out.join(RESULTS), out.join(format!("{RESULTS}.part")));
    let failed = |e: io::Error| unwritable(&target, &e.to_string());
    let mut output = BufWriter::new(File::create(&part).map_err(failed)?);
    let mut tally = Tally::default();
    for row in 0..whole.rows {
        let (path, lines) = &mut shards[(row % count) as usize];
        let mut line = String::new();
        lines.read_line(&mut line).map_err(|e| unwritable(path, &e.to_string()))?;
        let place: Place = serde_json::from_str(&line)
            .map_err(|_| unwritable(path, &format!("it has no line for row {row}: run the shard again")))?;
        if place.row != row {
            return Err(unwritable(path, &format!("it has row {} where row {row} belongs", place.row)));
        }
        output.write_all(line.as_bytes()).map_err(failed)?;
        let judged = place.verdicts.is_some() && place.errors.is_none();
        tally.count(judged.then_some(&json!({})), &Gate::Open);
    }
    output.into_inner().map_err(|e| failed(e.into_error()))?;
    fs::rename(&part, &target).map_err(failed)?;
    Ok(tally)
}
