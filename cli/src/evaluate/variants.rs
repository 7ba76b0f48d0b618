//! Several judges and templates in one evaluation: each pair of them is a run of its own, in a folder below the evaluation's.

use super::arguments::EvaluateArguments;
use super::file::{EvalFile, JudgeEntry};
use crate::arguments::Where;
use crate::exit::Stop;
use crate::run;
use std::path::{Path, PathBuf};

/// More would take days.
const MOST: usize = 32;

/// Of the flags and the file, one set of flags for each run; the same flags where only one judge and template is asked for.
pub fn of(flags: &EvaluateArguments) -> Result<Vec<EvaluateArguments>, Stop> {
    let file = flags.file.as_deref().map(EvalFile::open).transpose()?.unwrap_or_default();
    let base = flags.file.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
    let judges = judges(flags, &file, base)?;
    let templates = templates(flags, &file, base);
    if judges.len() <= 1 && templates.len() <= 1 {
        return Ok(vec![run(flags, judges.first(), templates.first(), flags.out.clone())]);
    }
    let out = flags.out.clone().or(file.out.map(|out| base.join(out))).unwrap_or("evaluation".into());
    let mut runs = Vec::new();
    for judge in judges.iter().map(Some).chain(judges.is_empty().then_some(None)) {
        for template in templates.iter().map(Some).chain(templates.is_empty().then_some(None)) {
            let name = match (judge, template) {
                (Some(judge), Some(template)) if judges.len() > 1 && templates.len() > 1 => {
                    format!("{}-{}", judge.name, stem(template))
                }
                (Some(judge), _) if judges.len() > 1 => judge.name.clone(),
                (_, template) => template.map_or(String::new(), |template| stem(template)),
            };
            runs.push(run(flags, judge, template, Some(out.join(&name))));
            check(&name, &runs)?;
        }
    }
    Ok(runs)
}

/// The folder of an evaluation with several runs.
pub fn folder(runs: &[EvaluateArguments]) -> PathBuf {
    let out = runs.first().and_then(|run| run.out.as_deref());
    out.and_then(Path::parent).unwrap_or(Path::new("")).to_path_buf()
}

fn judges(flags: &EvaluateArguments, file: &EvalFile, base: &Path) -> Result<Vec<JudgeEntry>, Stop> {
    let of_flag = |text: &String| match text.split_once('=') {
        Some((name, model)) => {
            Ok(JudgeEntry { name: name.into(), model: Some(model.into()), ..JudgeEntry::default() })
        }
        None => Err(Stop::Fault(format!("`--judge {text}`: it is written as NAME=FILE"))),
    };
    if !flags.judge.is_empty() {
        return flags.judge.iter().map(of_flag).collect();
    }
    let join = |path: &Option<PathBuf>| path.as_ref().map(|path| base.join(path));
    let of_file = |judge: &JudgeEntry| JudgeEntry {
        model: join(&judge.model),
        adapter: join(&judge.adapter),
        chat_template: join(&judge.chat_template),
        ..judge.clone()
    };
    Ok(file.judges.iter().map(of_file).collect())
}

fn templates(flags: &EvaluateArguments, file: &EvalFile, base: &Path) -> Vec<String> {
    let of_file = |name: &String| match run::BUILT_IN.contains(&name.as_str()) {
        true => name.clone(),
        false => base.join(name).display().to_string(),
    };
    match flags.template.is_empty() {
        true => file.templates.iter().map(of_file).collect(),
        false => flags.template.clone(),
    }
}

fn run(
    flags: &EvaluateArguments,
    judge: Option<&JudgeEntry>,
    template: Option<&String>,
    out: Option<PathBuf>,
) -> EvaluateArguments {
    let judge = judge.cloned().unwrap_or_default();
    EvaluateArguments {
        model: judge.model.or(flags.model.clone()),
        adapter: judge.adapter.or(flags.adapter.clone()),
        adapter_scale: judge.adapter_scale.or(flags.adapter_scale),
        backend: judge.backend.map(Where::from).or(flags.backend),
        chat_template: judge.chat_template.or(flags.chat_template.clone()),
        context: judge.context.or(flags.context),
        template: template.into_iter().cloned().collect(),
        out,
        ..flags.clone()
    }
}

/// A run's name is the name of its folder.
fn check(name: &str, runs: &[EvaluateArguments]) -> Result<(), Stop> {
    let wrong = |what: &str| Err(Stop::Fault(format!("the run {name:?}: {what}")));
    let (last, others) = (runs.last().map(|run| &run.out), &runs[..runs.len() - 1]);
    match () {
        _ if name.is_empty() || name.contains(['/', '\\']) || name.starts_with('.') => {
            wrong("give the judge a name that can be a folder's")
        }
        _ if others.iter().any(|run| Some(&run.out) == last) => {
            wrong("two judges or templates have this name: give them names of their own")
        }
        _ if runs.len() > MOST => wrong(&format!("it is one too many; {MOST} runs are the most")),
        _ => Ok(()),
    }
}

/// A template by its own name, or by its file's without the ending.
fn stem(template: &str) -> String {
    Path::new(template).file_stem().map_or(template.into(), |stem| stem.to_string_lossy().into_owned())
}
