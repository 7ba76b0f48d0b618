//! Continuous batching: calls that overlap share their forward passes.
//!
//! There is no background task. Every call puts its work in a queue and then waits either for its result or for its
//! turn to drive: whoever holds the runner composes a step out of everybody's work, runs it, hands out the results, and
//! looks whether its own has come. Sequences so join and leave between any two steps.
//!
//! Where a step finds that its device was lost, its works go back into the queue, and whoever drives next has the model put
//! on another device first. A work knows all its tokens, so that it begins anew by itself.

use super::cache::Cache;
use super::keeper::Keeper;
use super::sequence::{Manner, Sequence};
use crate::model::{BackendInfo, Draw, Output, Reading, Readout, Row, Runner, Step};
use crate::{Control, Error, Result, checkpoint};
use futures::FutureExt;
use futures::channel::oneshot;
use futures::future::LocalBoxFuture;
use futures::lock::{Mutex, MutexGuard};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

/// What a call wants to read.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Want {
    /// After the last token.
    Last(Readout),
    /// The log-probability of each token but the first, and of `last` after all of them.
    Each { last: u32 },
    /// Tokens drawn after the last, one after the other: the first, and as many more as are computed ahead.
    Draws(Vec<Draw>),
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

/// What bounds the steps.
pub(super) struct Limits {
    /// Sequences in a step.
    pub batch: usize,
    /// Tokens that all sequences together can hold.
    pub capacity: usize,
    /// Steps that are computed before their tokens are looked at, where that is not left to the runner.
    pub steps_ahead: Option<usize>,
}

pub(super) struct Scheduler {
    /// Nothing while its device is lost.
    runner: Mutex<Option<Box<dyn Runner>>>,
    keeper: Keeper,
    cache: Rc<RefCell<Cache>>,
    queue: RefCell<VecDeque<Work>>,
    /// Calls that wait for their results or their turns.
    waiting: RefCell<Vec<Waker>>,
    limits: Limits,
    calls: Cell<u64>,
    /// Whether the last step was one of decoding.
    decoded: Cell<bool>,
    steps_ahead: Cell<usize>,
    backend: RefCell<BackendInfo>,
}

/// What a call waited for.
enum Turn<'a> {
    Over(Result<Done>),
    Drives(MutexGuard<'a, Option<Box<dyn Runner>>>),
}

impl Scheduler {
    pub fn new(
        runner: Box<dyn Runner>,
        keeper: Keeper,
        cache: Rc<RefCell<Cache>>,
        limits: Limits,
    ) -> Scheduler {
        Scheduler {
            steps_ahead: Cell::new(limits.steps_ahead.unwrap_or(runner.steps_ahead()).max(1)),
            backend: RefCell::new(runner.backend()),
            runner: Mutex::new(Some(runner)),
            keeper,
            cache,
            queue: RefCell::default(),
            waiting: RefCell::default(),
            limits,
            calls: Cell::new(0),
            decoded: Cell::new(false),
        }
    }

    pub fn keeper(&self) -> &Keeper {
        &self.keeper
    }

    /// What the model runs on; while a device is lost, what it ran on.
    pub fn backend(&self) -> BackendInfo {
        self.backend.borrow().clone()
    }

    /// Steps that are computed before their tokens are looked at.
    pub fn steps_ahead(&self) -> usize {
        self.steps_ahead.get()
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
            let mut seat = match self.turn(&mut result, control).await? {
                Turn::Over(done) => return done,
                Turn::Drives(seat) => seat,
            };
            if let Ok(Some(done)) = result.try_recv() {
                return done;
            }
            // Others that were called in the same breath join this step.
            checkpoint(control).await?;
            let Some(runner) = seat.as_deref_mut() else {
                self.replace(&mut seat, id, control).await?;
                continue;
            };
            match self.step(runner, id, control).await {
                Ok(true) => {
                    fruitless = 0;
                    continue;
                }
                // All blocks are held by calls that are between two of their steps: they go first.
                Ok(false) => fruitless += 1,
                Err(reason) => {
                    // Nothing of the lost device stays while another one is filled.
                    *seat = None;
                    self.keeper.lost(reason);
                    continue;
                }
            }
            if fruitless > PATIENCE {
                return Err(Error::ContextOverflow { tokens: needed, limit: self.limits.capacity });
            }
            drop(seat);
            yield_now().await;
        }
    }

    /// Waits for a call's result or for its turn to drive, as long as it is not aborted.
    async fn turn(
        &self,
        result: &mut oneshot::Receiver<Result<Done>>,
        control: &dyn Control,
    ) -> Result<Turn<'_>> {
        let mut lock = self.runner.lock();
        poll_fn(|context| {
            if let Poll::Ready(done) = result.poll_unpin(context) {
                return Poll::Ready(Ok(Turn::Over(done.unwrap_or(Err(Error::Aborted)))));
            }
            if let Poll::Ready(seat) = lock.poll_unpin(context) {
                return Poll::Ready(Ok(Turn::Drives(seat)));
            }
            if control.aborted() {
                return Poll::Ready(Err(Error::Aborted));
            }
            self.waiting.borrow_mut().push(context.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// Has those who wait look whether they still want to.
    fn wake(&self) {
        self.waiting.take().into_iter().for_each(Waker::wake);
    }

    /// Puts the model on a device in place of the one that was lost. Where that cannot be, all that wait are told why.
    async fn replace(
        &self,
        seat: &mut Option<Box<dyn Runner>>,
        leader: u64,
        control: &dyn Control,
    ) -> Result<()> {
        let awaited = || self.queue.borrow().iter().any(|work| work.is_awaited(leader));
        let control = Shared { scheduler: self, control, awaited: &awaited };
        match self.keeper.again(&mut |_| (), &control).await {
            Ok(runner) => {
                // Another device of the same kind computes the same bits.
                self.cache.borrow_mut().reset(runner.idle_blocks(), self.keeper.is_on_gpu());
                self.steps_ahead.set(self.limits.steps_ahead.unwrap_or(runner.steps_ahead()).max(1));
                self.backend.replace(runner.backend());
                *seat = Some(runner);
                self.keeper.recovered();
                Ok(())
            }
            Err(Error::Aborted) => Err(Error::Aborted),
            Err(error) => {
                let waiting = self.queue.take();
                waiting.into_iter().for_each(|work| work.fail(error.clone()));
                Ok(())
            }
        }
    }

    /// Runs one step of what is queued; `false` when nothing could be, and an error if the device was lost and the works of
    /// the step are queued again.
    async fn step(
        &self,
        runner: &mut dyn Runner,
        leader: u64,
        control: &dyn Control,
    ) -> Result<bool, String> {
        let (parts, kind, step) = self.compose(runner);
        if parts.is_empty() {
            return Ok(false);
        }
        let mut batch = Batch { parts, queue: &self.queue };
        let steps = self.look_ahead(runner, &mut batch.parts, step);
        let result = {
            let awaited = || batch.parts.iter().any(|part| part.work.is_awaited(leader));
            let control = Shared { scheduler: self, control, awaited: &awaited };
            runner.forward_ahead(&steps, &control).await
        };
        match result {
            Ok(readings) => {
                let mut readings: Vec<_> = readings.into_iter().map(Vec::into_iter).collect();
                for part in &mut batch.parts {
                    let own = readings.iter_mut().flat_map(|step| step.by_ref().take(part.outputs));
                    part.work.readings.extend(own);
                    part.work.accept(part.rows, kind);
                }
                batch.finish();
            }
            Err(Error::DeviceLost(reason)) => return Err(reason),
            Err(error) => batch.fail(&error),
        }
        self.wake();
        Ok(true)
    }

    /// Takes from the queue what fits into one step, in the order of the calls.
    ///
    /// Decoding and prefill have steps of their own, by turns where both wait: backends compute few rows in another way than
    /// many, and a call's bits must not depend on how much of its prompt was cached.
    fn compose(&self, runner: &dyn Runner) -> (Vec<Part>, Kind, Step) {
        let mut queue = self.queue.borrow_mut();
        queue.retain(|work| !work.reply.is_canceled());
        let mut waiting: Vec<Work> = queue.drain(..).collect();
        let many = runner.prefill_rows();
        waiting.iter_mut().for_each(|work| work.begin(many));
        let decodes = |work: &Work| work.decodes(many);
        let (some, all) = (waiting.iter().any(decodes), waiting.iter().all(decodes));
        let decode = all || some && !self.decoded.get();
        self.decoded.set(decode);

        let mut batch: Vec<Part> = Vec::new();
        let mut step = Step::default();
        let mut waiting = VecDeque::from(waiting);
        while let Some(mut work) = waiting.pop_front() {
            let rows = work.rows(runner, &step);
            // The ends of prompts must not add up to many rows; single ones may, where a batch is as large.
            let kind = decodes(&work) == decode && !(decode && rows > 1 && step.rows.len() + rows >= many);
            let later = !kind
                || rows == 0
                || batch.len() == self.limits.batch
                || batch.iter().any(|part| part.leads(&work));
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
        (batch, if decode { Kind::Decode } else { Kind::Prefill }, step)
    }

    /// The step, and those that can be computed with it before anybody looks at its tokens: if nobody else waits, and each
    /// sequence only grows by what is drawn.
    fn look_ahead(&self, runner: &dyn Runner, batch: &mut [Part], step: Step) -> Vec<Step> {
        let mut count = batch.iter().map(Part::draws_ahead).min().unwrap_or(1);
        if !self.queue.borrow().is_empty() || batch.len() > runner.max_ahead() {
            count = 1;
        }
        // Whoever finds no room goes step by step.
        if count > 1 && !batch.iter_mut().all(|part| part.work.sequence.reserve(count)) {
            count = 1;
        }
        let mut steps = vec![step];
        for i in 1..count {
            let mut step = Step::default();
            for part in batch.iter() {
                part.work.join_ahead(&mut step, i);
            }
            steps.push(step);
        }
        steps
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

/// The two kinds of steps.
#[derive(Clone, Copy)]
enum Kind {
    Decode,
    Prefill,
}

/// The works of a step. They go back into the queue if nothing comes of it: because its device was lost, or because whoever
/// drove it has gone.
struct Batch<'a> {
    parts: Vec<Part>,
    queue: &'a RefCell<VecDeque<Work>>,
}

impl Batch<'_> {
    /// Replies to those that are complete, and queues the others.
    fn finish(mut self) {
        let parts = std::mem::take(&mut self.parts);
        let unfinished: Vec<Work> = parts.into_iter().filter_map(|part| part.work.finish()).collect();
        let mut queue = self.queue.borrow_mut();
        unfinished.into_iter().rev().for_each(|work| queue.push_front(work));
    }

    fn fail(mut self, error: &Error) {
        self.parts.drain(..).for_each(|part| part.work.fail(error.clone()));
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        let mut queue = self.queue.borrow_mut();
        self.parts.drain(..).rev().for_each(|part| queue.push_front(part.work));
    }
}

/// A work's share of a step.
struct Part {
    work: Work,
    rows: usize,
    outputs: usize,
}

impl Part {
    /// How many steps its draws are for, if it draws from a single row.
    fn draws_ahead(&self) -> usize {
        match &self.work.want {
            Want::Draws(draws) if self.rows == 1 && self.outputs == 1 => draws.len(),
            _ => 1,
        }
    }

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
        if self.sequence.renew(&self.tokens) {
            self.cached = None;
            if !self.wants_last() {
                self.readings.clear();
                self.sequence.clear();
            }
        }
        let before = self.sequence.tokens().len();
        // Where each token's logits are wanted, each is computed; else those that a prefill's last step has at least,
        // but no more than the sequence's own tokens leave to do.
        if self.wants_last() {
            self.sequence.settle(&self.tokens[..self.tokens.len() - 1]);
            let own = self.sequence.shared(&self.tokens[..self.tokens.len() - 1]);
            let keep = match self.stretch() {
                (_, Some(Manner::Few(_))) => own,
                (end, _) => end.saturating_sub(prefill_rows).max(own),
            };
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

    /// Up to where they are computed alike, and how, where that is the same as before a loss.
    fn stretch(&self) -> (usize, Option<Manner>) {
        match self.sequence.pending() {
            Some((end, manner)) => (end.min(self.tokens.len()), Some(manner)),
            None => (self.tokens.len(), None),
        }
    }

    /// Whether it takes part in a step of decoding next.
    fn decodes(&self, prefill_rows: usize) -> bool {
        match self.stretch() {
            (_, Some(manner)) => manner != Manner::Many,
            (end, None) => end - self.sequence.tokens().len() < prefill_rows,
        }
    }

    /// How many of them fit into what is left of a step.
    fn rows(&self, runner: &dyn Runner, step: &Step) -> usize {
        let (end, manner) = self.stretch();
        let next = end - self.sequence.tokens().len();
        let mut rows = (runner.max_rows() - step.rows.len()).min(next);
        match manner {
            Some(Manner::Few(count)) => rows = rows.min(count),
            _ => {
                let left = next - rows;
                if (1..runner.prefill_rows()).contains(&left) {
                    rows = rows.saturating_sub(runner.prefill_rows() - left);
                }
            }
        }
        let outputs = runner.max_outputs() - step.outputs.len();
        match self.want {
            Want::Each { .. } => rows.min(outputs),
            _ if rows == self.remaining() && outputs == 0 => 0,
            _ => rows,
        }
    }

    fn wants_last(&self) -> bool {
        !matches!(self.want, Want::Each { .. })
    }

    /// Adds the next `rows` tokens to a step.
    fn join(self, step: &mut Step, rows: usize) -> Part {
        let start = self.sequence.tokens().len();
        let first = step.rows.len();
        add_rows(step, &self.sequence, &self.tokens[start..start + rows], start);
        let before = step.outputs.len();
        match &self.want {
            Want::Each { last } => step.outputs.extend((0..rows).map(|i| {
                let next = *self.tokens.get(start + i + 1).unwrap_or(last);
                Output { row: (first + i) as u32, readout: Readout::Gather(vec![next]) }
            })),
            Want::Last(readout) if start + rows == self.tokens.len() => {
                step.outputs.push(Output { row: (first + rows - 1) as u32, readout: readout.clone() });
            }
            Want::Draws(draws) if start + rows == self.tokens.len() => {
                let readout = draws.first().map_or(Readout::Logits, |draw| Readout::Sample(*draw));
                step.outputs.push(Output { row: (first + rows - 1) as u32, readout });
            }
            Want::Last(_) | Want::Draws(_) => {}
        }
        Part { work: self, rows, outputs: step.outputs.len() - before }
    }

    /// Adds the row of the `i`-th token that is drawn, and its own draw, to the step that comes `i` steps later.
    fn join_ahead(&self, step: &mut Step, i: usize) {
        let Want::Draws(draws) = &self.want else { return };
        let row = step.rows.len() as u32;
        // The backend puts the token that was drawn in the place of this one.
        add_rows(step, &self.sequence, &[0], self.tokens.len() + i - 1);
        step.outputs.push(Output { row, readout: Readout::Sample(draws[i]) });
    }

    /// Its next `rows` tokens are in the cache now, and behind them all that was drawn but the last.
    fn accept(&mut self, rows: usize, kind: Kind) {
        let start = self.sequence.tokens().len();
        let manner = match kind {
            Kind::Decode => Manner::Few(rows),
            Kind::Prefill => Manner::Many,
        };
        self.sequence.push(&self.tokens[start..start + rows], manner);
        if let [ahead @ .., _] = &self.readings[..]
            && matches!(self.want, Want::Draws(_))
        {
            let tokens = ahead.iter().map_while(|reading| match reading {
                Reading::Token(sampled) => Some(sampled.token),
                _ => None,
            });
            self.sequence.set_ahead(tokens.collect());
        }
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

    /// Whether somebody other than `leader` waits for it.
    fn is_awaited(&self, leader: u64) -> bool {
        self.id != leader && !self.reply.is_canceled()
    }
}

/// Adds rows of a sequence from position `start` on.
fn add_rows(step: &mut Step, sequence: &Sequence, tokens: &[u32], start: usize) {
    let (table, len) = (sequence.table(), sequence.block_len());
    let index = step.tables.len() as u32;
    step.rows.extend(tokens.iter().zip(start..).map(|(&token, position)| Row {
        token,
        position: position as u32,
        slot: table[position / len] * len as u32 + (position % len) as u32,
        sequence: index,
    }));
    step.tables.push(table);
}

/// The control of what is done for several calls: it pauses as their driver does, and is aborted only when nobody waits for
/// it any more.
struct Shared<'a> {
    scheduler: &'a Scheduler,
    control: &'a dyn Control,
    /// Whether it is for others than the driver too.
    awaited: &'a dyn Fn() -> bool,
}

impl Control for Shared<'_> {
    fn aborted(&self) -> bool {
        self.scheduler.wake();
        self.control.aborted() && !(self.awaited)()
    }

    fn pause(&self) -> LocalBoxFuture<'_, ()> {
        self.control.pause()
    }
}
