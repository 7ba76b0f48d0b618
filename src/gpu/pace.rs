//! How much is submitted at a time. A step is cut into submits that are short on any GPU: an operating system resets a
//! GPU that is busy with one for seconds, a page cannot draw during one, and a call can be cancelled only between two.
//! The cuts do not change what is computed.

use super::Gpu;
use super::budget;
use crate::{Control, Error, Result};
use futures::channel::oneshot;
use std::time::Duration;
use web_time::Instant;

/// The measured speed of steps: of few rows, bound by memory, and of many, bound by arithmetic.
pub(super) struct Pace {
    /// Products that a submit may have.
    few: f64,
    many: f64,
    /// Whether it stays as it is.
    fixed: bool,
}

impl Pace {
    pub(super) fn new(gpu: &Gpu) -> Pace {
        let first = gpu.submit.unwrap_or_else(|| budget::first_submit(&gpu.capabilities));
        Pace { few: first, many: first, fixed: gpu.submit.is_some() }
    }

    pub(super) fn products(&self, many: bool) -> f64 {
        if many { self.many } else { self.few }
    }

    fn note(&mut self, many: bool, products: f64, took: Duration) {
        let known = if many { &mut self.many } else { &mut self.few };
        if !self.fixed {
            *known = budget::next_submit(*known, products, took);
        }
    }
}

/// The submits of a step (or of several, one after the other), and how long each takes.
pub(super) struct Submits<'a> {
    gpu: &'a Gpu,
    pace: &'a mut Pace,
    many: bool,
    /// When the last completed submit completed.
    since: Instant,
    /// Products of those submitted since.
    products: f64,
    /// Resolves when the last piece is done.
    last: Option<oneshot::Receiver<()>>,
}

impl<'a> Submits<'a> {
    pub(super) fn new(gpu: &'a Gpu, pace: &'a mut Pace, many: bool) -> Submits<'a> {
        Submits { gpu, pace, many, since: Instant::now(), products: 0.0, last: None }
    }

    pub(super) fn gpu(&self) -> &'a Gpu {
        self.gpu
    }

    /// Products that the next submit may have.
    pub(super) fn room(&self) -> f64 {
        self.pace.products(self.many)
    }

    /// Submits a step's end, or all of it.
    pub(super) fn submit(&mut self, encoder: wgpu::CommandEncoder, products: f64) {
        self.gpu.queue.submit([encoder.finish()]);
        self.products += products;
    }

    /// Submits a piece of a step, and waits for the one before it: back-pressure, with one submit queued behind the
    /// running one.
    pub(super) async fn piece(
        &mut self,
        encoder: wgpu::CommandEncoder,
        products: f64,
        control: &dyn Control,
    ) -> Result<()> {
        self.submit(encoder, products);
        if let Some(before) = self.last.replace(self.gpu.done()) {
            self.gpu.until(before).await?;
            self.note(self.products - products);
        }
        if control.aborted() { Err(Error::Aborted) } else { Ok(()) }
    }

    /// All are done.
    pub(super) fn end(mut self) {
        self.note(self.products);
    }

    fn note(&mut self, products: f64) {
        let now = Instant::now();
        self.pace.note(self.many, products, now - self.since);
        self.since = now;
        self.products -= products;
    }
}
