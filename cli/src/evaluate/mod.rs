//! `lunette evaluate`: a data set judged row by row, with a report of how far the judge agrees with people.
//!
//! The folder of a run holds `verdicts.jsonl`, written as verdicts are reached (`journal`), and at the end `results.jsonl`
//! with a line for each row, `run.json`, which says what was asked, and the report.

pub mod arguments;
pub mod compare;
mod file;
mod gates;
mod journal;
mod judging;
pub mod merge;
pub mod parquet;
mod prepare;
mod probes;
mod report;
mod results;
mod run_file;
mod spec;
mod survey;
mod variants;

use crate::exit::{Exit, Stop};
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::run;
use arguments::EvaluateArguments;
use file::EvalFile;
use journal::Journal;
use judging::Judging;
use lunette::engine::LoadOptions;
use run_file::RunFile;
use spec::Spec;
use std::fs;
use std::path::{Path, PathBuf};
use survey::Survey;

pub const VERDICTS: &str = "verdicts.jsonl";
pub const RESULTS: &str = "results.jsonl";
pub const REPORT: &str = "report.json";

pub fn evaluate(flags: EvaluateArguments) -> Result<Exit, Stop> {
    if flags.schema {
        println!("{}", EvalFile::schema()?);
        return Ok(Exit::Done);
    }
    let runs = variants::of(&flags)?;
    let interrupt = Interrupt::listen()?;
    if runs.len() == 1 || flags.preview {
        return runs.into_iter().next().map_or(Ok(Exit::Done), |run| run_one(run, &interrupt));
    }
    if flags.baseline.is_some() {
        let why = "a baseline is for one run, and there are several judges or templates: use `lunette compare-runs`";
        return Err(Stop::Fault(why.into()));
    }
    let folder = variants::folder(&runs);
    let outs: Vec<PathBuf> = runs.iter().filter_map(|run| run.out.clone()).collect();
    let mut exit = Exit::Done;
    for (run, out) in runs.into_iter().zip(&outs) {
        eprintln!("lunette: evaluating into {}", out.display());
        exit = exit.or(run_one(run, &interrupt)?);
    }
    let comparison = compare::of(&outs)?;
    compare::print(&comparison)?;
    compare::write(&comparison, &folder)?;
    Ok(exit)
}

/// One judge with one template.
fn run_one(flags: EvaluateArguments, interrupt: &Interrupt) -> Result<Exit, Stop> {
    let (preview, quiet, wanted) = (flags.preview, flags.quiet, flags.progress);
    let baseline = flags.baseline.clone();
    let spec = Spec::new(flags)?;
    if preview {
        return spec.preview().map(|()| Exit::Done);
    }
    // Wrong names are found before hours of work.
    let (wholes, figures) = gates::split(&spec.bounds);
    let bounds = report::bounds(&figures, &spec.rubrics)?;
    let survey = Survey::of(&spec)?;
    if !quiet {
        survey.remarks().iter().for_each(|remark| eprintln!("lunette: {remark}"));
    }
    let options = run::load_options(&spec.model)?;
    let model = run::model(spec.model.model.as_ref())?;
    fs::create_dir_all(&spec.out).map_err(|e| unwritable(&spec.out, &e.to_string()))?;
    let journal = Journal::open(&spec.out.join(VERDICTS))?;
    let mut progress = Progress::new(quiet, wanted);
    progress.expect(survey.own);
    let options = LoadOptions { max_batch: Some(spec.batch), ..options };
    let done = pollster::block_on(async {
        let engine = run::load(&model, &options, &mut progress, interrupt).await?;
        if !quiet {
            engine.info().warnings.iter().for_each(|warning| eprintln!("lunette: {warning}"));
        }
        let judging = Judging::new(&spec, &engine, &options, journal, interrupt)?;
        let run_file = RunFile::new(&spec, &survey, &engine.info(), judging.hashes());
        run_file.write(&spec.out)?;
        let tally = judging.run(&mut progress).await?;
        let effects = probes::run(&judging, &survey, &mut progress).await?;
        Ok::<_, Stop>((tally, run_file, effects))
    });
    progress.clear();
    let (tally, run_file, effects) = done?;
    probes::write(&spec.out, &effects)?;
    progress.finish(&tally);
    let mut kept = report::write(&spec.out, &run_file, bounds, effects)?;
    kept &= gates::keep(&spec.out, &wholes, spec.reading.seed)?;
    if let Some(baseline) = baseline {
        kept &= compare::against(&baseline, &spec.out)?;
    }
    Ok(match tally.exit(spec.allow_errors) {
        Exit::Done if !kept => Exit::Lower,
        exit => exit,
    })
}

fn unwritable(path: &Path, why: &str) -> Stop {
    Stop::Fault(format!("{}: {why}", path.display()))
}
