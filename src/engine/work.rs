//! The work of a call: its tokens, how many of them go into a step, and what is read from it.

use super::sequence::{Manner, Sequence};
use crate::model::{Draw, Output, OutputKind, Reading, Row, Runner, Step};
use crate::{Error, Result};
use futures::channel::oneshot;
use std::cell::RefCell;
use std::collections::VecDeque;

/// What a call wants to read.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Want {
    /// After the last token.
    Last(OutputKind),
    /// The log-probability of each token but the first, and of `last` after all of them.
    Each { last: u32 },
    /// The states of these tokens: places among them, rising, at least one.
    States(Vec<usize>),
    /// Tokens drawn after the last: one, and as many more as are computed ahead.
    Draws(Vec<Draw>),
}

/// A sequence that is to hold exactly `tokens`.
pub(super) struct Work {
    id: u64,
    pub sequence: Sequence,
    tokens: Vec<u32>,
    want: Want,
    /// Tokens that were in the cache when the work began; `None` until then.
    cached: Option<usize>,
    pub readings: Vec<Reading>,
    reply: oneshot::Sender<Result<Done>>,
}

/// The result of a call.
pub(super) struct Done {
    pub sequence: Sequence,
    /// What was wanted, in the order of the rows.
    pub readings: Vec<Reading>,
    /// Tokens that were not computed again.
    pub cached: usize,
}

/// The two kinds of steps.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Decode,
    Prefill,
}

/// The work of a step. It goes back into the queue if the step fails: because its device was lost, or because its
/// driver was dropped.
pub(super) struct Batch<'a> {
    pub parts: Vec<Part>,
    pub queue: &'a RefCell<VecDeque<Work>>,
}

impl Batch<'_> {
    /// Replies to those that are complete, and queues the others.
    pub fn finish(mut self) {
        let parts = std::mem::take(&mut self.parts);
        let unfinished: Vec<Work> = parts.into_iter().filter_map(|part| part.work.finish()).collect();
        let mut queue = self.queue.borrow_mut();
        unfinished.into_iter().rev().for_each(|work| queue.push_front(work));
    }

    pub fn fail(mut self, error: &Error) {
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
pub(super) struct Part {
    pub work: Work,
    pub rows: usize,
    pub outputs: usize,
}

impl Part {
    /// How many steps its draws are for, if it draws from a single row.
    pub fn draws_ahead(&self) -> usize {
        match &self.work.want {
            Want::Draws(draws) if self.rows == 1 && self.outputs == 1 => draws.len(),
            _ => 1,
        }
    }

    /// Whether this part is about to compute the block that `other` needs next: then `other` waits and finds it in the
    /// tree.
    pub fn leads(&self, other: &Work) -> bool {
        let (mine, theirs) = (&self.work, other);
        let start = mine.sequence.tokens().len();
        start == theirs.sequence.tokens().len()
            && mine.sequence.adapter() == theirs.sequence.adapter()
            && mine.sequence.last_node() == theirs.sequence.last_node()
            && match (mine.sequence.next_block(&mine.tokens), theirs.sequence.next_block(&theirs.tokens)) {
                (Some(a), Some(b)) => a == b,
                _ => false,
            }
    }
}

impl Work {
    /// With the slot for its caller's result.
    pub fn new(
        id: u64,
        sequence: Sequence,
        tokens: Vec<u32>,
        want: Want,
    ) -> (Work, oneshot::Receiver<Result<Done>>) {
        let (reply, result) = oneshot::channel();
        (Work { id, sequence, tokens, want, cached: None, readings: Vec::new(), reply }, result)
    }

    /// Looks up its prefix in the cache: at first, and whenever other calls may have computed more of it.
    pub fn begin(&mut self, prefill_rows: usize) {
        if self.sequence.renew(&self.tokens) {
            self.cached = None;
            if !self.wants_last() {
                self.readings.clear();
                self.sequence.clear();
            }
        }
        let before = self.sequence.tokens().len();
        // If each token's logits are wanted, each is computed. Else as many as the last step of a prefill has at least,
        // and no more than the sequence lacks.
        if self.wants_last() {
            self.sequence.settle(&self.tokens[..self.tokens.len() - 1]);
            let own = self.sequence.shared(&self.tokens[..self.tokens.len() - 1]);
            let keep = match self.stretch() {
                (_, Some(Manner::Few(_))) => own,
                (end, _) => end.saturating_sub(prefill_rows).max(own),
            };
            self.sequence.seek(&self.tokens[..keep]);
        } else if let Want::States(places) = &self.want
            && self.sequence.tokens().is_empty()
        {
            // What stands before the first of them may be cached.
            let keep = self.tokens.len().saturating_sub(prefill_rows).min(places[0]);
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

    /// During a recovery: how many are computed in the same way, and which.
    fn stretch(&self) -> (usize, Option<Manner>) {
        match self.sequence.pending() {
            Some((end, manner)) => (end.min(self.tokens.len()), Some(manner)),
            None => (self.tokens.len(), None),
        }
    }

    /// Whether its next step is one of decoding.
    pub fn decodes(&self, prefill_rows: usize) -> bool {
        match self.stretch() {
            (_, Some(manner)) => manner != Manner::Many,
            (end, None) => end - self.sequence.tokens().len() < prefill_rows,
        }
    }

    /// How many of them fit into what is left of a step.
    pub fn rows(&self, runner: &dyn Runner, step: &Step) -> usize {
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
        // States count for nothing: they are far smaller than what other outputs need.
        let others = step.outputs.iter().filter(|output| output.kind != OutputKind::State).count();
        let outputs = runner.max_outputs() - others;
        match self.want {
            Want::Each { .. } => rows.min(outputs),
            Want::States(_) => rows,
            _ if rows == self.remaining() && outputs == 0 => 0,
            _ => rows,
        }
    }

    fn wants_last(&self) -> bool {
        !matches!(self.want, Want::Each { .. } | Want::States(_))
    }

    /// Adds the next `rows` tokens to a step.
    pub fn join(self, step: &mut Step, rows: usize) -> Part {
        let start = self.sequence.tokens().len();
        let first = step.rows.len();
        add_rows(step, &self.sequence, &self.tokens[start..start + rows], start);
        let before = step.outputs.len();
        match &self.want {
            Want::Each { last } => step.outputs.extend((0..rows).map(|i| {
                let next = *self.tokens.get(start + i + 1).unwrap_or(last);
                Output { row: (first + i) as u32, kind: OutputKind::Gather(vec![next]) }
            })),
            Want::States(places) => step.outputs.extend(
                places
                    .iter()
                    .filter(|place| (start..start + rows).contains(*place))
                    .map(|place| Output { row: (first + place - start) as u32, kind: OutputKind::State }),
            ),
            Want::Last(kind) if start + rows == self.tokens.len() => {
                step.outputs.push(Output { row: (first + rows - 1) as u32, kind: kind.clone() });
            }
            Want::Draws(draws) if start + rows == self.tokens.len() => {
                let kind = draws.first().map_or(OutputKind::Logits, |draw| OutputKind::Sample(*draw));
                step.outputs.push(Output { row: (first + rows - 1) as u32, kind });
            }
            Want::Last(_) | Want::Draws(_) => {}
        }
        Part { work: self, rows, outputs: step.outputs.len() - before }
    }

    /// Adds the row of the `i`-th token that is drawn, and its own draw, to the step that comes `i` steps later.
    pub fn join_ahead(&self, step: &mut Step, i: usize) {
        let Want::Draws(draws) = &self.want else { return };
        let row = step.rows.len() as u32;
        // The backend puts the token that was drawn in the place of this one.
        add_rows(step, &self.sequence, &[0], self.tokens.len() + i - 1);
        step.outputs.push(Output { row, kind: OutputKind::Sample(draws[i]) });
    }

    /// Its next `rows` tokens are in the cache now, and behind them all that was drawn but the last.
    pub fn accept(&mut self, rows: usize, kind: Kind) {
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
    pub fn restarts(&self) -> bool {
        self.wants_last() && !self.sequence.tokens().is_empty()
    }

    pub fn restart(&mut self) {
        if self.wants_last() {
            self.sequence.clear();
            self.cached = None;
        }
    }

    /// Replies if it is complete, else returns itself.
    fn finish(self) -> Option<Work> {
        if self.remaining() > 0 {
            return Some(self);
        }
        let done =
            Done { sequence: self.sequence, readings: self.readings, cached: self.cached.unwrap_or(0) };
        // A caller that was dropped needs no result.
        let _ = self.reply.send(Ok(done));
        None
    }

    pub fn fail(self, error: Error) {
        let _ = self.reply.send(Err(error));
    }

    /// Whether nobody waits for it any more.
    pub fn is_abandoned(&self) -> bool {
        self.reply.is_canceled()
    }

    /// Whether somebody other than `leader` waits for it.
    pub fn is_awaited(&self, leader: u64) -> bool {
        self.id != leader && !self.is_abandoned()
    }
}

/// Adds rows of a sequence from position `start` on.
fn add_rows(step: &mut Step, sequence: &Sequence, tokens: &[u32], start: usize) {
    let (table, len) = (sequence.table(), sequence.block_len());
    let index = step.add_sequence(table.clone(), sequence.adapter());
    step.rows.extend(tokens.iter().zip(start..).map(|(&token, position)| Row {
        token,
        position: position as u32,
        slot: table[position / len] * len as u32 + (position % len) as u32,
        sequence: index,
    }));
}
