//! Continuous batching: calls that overlap share their forward passes.
//!
//! There is no background task. Every call puts its work in a queue and then waits either for its result or for its
//! turn to drive: whoever holds the runner composes a step out of everybody's work, runs it, hands out the results, and
//! looks whether its own has come. Sequences so join and leave between any two steps.

use super::sequence::Sequence;
use crate::model::{Output, Reading, Readout, Row, Runner, Step};
use crate::{Control, Error, Result, checkpoint};
use futures::channel::oneshot;
use futures::future::{Either, LocalBoxFuture, select};
use futures::lock::Mutex;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::Poll;

/// What a call wants to read.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Want {
    /// After the last token.
    Last(Readout),
    /// The log-probability of each token but the first, and of `last` after all of them.
    Each { last: u32 },
}

/// A sequence that is to hold exactly `tokens`.
struct Work {
    id: u64,
    sequence: Sequence,
    tokens: Vec<u32>,
    want: Want,
    /// Tokens that were in the cache when the work began; `None` until then.
    cached: Option<usize>,
    readings: Vec<Reading>,
    reply: oneshot::Sender<Result<Done>>,
}

/// What a call gets back.
pub(super) struct Done {
    pub sequence: Sequence,
    /// What was wanted, in the order of the rows.
    pub readings: Vec<Reading>,
    /// Tokens that were not computed again.
    pub cached: usize,
}

pub(super) struct Scheduler {
    runner: Mutex<Box<dyn Runner>>,
    queue: RefCell<VecDeque<Work>>,
    /// Sequences in a step.
    max_batch: usize,
    /// Tokens that all sequences together can hold.
    capacity: usize,
    calls: Cell<u64>,
}

impl Scheduler {
    pub fn new(runner: Box<dyn Runner>, max_batch: usize, capacity: usize) -> Scheduler {
        Scheduler {
            runner: Mutex::new(runner),
            queue: RefCell::default(),
            max_batch,
            capacity,
            calls: Cell::new(0),
        }
    }

    /// Makes `sequence` hold exactly `tokens`, which is not empty.
    pub async fn run(
        &self,
        sequence: Sequence,
        tokens: Vec<u32>,
        want: Want,
        control: &dyn Control,
    ) -> Result<Done> {
        let (reply, mut result) = oneshot::channel();
        let needed = tokens.len();
        let id = self.calls.replace(self.calls.get() + 1);
        let work = Work { id, sequence, tokens, want, cached: None, readings: Vec::new(), reply };
        self.queue.borrow_mut().push_back(work);
        let mut fruitless = 0;
        loop {
            let mut runner = match select(&mut result, self.runner.lock()).await {
                Either::Left((done, _)) => return done.unwrap_or(Err(Error::Aborted)),
                Either::Right((runner, _)) => runner,
            };
            if let Ok(Some(done)) = result.try_recv() {
                return done;
            }
            // Others that were called in the same breath join this step.
            checkpoint(control).await?;
            if self.step(&mut **runner, id, control).await {
                fruitless = 0;
                continue;
            }
            // All blocks are held by calls that are between two of their steps: they go first.
            fruitless += 1;
            if fruitless > PATIENCE {
                return Err(Error::ContextOverflow { tokens: needed, limit: self.capacity });
            }
            drop(runner);
            yield_now().await;
        }
    }

    /// Runs one step of what is queued; `false` when nothing could be.
    async fn step(&self, runner: &mut dyn Runner, leader: u64, control: &dyn Control) -> bool {
        let (mut batch, step) = self.compose(runner);
        if batch.is_empty() {
            return false;
        }
        let result = {
            let control = Shared { leader, control, batch: &batch };
            runner.forward(&step, &control).await
        };
        match result {
            Ok(readings) => {
                let mut readings = readings.into_iter();
                for part in &mut batch {
                    part.work.readings.extend(readings.by_ref().take(part.outputs));
                    part.work.accept(part.rows);
                }
                let mut queue = self.queue.borrow_mut();
                for part in batch.into_iter().rev() {
                    if let Some(unfinished) = part.work.finish() {
                        queue.push_front(unfinished);
                    }
                }
            }
            Err(error) => batch.into_iter().for_each(|part| part.work.fail(error.clone())),
        }
        true
    }

    /// Takes from the queue what fits into one step: first the sequences that need one token, which somebody waits for,
    /// then the others in the order of their calls.
    fn compose(&self, runner: &dyn Runner) -> (Vec<Part>, Step) {
        let mut queue = self.queue.borrow_mut();
        queue.retain(|work| !work.reply.is_canceled());
        let mut waiting: Vec<Work> = queue.drain(..).collect();
        waiting.iter_mut().for_each(|work| work.begin(runner.prefill_rows()));
        waiting.sort_by_key(|work| work.remaining() > 1);

        let mut batch: Vec<Part> = Vec::new();
        let mut step = Step::default();
        let mut waiting = VecDeque::from(waiting);
        while let Some(mut work) = waiting.pop_front() {
            let rows = work.rows(runner, &step);
            let later =
                rows == 0 || batch.len() == self.max_batch || batch.iter().any(|part| part.leads(&work));
            if !later && reserve(&mut work, rows, &mut waiting) {
                batch.push(work.join(&mut step, rows));
            } else {
                if !later {
                    // Those before it hold all blocks: it gives up what it has and comes again when they are done.
                    work.restart();
                }
                queue.push_back(work);
            }
        }
        (batch, step)
    }
}

/// Makes room for the next `rows` tokens of `work`, where need be at the cost of those behind it, the last one first: if
/// whoever needs a block gave up instead, long texts would give way to each other in turn, and none would come to its end.
fn reserve(work: &mut Work, rows: usize, behind: &mut VecDeque<Work>) -> bool {
    let mut behind = behind.iter_mut().rev().filter(|other| other.restarts());
    loop {
        if work.sequence.reserve(rows) {
            return true;
        }
        match behind.next() {
            Some(last) => last.restart(),
            None => return false,
        }
    }
}

/// Steps without room for anything that a call endures. Sequences between two steps come back within one or two.
const PATIENCE: usize = 64;

/// Lets other calls of this thread go on.
async fn yield_now() {
    let mut yielded = false;
    poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}

/// A work's share of a step.
struct Part {
    work: Work,
    rows: usize,
    outputs: usize,
}

impl Part {
    /// Whether this part is about to compute the very block that `other` needs next: it waits, and then finds it.
    fn leads(&self, other: &Work) -> bool {
        let (mine, theirs) = (&self.work, other);
        let start = mine.sequence.tokens().len();
        start == theirs.sequence.tokens().len()
            && mine.sequence.last_node() == theirs.sequence.last_node()
            && match (mine.sequence.next_block(&mine.tokens), theirs.sequence.next_block(&theirs.tokens)) {
                (Some(a), Some(b)) => a == b,
                _ => false,
            }
    }
}

impl Work {
    /// Finds what the cache holds of it: at first, and again whenever others may have computed more.
    fn begin(&mut self, prefill_rows: usize) {
        let before = self.sequence.tokens().len();
        // Where each token's logits are wanted, each is computed; else those that a prefill's last step has at least,
        // but no more than the sequence's own tokens leave to do.
        if self.wants_last() {
            let own = self.sequence.shared(&self.tokens[..self.tokens.len() - 1]);
            let keep = self.tokens.len().saturating_sub(prefill_rows).max(own);
            self.sequence.seek(&self.tokens[..keep]);
        }
        let found = self.sequence.tokens().len();
        match &mut self.cached {
            None => self.cached = Some(found),
            // Computed by another call meanwhile.
            Some(cached) => *cached += found.saturating_sub(before),
        }
    }

    /// Tokens that are still to be computed.
    fn remaining(&self) -> usize {
        self.tokens.len() - self.sequence.tokens().len()
    }

    /// How many of them fit into what is left of a step.
    fn rows(&self, runner: &dyn Runner, step: &Step) -> usize {
        let mut rows = (runner.max_rows() - step.rows.len()).min(self.remaining());
        let left = self.remaining() - rows;
        if (1..runner.prefill_rows()).contains(&left) {
            rows = rows.saturating_sub(runner.prefill_rows() - left);
        }
        let outputs = runner.max_outputs() - step.outputs.len();
        match self.want {
            Want::Each { .. } => rows.min(outputs),
            Want::Last(_) if rows == self.remaining() && outputs == 0 => 0,
            Want::Last(_) => rows,
        }
    }

    fn wants_last(&self) -> bool {
        matches!(self.want, Want::Last(_))
    }

    /// Adds the next `rows` tokens to a step.
    fn join(self, step: &mut Step, rows: usize) -> Part {
        let start = self.sequence.tokens().len();
        let (first, sequence) = (step.rows.len(), step.tables.len() as u32);
        let table = self.sequence.table();
        let len = self.sequence.block_len();
        step.rows.extend(self.tokens[start..start + rows].iter().zip(start..).map(|(&token, position)| {
            Row {
                token,
                position: position as u32,
                slot: table[position / len] * len as u32 + (position % len) as u32,
                sequence,
            }
        }));
        step.tables.push(table);
        let before = step.outputs.len();
        match &self.want {
            Want::Each { last } => step.outputs.extend((0..rows).map(|i| {
                let next = *self.tokens.get(start + i + 1).unwrap_or(last);
                Output { row: (first + i) as u32, readout: Readout::Gather(vec![next]) }
            })),
            Want::Last(readout) if start + rows == self.tokens.len() => {
                step.outputs.push(Output { row: (first + rows - 1) as u32, readout: readout.clone() });
            }
            Want::Last(_) => {}
        }
        Part { work: self, rows, outputs: step.outputs.len() - before }
    }

    /// Its next `rows` tokens are in the cache now.
    fn accept(&mut self, rows: usize) {
        let start = self.sequence.tokens().len();
        self.sequence.push(&self.tokens[start..start + rows]);
    }

    /// Whether it holds anything that it can compute again.
    fn restarts(&self) -> bool {
        self.wants_last() && !self.sequence.tokens().is_empty()
    }

    fn restart(&mut self) {
        if self.wants_last() {
            self.sequence.clear();
            self.cached = None;
        }
    }

    /// Replies if it is complete, else gives itself back.
    fn finish(self) -> Option<Work> {
        if self.remaining() > 0 {
            return Some(self);
        }
        let done =
            Done { sequence: self.sequence, readings: self.readings, cached: self.cached.unwrap_or(0) };
        // A caller that has gone needs no result.
        let _ = self.reply.send(Ok(done));
        None
    }

    fn fail(self, error: Error) {
        let _ = self.reply.send(Err(error));
    }
}

/// The control of a step: it pauses as its driver does, and is aborted only when nobody waits for it any more.
struct Shared<'a> {
    /// The work of the driver's own call.
    leader: u64,
    control: &'a dyn Control,
    batch: &'a [Part],
}

impl Control for Shared<'_> {
    fn aborted(&self) -> bool {
        let awaited = |part: &Part| part.work.id != self.leader && !part.work.reply.is_canceled();
        self.control.aborted() && !self.batch.iter().any(awaited)
    }

    fn pause(&self) -> LocalBoxFuture<'_, ()> {
        self.control.pause()
    }
}
