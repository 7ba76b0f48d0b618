//! What a run is: the flags over the file, with all files that they name.

use super::arguments::{Asked, EvaluateArguments};
use super::file::{BackendName, EvalFile, FormatName, LabelColumns, RubricEntry, TruncateName};
use super::parquet;
use crate::arguments::{Cut, ModelArguments, ReadingArguments, Shard, Where, thinking};
use crate::exit::Stop;
use crate::run;
use crate::task::Task;
use lunette::engine::DEFAULT_BATCH;
use lunette::eval::dataset::{Columns, Dataset, Field, Format, parse_map};
use lunette::eval::probe::{Probe, VARIANTS, Variant};
use lunette::eval::run::Terms;
use lunette::judge::{JudgeOptions, Method, Rubric, ThinkingChoice};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

pub struct Spec {
    pub data: Dataset,
    pub rubrics: Vec<Judged>,
    /// The same, as labels, results and reports take them.
    pub terms: Vec<Terms>,
    /// What labels of the data mean.
    pub label_values: BTreeMap<String, String>,
    /// Rubrics whose labels were asked for by name.
    pub labelled: Vec<String>,
    pub options: JudgeOptions,
    pub reading: ReadingArguments,
    /// The template's text, or the name of a built-in one.
    pub template: String,
    pub model: ModelArguments,
    pub batch: usize,
    pub shard: Shard,
    pub limit: Option<u64>,
    pub out: PathBuf,
    pub bounds: Vec<(String, Bound)>,
    pub allow_errors: bool,
    pub probes: Vec<&'static Variant>,
    /// The systems that are the judge itself.
    pub own: Vec<String>,
}

/// What a figure of the report must keep.
#[derive(Debug, Clone, Copy)]
pub enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

/// A rubric, and what its verdicts count.
pub struct Judged {
    pub name: String,
    pub task: Task,
    pub weight: f64,
    pub threshold: Option<f64>,
    pub pass: Vec<String>,
}

impl Judged {
    fn terms(&self) -> Result<Terms, Stop> {
        let Judged { name, task, weight, threshold, pass } = self;
        terms(&json!({
            "name": name, "task": task.name(), "rubric": task.rubric(), "weight": weight, "threshold": threshold, "pass": pass,
        }))
    }
}

/// Of a rubric as `run.json` has it.
pub fn terms(written: &Value) -> Result<Terms, Stop> {
    Terms::deserialize(written).map_err(|e| Stop::Fault(e.to_string()))
}

fn fault<T>(what: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Fault(what.into()))
}

/// `NAME=VALUE`
fn pair<'a>(text: &'a str, flag: &str) -> Result<(&'a str, &'a str), Stop> {
    text.rsplit_once('=').ok_or_else(|| Stop::Fault(format!("`{flag} {text}`: it is written as NAME=VALUE")))
}

fn number(text: &str, flag: &str) -> Result<f64, Stop> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        _ => fault(format!("`{flag}`: {text:?} is no number")),
    }
}

impl Spec {
    /// Reads everything but the rows and the model.
    pub fn new(flags: EvaluateArguments) -> Result<Spec, Stop> {
        let file = flags.file.as_deref().map(EvalFile::open).transpose()?.unwrap_or_default();
        let base = flags.file.as_deref().and_then(Path::parent).unwrap_or(Path::new("")).to_path_buf();
        let from_file = |path: &PathBuf| base.join(path);
        let Some(data) = flags.data.clone().or(file.data.as_ref().map(from_file)) else {
            return fault("no data: name the rows with --data or, in the file, with `data`");
        };
        let rubrics = rubrics(&flags, &file, &base)?;
        let terms = rubrics.iter().map(Judged::terms).collect::<Result<Vec<_>, _>>()?;
        Terms::check(&terms)?;
        let (columns, labelled) = columns(&flags, &file)?;
        let reading = reading(&flags, &file, &base)?;
        let (mut options, template) = run::options(&reading)?;
        options.rubric_orders = flags.rubric_orders.or(file.rubric_orders).unwrap_or(1);
        options.method = flags.pairs.method.or(file.method).map(Method::from);
        options.both_orders = !flags.pairs.one_order && file.both_orders.unwrap_or(true);
        options.ties = flags.pairs.ties || file.ties.unwrap_or(false);
        for rubric in &rubrics {
            options.check(rubric.task.kind())?;
        }
        let shard = match (flags.shard, &file.shard) {
            (Some(shard), _) => shard,
            (None, Some(text)) => text.parse().map_err(|why| Stop::Fault(format!("`shard`: {why}")))?,
            (None, None) => Shard { index: 0, count: 1 },
        };
        let batch = flags.batch.or(file.batch).unwrap_or(DEFAULT_BATCH);
        if !(1..=64).contains(&batch) {
            return fault(format!("`batch` is {batch}; it is 1 to 64"));
        }
        let format = flags.format.map(Format::from).or(file.format.map(Format::from));
        Ok(Spec {
            data: dataset(&data, format, columns)?,
            label_values: label_values(&flags, &file)?,
            labelled,
            options,
            reading,
            template,
            batch,
            shard,
            limit: flags.limit.or(file.limit),
            out: flags.out.clone().or(file.out.as_ref().map(from_file)).unwrap_or("evaluation".into()),
            bounds: bounds(&flags, &file)?,
            probes: probes(&flags, &file)?,
            own: match (flags.own.is_empty(), &file.own) {
                (true, Some(names)) => names.clone().into(),
                _ => flags.own.clone(),
            },
            allow_errors: flags.allow_errors || file.allow_errors.unwrap_or(false),
            model: ModelArguments {
                model: flags.model.or(file.model.as_ref().map(from_file)),
                backend: flags.backend.or(file.backend.map(Where::from)).unwrap_or(Where::Auto),
                context: flags.context.or(file.context),
                threads: flags.threads,
                chat_template: flags.chat_template.or(file.chat_template.as_ref().map(from_file)),
                adapter: flags.adapter.or(file.adapter.as_ref().map(from_file)),
                date: flags.date.or(file.date),
            },
            rubrics,
            terms,
        })
    }
}

/// The changes of the probes that are asked for.
fn probes(flags: &EvaluateArguments, file: &EvalFile) -> Result<Vec<&'static Variant>, Stop> {
    let names = match (flags.probes.is_empty(), &file.probes) {
        (true, Some(names)) => names.clone().into(),
        _ => flags.probes.clone(),
    };
    if names.iter().any(|name| name == "all") {
        return Ok(VARIANTS.to_vec());
    }
    let probes = names.iter().map(|name| name.parse()).collect::<Result<Vec<Probe>, String>>();
    let probes = probes.map_err(|why| Stop::Fault(format!("`probes`: {why}")))?;
    Ok(VARIANTS.into_iter().filter(|variant| probes.contains(&variant.probe)).collect())
}

/// The rows of a file, which is opened for each pass over them.
fn dataset(path: &Path, format: Option<Format>, map: Columns) -> Result<Dataset, Stop> {
    let shown = path.display().to_string();
    if path == Path::new("-") || path.is_dir() {
        return fault(format!("`data` is {shown}: it has to be a file, which is read several times"));
    }
    let is_parquet =
        parquet::is_parquet(path).map_err(|e| Stop::Fault(format!("{shown} cannot be read: {e}")))?;
    let format = if is_parquet { Some(Format::Jsonl) } else { format };
    let path = path.to_path_buf();
    let open = move || {
        let file: Box<dyn Read> =
            if is_parquet { Box::new(parquet::Lines::open(&path)?) } else { Box::new(File::open(&path)?) };
        Ok(Box::new(BufReader::with_capacity(1 << 16, file)) as Box<dyn BufRead>)
    };
    Dataset::new(open, &shown, format, map).map_err(|e| match e {
        lunette::Error::InvalidArgument(why) => Stop::Fault(why),
        other => other.into(),
    })
}

/// The columns of the data, and the rubrics that labels were named for.
fn columns(flags: &EvaluateArguments, file: &EvalFile) -> Result<(Columns, Vec<String>), Stop> {
    let mut columns = Columns::new();
    for (field, names) in &file.map {
        let field: Field = field.parse()?;
        columns.insert(field, names.clone().into());
    }
    if let Some(map) = &flags.map {
        columns.extend(parse_map(map)?);
    }
    let mut labels: Vec<(String, Vec<String>)> = match &file.labels {
        None => Vec::new(),
        Some(LabelColumns::All(names)) => vec![(String::new(), names.clone().into())],
        Some(LabelColumns::ByRubric(by)) => {
            by.iter().map(|(rubric, names)| (rubric.clone(), names.clone().into())).collect()
        }
    };
    if let Some(text) = &flags.labels {
        let one = |part: &str| {
            let (rubric, names) = part.split_once('=').unwrap_or(("", part));
            (rubric.trim().to_string(), names.split('+').map(|name| name.trim().to_string()).collect())
        };
        labels = text.split(',').map(one).collect();
    }
    let named = labels.iter().map(|(rubric, _)| rubric.clone()).collect();
    columns.extend(labels.into_iter().map(|(rubric, names)| (Field::Label(rubric), names)));
    Ok((columns, named))
}

fn label_values(flags: &EvaluateArguments, file: &EvalFile) -> Result<BTreeMap<String, String>, Stop> {
    let mut values: BTreeMap<String, String> =
        file.label_values.iter().map(|(found, meant)| (found.clone(), meant.to_string())).collect();
    for text in &flags.label_value {
        let (found, meant) = pair(text, "--label-value")?;
        values.insert(found.into(), meant.into());
    }
    Ok(values)
}

fn bounds(flags: &EvaluateArguments, file: &EvalFile) -> Result<Vec<(String, Bound)>, Stop> {
    let mut bounds: BTreeMap<String, Bound> = BTreeMap::new();
    bounds.extend(file.fail_under.iter().map(|(figure, least)| (figure.clone(), Bound::AtLeast(*least))));
    bounds.extend(file.fail_over.iter().map(|(figure, most)| (figure.clone(), Bound::AtMost(*most))));
    let mut all: Vec<(String, Bound)> = bounds.into_iter().collect();
    all.extend(flag_bounds(&flags.fail_under, &flags.fail_over)?);
    Ok(all)
}

/// Those of `--fail-under` and `--fail-over`.
pub fn flag_bounds(under: &[String], over: &[String]) -> Result<Vec<(String, Bound)>, Stop> {
    let read = |text: &String, flag: &str| -> Result<(String, f64), Stop> {
        let (figure, bound) = pair(text, flag)?;
        Ok((figure.to_string(), number(bound, flag)?))
    };
    let under = under.iter().map(|text| read(text, "--fail-under").map(|(f, x)| (f, Bound::AtLeast(x))));
    let over = over.iter().map(|text| read(text, "--fail-over").map(|(f, x)| (f, Bound::AtMost(x))));
    under.chain(over).collect()
}

fn reading(flags: &EvaluateArguments, file: &EvalFile, base: &Path) -> Result<ReadingArguments, Stop> {
    let thought = match (flags.thinking, &file.thinking) {
        (Some(choice), _) => choice,
        (None, Some(word)) => {
            thinking(&word.to_string()).map_err(|why| Stop::Fault(format!("`thinking`: {why}")))?
        }
        (None, None) => ThinkingChoice::Auto,
    };
    let named = |name: &String| match run::BUILT_IN.contains(&name.as_str()) {
        true => name.clone(),
        false => base.join(name).display().to_string(),
    };
    Ok(ReadingArguments {
        no_critique: flags.no_critique || file.critique == Some(false),
        max_tokens: flags.max_tokens.or(file.max_tokens).unwrap_or(512),
        thinking: thought,
        temperature: flags.temperature.or(file.temperature).unwrap_or(0.0),
        seed: flags.seed.or(file.seed).unwrap_or(0),
        samples: flags.samples.or(file.samples).unwrap_or(1),
        template: flags
            .template
            .first()
            .cloned()
            .or(file.template.as_ref().map(named))
            .unwrap_or("selene".into()),
        adapter_scale: flags.adapter_scale.or(file.adapter_scale).unwrap_or(1.0),
        defences: if flags.defences.is_empty() { file.defences.clone() } else { flags.defences.clone() },
        truncate: flags.truncate.or(file.truncate.map(Cut::from)),
    })
}

/// The rubrics by their names; without any, one without a name for the rows' own.
fn rubrics(flags: &EvaluateArguments, file: &EvalFile, base: &Path) -> Result<Vec<Judged>, Stop> {
    let asked = flags.task.or(file.task);
    let mut rubrics = Vec::new();
    if flags.rubric.is_empty() {
        for (i, entry) in file.rubrics.iter().enumerate() {
            let named = |stop: Stop| match stop {
                Stop::Fault(why) => Stop::Fault(format!("`rubrics[{i}]`: {why}")),
                other => other,
            };
            rubrics.push(judged(entry, base, asked).map_err(named)?);
        }
    }
    for text in &flags.rubric {
        let (name, path) = match text.split_once('=') {
            Some((name, path)) => (Some(name.to_string()), path),
            None => (None, text.as_str()),
        };
        let entry = RubricEntry { name, file: Some(path.into()), ..Default::default() };
        rubrics.push(judged(&entry, Path::new(""), asked)?);
    }
    if rubrics.is_empty() {
        let Some(asked) = asked else {
            return fault("neither a task nor a rubric: give `task`, or `rubrics` that tell which it is");
        };
        rubrics.push(Judged {
            name: String::new(),
            task: task(asked, None)?,
            weight: 1.0,
            threshold: None,
            pass: Vec::new(),
        });
    }
    for (flag, texts) in [("--weight", &flags.weight), ("--threshold", &flags.threshold)] {
        for text in texts {
            let (name, value) = pair(text, flag)?;
            let Some(rubric) = rubrics.iter_mut().find(|rubric| rubric.name == name) else {
                return fault(format!("`{flag} {text}`: no rubric has the name {name:?}"));
            };
            let value = number(value, flag)?;
            if flag == "--weight" { rubric.weight = value } else { rubric.threshold = Some(value) }
        }
    }
    Ok(rubrics)
}

fn judged(entry: &RubricEntry, base: &Path, asked: Option<Asked>) -> Result<Judged, Stop> {
    let inline = entry.objective.is_some() || entry.scale.is_some() || entry.labels.is_some();
    let (rubric, stem) = match &entry.file {
        Some(_) if inline => return fault("it has a `file` and fields of its own: give one of them"),
        Some(file) => {
            let path = base.join(file);
            let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
            (run::rubric(Some(&path))?, stem)
        }
        None => {
            let mut fields = json!({ "objective": entry.objective });
            for (name, value) in [("scale", &entry.scale), ("labels", &entry.labels)] {
                if let Some(value) = value {
                    fields[name] = Value::Object(value.clone());
                }
            }
            (Some(Rubric::parse(&fields.to_string())?), None)
        }
    };
    let asked = asked.unwrap_or(match rubric {
        Some(Rubric::Class(_)) => Asked::Classify,
        Some(Rubric::Criteria(_)) => Asked::Compare,
        _ => Asked::Score,
    });
    let name = entry.name.clone().or(stem).unwrap_or_default();
    let (weight, threshold, pass) = (entry.weight.unwrap_or(1.0), entry.threshold, entry.pass.clone());
    Ok(Judged { name, task: task(asked, rubric)?, weight, threshold, pass })
}

fn task(asked: Asked, rubric: Option<Rubric>) -> Result<Task, Stop> {
    match asked {
        Asked::Score => Task::score(rubric),
        Asked::Classify => Task::classify(rubric),
        Asked::Compare => Task::compare(rubric),
    }
}

impl From<FormatName> for Format {
    fn from(name: FormatName) -> Format {
        match name {
            FormatName::Jsonl => Format::Jsonl,
            FormatName::Json => Format::Json,
            FormatName::Csv => Format::Csv,
            FormatName::Tsv => Format::Tsv,
        }
    }
}

impl From<BackendName> for Where {
    fn from(name: BackendName) -> Where {
        match name {
            BackendName::Auto => Where::Auto,
            BackendName::Gpu => Where::Gpu,
            BackendName::Cpu => Where::Cpu,
        }
    }
}

impl From<TruncateName> for Cut {
    fn from(name: TruncateName) -> Cut {
        match name {
            TruncateName::Response => Cut::Response,
            TruncateName::Context => Cut::Context,
        }
    }
}
