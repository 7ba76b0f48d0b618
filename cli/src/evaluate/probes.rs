//! The bias probes of a run: rows are changed and judged again, their verdicts kept in the same journal.

use super::judging::{Item, Judging, Way};
use super::survey::Survey;
use super::unwritable;
use crate::exit::Stop;
use crate::gate::{Gate, Tally};
use crate::progress::Progress;
use crate::room::Room;
use crate::task::Task;
use futures::stream::{self, StreamExt};
use lunette::Control;
use lunette::eval::dataset::Row;
use lunette::eval::probe::{Lane, Reader, Trial, Variant, effect};
use lunette::eval::run::Terms;
use lunette::eval::{self, Effect, Settings};
use lunette::judge::{Judge, JudgeOptions, Rubric};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::fs;
use std::io;
use std::path::Path;
use std::pin::pin;
use std::rc::Rc;

const NAME: &str = "probes.json";

/// A change of a row under a rubric.
struct Question {
    row: Rc<Row>,
    rubric: usize,
    variant: usize,
}

/// The judges and ways that probes need beside those of the run.
struct Lanes<'a, 'j> {
    judging: &'j Judging<'a>,
    plain: Judge<'j>,
    classify: Way<'j>,
    /// With two orders of the rubric, for each rubric that has an order.
    orders: Vec<Option<Way<'j>>>,
    ordered: Judge<'j>,
    room: Room,
}

/// Judges all changed rows, and measures what the changes did.
pub async fn run(
    judging: &Judging<'_>,
    survey: &Survey,
    progress: &mut Progress,
) -> Result<Vec<Effect>, Stop> {
    let spec = judging.spec;
    if spec.probes.is_empty() {
        return Ok(Vec::new());
    }
    let any = Task::Classify(None);
    let two = JudgeOptions { rubric_orders: 2, ..spec.options.clone() };
    let orders = spec.rubrics.iter().map(|rubric| match rubric.task {
        Task::Score(_) | Task::Classify(_) => judging.way(&rubric.task, &two).map(Some),
        Task::Compare(_) | Task::Rank { .. } => Ok(None),
    });
    let (mut unheard, mut unheard_too) = (|_, _, _: &str| (), |_, _, _: &str| ());
    let lanes = Lanes {
        judging,
        plain: Judge::new(judging.engine, &spec.options, &mut unheard, judging.interrupt),
        classify: judging.way(&any, &spec.options)?,
        orders: orders.collect::<Result<_, _>>()?,
        ordered: Judge::new(judging.engine, &two, &mut unheard_too, judging.interrupt),
        room: Room::new(judging.engine.context_length()),
    };
    let (rubrics, variants) = (spec.rubrics.len(), spec.probes.len());
    let questions = |item: Item| {
        // What cannot be read has a line in the results that says so.
        let row = item.map(|(_, row)| row.and_then(|row| spec.prepare(row)).ok().map(|p| Rc::new(p.row)));
        let asked: Vec<Result<Question, Stop>> = match row {
            Err(e) => vec![Err(Stop::Fault(format!("the data cannot be read: {e}")))],
            Ok(row) => row
                .iter()
                .flat_map(|row| (0..rubrics * variants).map(|i| (Rc::clone(row), i)))
                .map(|(row, i)| Ok(Question { row, rubric: i / variants, variant: i % variants }))
                .collect(),
        };
        stream::iter(asked)
    };
    progress.expect(survey.own * (rubrics * variants) as u64);
    let rows = judging.read(spec.batch).take_until(judging.interrupt.raised());
    let trial = async |question: Result<Question, Stop>| {
        let question = question?;
        let trial = lanes.trial(&question).await?;
        Ok::<_, Stop>((question.rubric * variants + question.variant, trial))
    };
    let mut trials: Vec<Vec<Trial>> = vec![Vec::new(); rubrics * variants];
    let mut tally = Tally::default();
    let mut answers = pin!(rows.flat_map(questions).map(trial).buffered(spec.batch));
    while let Some(answer) = answers.next().await {
        let (place, trial) = answer?;
        trials[place].extend(trial);
        tally.count(Some(&json!({})), &Gate::Open);
        progress.rows(&tally);
    }
    match judging.interrupt.aborted() {
        true => Err(Stop::Interrupted),
        false => Ok(measured(judging, &trials)),
    }
}

/// The effects of those changes that apply to a row.
fn measured(judging: &Judging<'_>, trials: &[Vec<Trial>]) -> Vec<Effect> {
    let spec = judging.spec;
    let mut effects = Vec::new();
    for (rubric, trials) in spec.rubrics.iter().zip(trials.chunks(spec.probes.len())) {
        for (variant, trials) in spec.probes.iter().zip(trials) {
            if trials.is_empty() {
                eprintln!("lunette: the probe {} is not for {} rows", variant.name, rubric.task.name());
                continue;
            }
            let settings = Settings {
                seed: spec.reading.seed,
                scale: levels(&rubric.task),
                resamples: Settings::resamples_for(trials.len()),
                ..Settings::default()
            };
            effects.push(effect(variant, &rubric.name, kind(&rubric.task), trials, &settings));
        }
    }
    effects
}

impl Lanes<'_, '_> {
    /// The row before and after the change; `None` where it does not apply.
    async fn trial(&self, question: &Question) -> Result<Option<Trial>, Stop> {
        let spec = self.judging.spec;
        let task = &spec.rubrics[question.rubric].task;
        let Terms { threshold, pass, .. } = &spec.terms[question.rubric];
        let fields = &question.row.task;
        let variant: &Variant = spec.probes[question.variant];
        let Some(rubric) = rubric(task, fields) else { return Ok(None) };
        let Some(changed) = variant.change(fields, &rubric, spec.reading.seed) else { return Ok(None) };
        if changed.lane == Lane::Known && !spec.options.both_orders {
            return Ok(None);
        }
        let way = &self.judging.ways[question.rubric];
        let before = self.verdict(way, fields, &self.plain).await?;
        let after = match (changed.lane, &self.orders[question.rubric]) {
            (Lane::Known, _) => before.clone(),
            (Lane::Classify, _) => self.verdict(&self.classify, &changed.task, &self.plain).await?,
            (Lane::Orders, Some(way)) => self.verdict(way, &changed.task, &self.ordered).await?,
            (Lane::Orders, None) => return Ok(None),
            (Lane::Same, _) => self.verdict(way, &changed.task, &self.plain).await?,
        };
        let reader = Reader { rubric: &rubric, threshold: *threshold, pass, side: changed.side };
        let seen = before.zip(after).and_then(|(before, after)| reader.pair(changed.lane, &before, &after));
        Ok(Some(Trial { cluster: question.row.group.clone(), seen }))
    }

    /// `None` where there is an error in its place.
    async fn verdict(
        &self,
        way: &Way<'_>,
        fields: &Map<String, Value>,
        judge: &Judge<'_>,
    ) -> Result<Option<Value>, Stop> {
        let (stored, _) = self.judging.verdict(way, fields, judge, &self.room).await?;
        Ok(stored.verdict().and_then(|text| serde_json::from_str(text).ok()))
    }
}

/// The row's own rubric, or the one that is given.
fn rubric(task: &Task, row: &Map<String, Value>) -> Option<Rubric> {
    fn own<T: DeserializeOwned + Clone>(
        row: &Map<String, Value>,
        name: &str,
        given: &Option<T>,
    ) -> Option<T> {
        let own = row.get(name).and_then(|own| serde_json::from_value(own.clone()).ok());
        own.or_else(|| given.clone())
    }
    match task {
        Task::Score(given) => own(row, "rubric", given).map(Rubric::Score),
        Task::Classify(given) => own(row, "rubric", given).map(Rubric::Class),
        Task::Compare(given) => own(row, "criteria", given).map(Rubric::Criteria),
        Task::Rank { .. } => None,
    }
}

fn levels(task: &Task) -> Option<Vec<lunette::judge::Level>> {
    let Task::Score(Some(rubric)) = task else { return None };
    Some(rubric.levels().ok()?.into_iter().map(|level| level.0).collect())
}

fn kind(task: &Task) -> eval::Task {
    match task {
        Task::Score(_) => eval::Task::Score,
        Task::Classify(_) => eval::Task::Classify,
        Task::Compare(_) | Task::Rank { .. } => eval::Task::Compare,
    }
}

/// Writes the effects, or takes away those of an earlier run.
pub fn write(folder: &Path, effects: &[Effect]) -> Result<(), Stop> {
    let path = folder.join(NAME);
    let done = match effects {
        [] => match fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        },
        effects => serde_json::to_string_pretty(effects)
            .map_err(io::Error::other)
            .and_then(|text| fs::write(&path, text + "\n")),
    };
    done.map_err(|e| unwritable(&path, &e.to_string()))
}
