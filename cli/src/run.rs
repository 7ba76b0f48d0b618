//! A run: rows in, lines out, in the same order and several at a time.

use crate::arguments::{ModelArguments, ReadingArguments, RowArguments};
use crate::exit::{Exit, Stop};
use crate::gate::{Gate, Tally};
use crate::interrupt::Interrupt;
use crate::line::{Settings, fields, kept, line, without_timing};
use crate::need::Need;
use crate::past::{Past, unreadable};
use crate::progress::Progress;
use crate::reward::Rewarding;
use crate::room::Room;
use crate::rows::{self, Row};
use crate::task::{Failure, Task};
use futures::stream::StreamExt;
use lunette::Control;
use lunette::engine::{AdapterChoice, Engine, LoadOptions, ModelInfo};
use lunette::eval::run::Fingerprint;
use lunette::judge::{Judge, JudgeOptions, Rubric, Template, TemplateChoice};
use lunette::model::Adapter;
use lunette::reward::RewardModel;
use lunette::source::FileModel;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::fs;
use std::io::{self, BufReader, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::rc::Rc;

/// What the command line asks for, once its files were read.
pub struct Run {
    pub asked: Asked,
    pub gate: Gate,
    pub model: ModelArguments,
    pub rows: RowArguments,
}

/// What is asked of each row.
pub enum Asked {
    Judging(Box<Judging>),
    Rewarding(Rewarding),
}

pub struct Judging {
    pub task: Task,
    pub options: JudgeOptions,
    /// The template's text, or the name of a built-in one.
    pub template: String,
    pub reading: ReadingArguments,
}

/// What answers rows, with the model loaded.
enum Answerer<'a> {
    Judge(&'a Task, Judge<'a>),
    Reward(&'a Rewarding, RewardModel, &'a Interrupt),
}

/// What a row came to.
struct Answer {
    line: Vec<u8>,
    verdict: Option<Value>,
}

impl Run {
    /// Judges stdin. What the user got wrong is found before the model is loaded.
    pub fn run(self) -> Result<Exit, Stop> {
        let mut options = load_options(&self.model)?;
        match &self.asked {
            Asked::Judging(judging) => {
                judging.options.check(judging.task.kind())?;
                self.gate.check(&judging.task)?;
            }
            Asked::Rewarding(asked) => options.head = Some(asked.head.adapter().clone()),
        }
        let model = model(self.model.model.as_ref())?;
        let past = self.rows.resume.as_deref().map(Past::open).transpose()?;
        let interrupt = Interrupt::listen()?;
        let mut progress = Progress::new(self.rows.quiet, self.rows.progress);
        let done = pollster::block_on(async {
            let options = LoadOptions { max_batch: Some(self.rows.batch), ..options };
            let engine = Rc::new(load(&model, &options, &mut progress, &interrupt).await?);
            let fingerprint = self.fingerprint(&engine.info(), &options)?;
            self.answer_all(&engine, fingerprint, past, &mut progress, &interrupt).await
        });
        progress.clear();
        let tally = done?;
        progress.finish(&tally);
        Ok(tally.exit(self.rows.allow_errors))
    }

    async fn answer_all(
        &self,
        engine: &Rc<Engine>,
        fingerprint: Fingerprint,
        past: Option<Past>,
        progress: &mut Progress,
        interrupt: &Interrupt,
    ) -> Result<Tally, Stop> {
        let RowArguments { shard, batch, .. } = self.rows;
        let info = engine.info();
        if !self.rows.quiet {
            info.warnings.iter().for_each(|warning| eprintln!("lunette: {warning}"));
        }
        let input = io::stdin();
        if input.is_terminal() && !self.rows.quiet {
            eprintln!("lunette: reading rows from the terminal, one JSON object a line; Ctrl-D ends them");
        }
        let rows = rows::read(BufReader::new(input), shard, batch);
        let mut rows = pin!(rows.take_until(interrupt.raised()).peekable());
        let mut tally = Tally::default();
        let mut output: Box<dyn Write> = match past {
            None => Box::new(io::stdout().lock()),
            Some(past) => {
                let caught_up = past.catch_up(rows.as_mut(), &fingerprint, &self.gate, &mut tally).await;
                // An interrupted input seems to end early.
                Box::new(if interrupt.aborted() { return Err(Stop::Interrupted) } else { caught_up? })
            }
        };
        let mut unheard = |_, _, _: &str| ();
        let (answerer, need) = match &self.asked {
            Asked::Judging(judging) => {
                let Judging { task, options, template, .. } = &**judging;
                let judge = Judge::new(engine, options, &mut unheard, interrupt);
                (Answerer::Judge(task, judge), Need::new(engine, task, options, template))
            }
            Asked::Rewarding(asked) => {
                let model = RewardModel::new(engine.clone(), asked.head.clone())?;
                (Answerer::Reward(asked, model, interrupt), Need::plain())
            }
        };
        let room = Room::new(engine.context_length());
        let answer = |row: io::Result<Row>| async {
            let row = row.map_err(unreadable)?;
            let _place = room.take(need.of(engine, &row.text)).await;
            self.answer(row, &answerer, &fingerprint).await
        };
        let mut answers = pin!(rows.map(answer).buffered(batch));
        while let Some(answer) = answers.next().await {
            let Answer { line, verdict } = answer?;
            output.write_all(&line).and_then(|()| output.flush()).map_err(unwritable)?;
            tally.count(verdict.as_ref(), &self.gate);
            progress.rows(&tally);
        }
        if interrupt.aborted() { Err(Stop::Interrupted) } else { Ok(tally) }
    }

    async fn answer(
        &self,
        row: Row,
        answerer: &Answerer<'_>,
        fingerprint: &Fingerprint,
    ) -> Result<Answer, Stop> {
        let hash = fingerprint.of(&row.text);
        let mut repeated = Map::new();
        let result = match self.verdict(row, answerer, &mut repeated).await {
            Ok(verdict) => Ok(verdict),
            Err(Failure::Row { code, message }) => Err((code, message)),
            Err(Failure::Run(stop)) => return Err(stop),
        };
        Ok(Answer { line: line(&hash, repeated, &result), verdict: result.ok() })
    }

    async fn verdict(
        &self,
        row: Row,
        answerer: &Answerer<'_>,
        repeated: &mut Map<String, Value>,
    ) -> Result<Value, Failure> {
        let fields = fields(&row)?;
        *repeated = kept(&fields, &self.rows.keep);
        let mut verdict = match answerer {
            Answerer::Judge(task, judge) => task.judge(judge, fields).await?,
            Answerer::Reward(asked, model, control) => asked.answer(model, fields, control).await?,
        };
        if !self.rows.timing {
            without_timing(&mut verdict);
        }
        Ok(verdict)
    }

    fn fingerprint(&self, info: &ModelInfo, load: &LoadOptions) -> Result<Fingerprint, Stop> {
        let (task, rubric, template, reading) = match &self.asked {
            Asked::Judging(judging) => {
                let Judging { task, options, template, reading } = &**judging;
                let JudgeOptions { rubric_orders, method, both_orders, ties, .. } = options;
                let reading = json!([reading, rubric_orders, method, both_orders, ties, beside(load)]);
                (task.name(), task.rubric(), &template[..], reading)
            }
            Asked::Rewarding(asked) => ("reward", Value::Null, "", json!([asked.settings(), beside(load)])),
        };
        Settings {
            version: env!("CARGO_PKG_VERSION"),
            task,
            rubric,
            template,
            reading,
            context: info.context_length,
            keep: &self.rows.keep,
            model: json!([info.name, info.architecture, info.quantization, info.parameters]),
        }
        .fingerprint()
    }
}

/// How the command line says that the model is loaded.
pub fn load_options(arguments: &ModelArguments) -> Result<LoadOptions, Stop> {
    let read = |path: &PathBuf| {
        fs::read_to_string(path).map_err(|e| Stop::Fault(format!("--chat-template {}: {e}", path.display())))
    };
    Ok(LoadOptions {
        backend: arguments.backend.into(),
        context_length: arguments.context,
        threads: arguments.threads,
        chat_template: arguments.chat_template.as_ref().map(read).transpose()?,
        date: arguments.date.clone(),
        adapters: arguments
            .adapter
            .iter()
            .map(|path| adapter(path, "--adapter"))
            .collect::<Result<_, _>>()?,
        ..Default::default()
    })
}

/// What of a load changes verdicts, for a line's hash.
pub fn beside(load: &LoadOptions) -> impl Serialize + use<> {
    let adapters: Vec<String> = load.adapters.iter().map(|adapter| adapter.sha256()).collect();
    (load.chat_template.clone(), load.date.clone(), adapters)
}

/// Reads a LoRA adapter, which `flag` names.
pub fn adapter(path: &PathBuf, flag: &str) -> Result<Rc<Adapter>, Stop> {
    let read = FileModel::open(path).and_then(|file| pollster::block_on(Adapter::read(&file)));
    read.map(Rc::new).map_err(|error| Stop::Fault(format!("{flag} {}: {error}", path.display())))
}

/// Loads the model, and says which it is.
pub async fn load(
    model: &Path,
    options: &LoadOptions,
    progress: &mut Progress,
    interrupt: &Interrupt,
) -> Result<Engine, Stop> {
    let bytes = Rc::new(FileModel::open(model)?);
    let engine = Engine::load(bytes, options, &mut |p| progress.loading(p), interrupt).await?;
    progress.loaded(|| {
        let ModelInfo { name, quantization, backend, .. } = engine.info();
        format!("{name} {quantization} on {}", backend.adapter)
    });
    Ok(engine)
}

/// The judge's options from the command line, with the template's text.
pub fn options(reading: &ReadingArguments) -> Result<(JudgeOptions, String), Stop> {
    let (template, text) = template(&reading.template)?;
    let options = JudgeOptions {
        critique: !reading.no_critique,
        max_tokens: reading.max_tokens,
        thinking: reading.thinking,
        temperature: reading.temperature,
        seed: reading.seed,
        samples: reading.samples,
        defences: reading.defences.iter().copied().map(Into::into).collect(),
        truncate: reading.truncate.map(Into::into),
        template,
        adapter: AdapterChoice::First { scale: reading.adapter_scale },
        ..Default::default()
    };
    Ok((options, text))
}

pub const BUILT_IN: [&str; 2] = ["selene", "rubric-first"];

/// A built-in template by its name, else the one in a file.
fn template(name: &str) -> Result<(TemplateChoice, String), Stop> {
    if BUILT_IN.contains(&name) {
        return Ok((TemplateChoice::Text(name.into()), name.into()));
    }
    let text = fs::read_to_string(name).map_err(|e| {
        Stop::Fault(format!("--template {name}: no file ({e}), and none of {}", BUILT_IN.join(", ")))
    })?;
    Ok((TemplateChoice::Read(Template::parse(&text)?), text))
}

/// The rubric for rows that bring none.
pub fn rubric(path: Option<&Path>) -> Result<Option<Rubric>, Stop> {
    let Some(path) = path else { return Ok(None) };
    let named = |e: &dyn std::fmt::Display| Stop::Fault(format!("--rubric {}: {e}", path.display()));
    let text = fs::read_to_string(path).map_err(|e| named(&e))?;
    Rubric::parse(&text).map(Some).map_err(|e| named(&e))
}

pub fn model(named: Option<&PathBuf>) -> Result<PathBuf, Stop> {
    let from_environment = || std::env::var_os("LUNETTE_MODEL").filter(|path| !path.is_empty());
    named.cloned().or_else(|| from_environment().map(PathBuf::from)).ok_or_else(|| {
        Stop::Fault("no model: name a GGUF file with --model, or in the environment's LUNETTE_MODEL".into())
    })
}

pub fn unwritable(error: io::Error) -> Stop {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Stop::Unread,
        _ => Stop::Fault(format!("the output cannot be written: {error}")),
    }
}
