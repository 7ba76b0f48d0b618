//! The rows of a run, judged several at a time and written down in their order.

use super::journal::{Journal, Stored};
use super::spec::Spec;
use super::{RESULTS, results, unwritable};
use crate::exit::Stop;
use crate::gate::{Gate, Tally};
use crate::interrupt::Interrupt;
use crate::line::{Settings, line, without_timing};
use crate::need::Need;
use crate::progress::Progress;
use crate::room::Room;
use crate::run;
use crate::task::{Failure, Task};
use futures::SinkExt;
use futures::channel::mpsc::{Receiver, channel};
use futures::future::try_join_all;
use futures::lock::Mutex;
use futures::stream::StreamExt;
use lunette::Control;
use lunette::engine::{Engine, LoadOptions};
use lunette::eval::dataset::{BadRow, Row};
use lunette::eval::run::Fingerprint;
use lunette::judge::{Judge, JudgeOptions};
use serde_json::{Map, Value, json};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::pin::pin;
use std::rc::Rc;

pub struct Judging<'a> {
    pub spec: &'a Spec,
    pub engine: &'a Engine,
    load: &'a LoadOptions,
    /// One for each rubric.
    pub ways: Vec<Way<'a>>,
    journal: RefCell<Journal>,
    /// Held while a hash is judged, so that equal rows that run together are judged once.
    turns: RefCell<HashMap<String, Rc<Mutex<()>>>>,
    pub interrupt: &'a Interrupt,
}

/// How rows are judged: what is asked, and what verdicts depend on and take.
pub struct Way<'a> {
    task: &'a Task,
    fingerprint: Fingerprint,
    need: Need,
}

/// Rows that are read ahead, and the bytes of their texts at most: those that begin alike are judged one behind the other, so
/// that the model computes their beginning once.
const WINDOW: usize = 256;
const WINDOW_BYTES: usize = 16 << 20;

/// A row's line, and what became of it.
struct Answer {
    number: u64,
    line: String,
    whole: bool,
    resumed: bool,
}

impl<'a> Judging<'a> {
    pub fn new(
        spec: &'a Spec,
        engine: &'a Engine,
        load: &'a LoadOptions,
        journal: Journal,
        interrupt: &'a Interrupt,
    ) -> Result<Judging<'a>, Stop> {
        let mut judging = Judging {
            spec,
            engine,
            load,
            ways: Vec::new(),
            journal: RefCell::new(journal),
            turns: RefCell::default(),
            interrupt,
        };
        let ways = spec.rubrics.iter().map(|rubric| judging.way(&rubric.task, &spec.options));
        judging.ways = ways.collect::<Result<_, _>>()?;
        Ok(judging)
    }

    pub fn way<'t>(&self, task: &'t Task, options: &JudgeOptions) -> Result<Way<'t>, Stop> {
        let (spec, info) = (self.spec, self.engine.info());
        let JudgeOptions { rubric_orders, method, both_orders, ties, .. } = *options;
        let settings = Settings {
            version: env!("CARGO_PKG_VERSION"),
            task: task.name(),
            rubric: task.rubric(),
            template: &spec.template,
            reading: (&spec.reading, rubric_orders, method, both_orders, ties, &run::beside(self.load)),
            context: info.context_length,
            keep: &[],
            model: json!([info.name, info.architecture, info.quantization, info.parameters]),
        };
        let need = Need::new(self.engine, task, options, &spec.template);
        Ok(Way { task, fingerprint: settings.fingerprint()?, need })
    }

    /// What each rubric's verdicts depend on, but for the row.
    pub fn hashes(&self) -> Vec<String> {
        self.ways.iter().map(|way| way.fingerprint.of(b"")).collect()
    }

    pub async fn run(&self, progress: &mut Progress) -> Result<Tally, Stop> {
        let Spec { rubrics, batch, out, .. } = self.spec;
        // A row's rubrics share most of their prompts, so they run together.
        let rows_at_once = (batch / rubrics.len()).max(1);
        let rows = self.read(rows_at_once);
        let rows = rows.take_until(self.interrupt.raised());
        let mut unheard = |_, _, _: &str| ();
        let judge = Judge::new(self.engine, &self.spec.options, &mut unheard, self.interrupt);
        let room = Room::new(self.engine.context_length());
        let (path, part) = (out.join(RESULTS), out.join(format!("{RESULTS}.part")));
        let failed = |e: io::Error| unwritable(&path, &e.to_string());
        // A file of an earlier run would look like this one's.
        match fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(failed(e)),
            _ => {}
        }
        let mut output = BufWriter::new(File::create(&part).map_err(failed)?);
        let mut tally = Tally::default();
        let answer = |item: Item| self.answer(item, &judge, &room);
        let mut answers = pin!(rows.map(answer).buffered(rows_at_once));
        // Lines are written in the order of the data.
        let mut own = (0..).filter(|number| self.spec.shard.holds(*number));
        let (mut due, mut early) = (own.next(), BTreeMap::new());
        while let Some(answer) = answers.next().await {
            let Answer { number, line, whole, resumed } = answer?;
            tally.count(whole.then_some(&json!({})), &Gate::Open);
            tally.resumed += u64::from(resumed);
            progress.rows(&tally);
            early.insert(number, line);
            while let Some(line) = due.and_then(|number| early.remove(&number)) {
                output.write_all(line.as_bytes()).map_err(failed)?;
                due = own.next();
            }
        }
        if self.interrupt.aborted() {
            return Err(Stop::Interrupted);
        }
        output.into_inner().map_err(|e| failed(e.into_error()))?;
        fs::rename(&part, &path).map_err(failed)?;
        Ok(tally)
    }

    /// The shard's rows, read by a thread that is ahead. Of those in a window, rows that begin alike come together.
    pub fn read(&self, ahead: usize) -> Receiver<Item> {
        let (mut sender, receiver) = channel(ahead);
        let (data, shard) = (self.spec.data.clone(), self.spec.shard);
        let mut numbers = 0..self.spec.limit.unwrap_or(u64::MAX);
        // Whoever has stopped listening needs no more.
        let mut send = move |item: Item| match pollster::block_on(sender.send(item)) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        };
        std::thread::spawn(move || {
            let (mut window, mut bytes) = (Vec::new(), 0);
            let read = data.rows(&mut |row| {
                let Some(number) = numbers.next() else { return ControlFlow::Break(()) };
                if !shard.holds(number) {
                    return ControlFlow::Continue(());
                }
                bytes += row.as_ref().map_or(0, size);
                window.push((number, row));
                if window.len() < WINDOW && bytes < WINDOW_BYTES {
                    return ControlFlow::Continue(());
                }
                bytes = 0;
                alike(std::mem::take(&mut window)).map(Ok).try_for_each(&mut send)
            });
            let rest = alike(window).map(Ok).chain(read.err().map(Err));
            let _ = rest.into_iter().try_for_each(&mut send);
        });
        receiver
    }

    async fn answer(&self, item: Item, judge: &Judge<'_>, room: &Room) -> Result<Answer, Stop> {
        let (number, row) = item.map_err(|e| Stop::Fault(format!("the data cannot be read: {e}")))?;
        let prepared = match row.and_then(|row| self.spec.prepare(row)) {
            Ok(prepared) => prepared,
            Err(bad) => {
                let line = results::unreadable(number, &bad);
                return Ok(Answer { number, line, whole: false, resumed: false });
            }
        };
        let verdicts = self.ways.iter().map(|way| self.verdict(way, &prepared.row.task, judge, room));
        let (stored, fresh): (Vec<Stored>, Vec<bool>) = try_join_all(verdicts).await?.into_iter().unzip();
        let line = results::judged(number, &prepared, &self.spec.terms, &stored);
        Ok(Answer {
            number,
            line: line.map_err(|e| Stop::Fault(e.to_string()))?,
            whole: stored.iter().all(|stored| stored.verdict().is_some()),
            resumed: !fresh.contains(&true),
        })
    }

    /// A row's verdict, and whether it was reached just now.
    pub async fn verdict(
        &self,
        way: &Way<'_>,
        task: &Map<String, Value>,
        judge: &Judge<'_>,
        room: &Room,
    ) -> Result<(Stored, bool), Stop> {
        let text = serde_json::to_vec(task).map_err(|e| Stop::Fault(e.to_string()))?;
        let hash = way.fingerprint.of(&text);
        let known = || self.journal.borrow_mut().get(&hash);
        if let Some(stored) = known()? {
            return Ok((stored, false));
        }
        let turn = Rc::clone(self.turns.borrow_mut().entry(hash.clone()).or_default());
        let _turn = turn.lock().await;
        // An equal row may have had the turn before.
        if let Some(stored) = known()? {
            return Ok((stored, false));
        }
        let _place = room.take(way.need.of(self.engine, &text)).await;
        let result = match way.task.judge(judge, task.clone()).await {
            Ok(mut verdict) => {
                without_timing(&mut verdict);
                Ok(verdict)
            }
            Err(Failure::Row { code, message }) => Err((code, message)),
            Err(Failure::Run(stop)) => return Err(stop),
        };
        let mut journal = self.journal.borrow_mut();
        journal.put(&hash, &line(&hash, Map::new(), &result))?;
        // What a later run will read, so that both write the same.
        let stored = journal.get(&hash)?.ok_or_else(|| Stop::Fault("a verdict is lost".into()))?;
        self.turns.borrow_mut().remove(&hash);
        Ok((stored, true))
    }
}

/// With its number.
type Numbered = (u64, Result<Row, BadRow>);
pub type Item = io::Result<Numbered>;

/// Rows that begin alike, one behind the other, where the first of them was. What stands first in a prompt are the passages,
/// else the instruction.
fn alike(mut rows: Vec<Numbered>) -> impl Iterator<Item = Numbered> {
    let mut firsts: HashMap<String, u64> = HashMap::new();
    rows.sort_by_cached_key(|(number, row)| {
        let task = row.as_ref().ok().map(|row| &row.task);
        match task.and_then(|task| task.get("context").or(task.get("input"))) {
            Some(beginning) => *firsts.entry(beginning.to_string()).or_insert(*number),
            None => *number,
        }
    });
    rows.into_iter()
}

fn size(row: &Row) -> usize {
    row.task.values().map(|value| value.as_str().map_or(64, str::len)).sum()
}
