//! Continuous batching: calls that overlap share their forward passes.
//!
//! There is no background task. Every call queues its work and waits for its result or for its turn to drive. The
//! driver holds the runner: it composes a step from the queued work, runs it, hands out the results, and checks for its
//! own. So sequences join and leave the batch between any two steps.
//!
//! When the device is lost during a step, the step's work goes back into the queue, and the next driver loads the model
//! on another device first. Work holds all of its tokens, so it can start again.

use super::cache::Cache;
use super::keeper::Keeper;
use super::sequence::Sequence;
use super::work::{Batch, Done, Kind, Part, Want, Work};
use crate::model::{BackendInfo, Runner, Step};
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

/// What bounds the steps.
pub(super) struct Limits {
    /// Sequences in a step.
    pub batch: usize,
    /// Tokens that all sequences together can hold.
    pub capacity: usize,
    /// Steps ahead of the read-back; `None`: the runner decides.
    pub steps_ahead: Option<usize>,
}

pub(super) struct Scheduler {
    /// `None` while its device is lost.
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
        // It may have got more threads.
        if let Some(runner) = self.runner.try_lock()
            && let Some(runner) = runner.as_ref()
        {
            self.backend.replace(runner.backend());
        }
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
        let needed = tokens.len();
        let id = self.calls.replace(self.calls.get() + 1);
        let (work, mut result) = Work::new(id, sequence, tokens, want);
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
            // Calls that were made at the same time join this step.
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
                // All blocks are held by calls that are between two of their steps: these go first.
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

    /// Waits for a call's result or for its turn to drive, until it is aborted.
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

    /// Wakes the waiting calls, so that aborted ones leave.
    fn wake(&self) {
        self.waiting.take().into_iter().for_each(Waker::wake);
    }

    /// Loads the model on another device after a loss. If that fails, every waiting call gets the error.
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
        queue.retain(|work| !work.is_abandoned());
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
            // The remainders of several prompts together must stay a step of few rows; single tokens of a large batch
            // may be more.
            let kind = decodes(&work) == decode && !(decode && rows > 1 && step.rows.len() + rows >= many);
            let later = !kind
                || rows == 0
                || batch.len() == self.limits.batch
                || batch.iter().any(|part| part.leads(&work));
            if !later && reserve(&mut work, rows, &mut waiting) {
                batch.push(work.join(&mut step, rows));
            } else {
                if !later {
                    // Admission control: calls before it hold all blocks, so it frees its own and is queued again.
                    work.restart();
                }
                queue.push_back(work);
            }
        }
        (batch, if decode { Kind::Decode } else { Kind::Prefill }, step)
    }

    /// The step, and the steps that can be submitted with it before its tokens are read back: if no other call waits,
    /// and each sequence only grows by what is drawn.
    fn look_ahead(&self, runner: &dyn Runner, batch: &mut [Part], step: Step) -> Vec<Step> {
        let mut count = batch.iter().map(Part::draws_ahead).min().unwrap_or(1);
        if !self.queue.borrow().is_empty() || batch.len() > runner.max_ahead() {
            count = 1;
        }
        // Without room for the steps ahead it goes step by step.
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

/// Makes room for the next `rows` tokens of `work`. If need be it preempts the work behind it, the last first. If the
/// one that needs a block gave up instead, long texts would preempt each other in turn, and none would finish.
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

/// How many steps without room a call waits through. Sequences that are between two steps come back within one or two.
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

/// The control of work for several calls: it pauses as their driver does, and is aborted only when no call waits for
/// it.
struct Shared<'a> {
    scheduler: &'a Scheduler,
    control: &'a dyn Control,
    /// Whether it serves other calls than the driver's.
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
