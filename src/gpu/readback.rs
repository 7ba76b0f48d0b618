//! Waiting for the GPU, and reading what it computed, without blocking.

use super::Gpu;
use crate::{Error, Result};
use futures::channel::oneshot;

impl Gpu {
    /// Waits until everything submitted so far is done.
    pub(super) async fn finished(&self) -> Result<()> {
        let (done, waiting) = oneshot::channel();
        self.queue.on_submitted_work_done(move || {
            let _ = done.send(());
        });
        self.wake();
        let answered = waiting.await;
        self.check()?;
        answered.map_err(|_| Error::DeviceLost("it stopped answering".into()))
    }

    /// Maps `staging` once the work submitted so far is done, and returns its first `len` values.
    pub(super) async fn read(&self, staging: &wgpu::Buffer, len: usize) -> Result<Vec<f32>> {
        let mut words = vec![0; len];
        self.read_words(staging, &mut words).await?;
        Ok(words.into_iter().map(f32::from_bits).collect())
    }

    /// The same into `words`, all of which it fills.
    ///
    /// If the future is dropped before it is ready, the buffer stays mapped (or on its way to be): give it up then.
    pub(super) async fn read_words(&self, staging: &wgpu::Buffer, words: &mut [u32]) -> Result<()> {
        let (done, waiting) = oneshot::channel();
        let bytes = size_of_val(words) as u64;
        staging.slice(..bytes).map_async(wgpu::MapMode::Read, move |result| {
            let _ = done.send(result);
        });
        self.wake();
        let mapped = waiting.await;
        self.check()?;
        let lost = |what: String| Error::DeviceLost(what);
        mapped.map_err(|_| lost("it stopped answering".into()))?.map_err(|e| lost(e.to_string()))?;
        let view = staging.slice(..bytes).get_mapped_range().map_err(|e| Error::Internal(e.to_string()))?;
        bytemuck::cast_slice_mut::<u32, u8>(words).copy_from_slice(&view);
        drop(view);
        staging.unmap();
        Ok(())
    }
}
