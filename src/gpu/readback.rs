//! Waiting for the GPU, and reading what it computed, without blocking.

use super::Gpu;
use super::buffer::Buffer;
use crate::{Error, Result};
use futures::channel::oneshot;
use futures::future::{Either, select};
use futures_timer::Delay;
use std::time::Duration;
use web_time::Instant;

impl Gpu {
    /// Waits for the device's answer or for its loss: a lost device may never answer.
    pub(super) async fn answered<T>(&self, answer: impl Future<Output = T> + Unpin) -> Result<T> {
        match select(answer, self.fault.lost()).await {
            Either::Left((answer, _)) => Ok(answer),
            Either::Right(_) => Err(self.check().err().unwrap_or_else(silent)),
        }
    }

    /// A receiver that resolves when everything submitted so far is done.
    pub(super) fn done(&self) -> oneshot::Receiver<()> {
        let (done, waiting) = oneshot::channel();
        self.queue.on_submitted_work_done(move || {
            let _ = done.send(());
        });
        self.wake();
        waiting
    }

    /// Waits for such a receiver.
    pub(super) async fn until(&self, done: oneshot::Receiver<()>) -> Result<()> {
        let answered = self.answered(done).await?;
        self.check()?;
        answered.map_err(|_| silent())
    }

    /// Waits until everything submitted so far is done.
    pub(super) async fn finished(&self) -> Result<()> {
        self.until(self.done()).await
    }

    /// Seconds from handing over what was encoded until the adapter has done it. Everything before is done then too, and
    /// does not count.
    pub(super) async fn seconds(&self, encoder: wgpu::CommandEncoder) -> Result<f64> {
        let commands = encoder.finish();
        self.finished().await?;
        let start = Instant::now();
        self.queue.submit([commands]);
        self.finished().await?;
        Ok(start.elapsed().as_secs_f64())
    }

    /// Why a buffer could not be read: the device is lost, which some browsers say only afterwards.
    async fn lost_because(&self, what: String) -> Error {
        const SOON: Duration = Duration::from_secs(1);
        select(self.fault.lost(), Delay::new(SOON)).await;
        self.check().err().unwrap_or(Error::DeviceLost(what))
    }

    /// Maps `staging` once the work submitted so far is done, and returns its first `len` values.
    pub(super) async fn read(&self, staging: &Buffer, len: usize) -> Result<Vec<f32>> {
        let mut words = vec![0; len];
        self.read_words(staging, &mut words).await?;
        Ok(words.into_iter().map(f32::from_bits).collect())
    }

    /// The same into `words`, all of which it fills.
    ///
    /// If the future is dropped before it is ready, the buffer stays mapped (or on its way to be): give it up then.
    pub(super) async fn read_words(&self, staging: &Buffer, words: &mut [u32]) -> Result<()> {
        let (done, waiting) = oneshot::channel();
        let bytes = size_of_val(words) as u64;
        staging.slice(..bytes).map_async(wgpu::MapMode::Read, move |result| {
            let _ = done.send(result);
        });
        self.wake();
        let mapped = self.answered(waiting).await?;
        self.check()?;
        if let Err(what) = mapped.map_err(|_| silent())? {
            return Err(self.lost_because(what.to_string()).await);
        }
        let view = staging.slice(..bytes).get_mapped_range().map_err(|e| Error::Internal(e.to_string()))?;
        bytemuck::cast_slice_mut::<u32, u8>(words).copy_from_slice(&view);
        drop(view);
        staging.unmap();
        Ok(())
    }
}

fn silent() -> Error {
    Error::DeviceLost("it stopped answering".into())
}
