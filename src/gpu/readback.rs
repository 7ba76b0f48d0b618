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
    ///
    /// If the future is dropped before it is ready, the buffer stays mapped (or on its way to be): give it up then.
    pub(super) async fn read(&self, staging: &wgpu::Buffer, len: usize) -> Result<Vec<f32>> {
        let (done, waiting) = oneshot::channel();
        let bytes = (len * 4) as u64;
        staging.slice(..bytes).map_async(wgpu::MapMode::Read, move |result| {
            let _ = done.send(result);
        });
        self.wake();
        let mapped = waiting.await;
        self.check()?;
        let lost = |what: String| Error::DeviceLost(what);
        mapped.map_err(|_| lost("it stopped answering".into()))?.map_err(|e| lost(e.to_string()))?;
        let view = staging.slice(..bytes).get_mapped_range().map_err(|e| Error::Internal(e.to_string()))?;
        let mut values = vec![0.0f32; len];
        bytemuck::cast_slice_mut::<f32, u8>(&mut values).copy_from_slice(&view);
        drop(view);
        staging.unmap();
        Ok(values)
    }
}
