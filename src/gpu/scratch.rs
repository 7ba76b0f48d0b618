//! Activation buffers, reused as soon as their content is no longer read.

use super::Gpu;
use super::buffer::Buffer;
use crate::Result;

/// A buffer that will exist once all plans are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot(usize);

/// The slots of all plans of a runner; plans run one after the other, so they share them.
#[derive(Default)]
pub(super) struct Scratch {
    bytes: Vec<u64>,
    free: Vec<Slot>,
    buffers: Vec<Buffer>,
}

impl Scratch {
    /// Begins a new plan: everything is free.
    pub(super) fn start(&mut self) {
        self.free = (0..self.bytes.len()).map(Slot).collect();
    }

    /// A slot of at least `bytes`: the free one that fits best, or else the largest free one, grown.
    pub(super) fn take(&mut self, bytes: u64) -> Slot {
        let best = (0..self.free.len()).min_by_key(|&i| {
            let size = self.bytes[self.free[i].0];
            (bytes.saturating_sub(size), size)
        });
        let slot = match best {
            Some(i) => self.free.swap_remove(i),
            None => {
                self.bytes.push(0);
                Slot(self.bytes.len() - 1)
            }
        };
        self.bytes[slot.0] = self.bytes[slot.0].max(bytes);
        slot
    }

    pub(super) fn give(&mut self, slot: Slot) {
        self.free.push(slot);
    }

    /// Makes the buffers.
    pub(super) async fn allocate(&mut self, gpu: &Gpu) -> Result<()> {
        use wgpu::BufferUsages as Usage;
        for &bytes in &self.bytes[self.buffers.len()..] {
            let usage = Usage::STORAGE | Usage::COPY_SRC | Usage::COPY_DST;
            self.buffers.push(gpu.buffer_checked("activations", bytes, usage).await?);
        }
        Ok(())
    }

    pub(super) fn buffer(&self, slot: Slot) -> &Buffer {
        &self.buffers[slot.0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_reused_best_fit_first() {
        let mut scratch = Scratch::default();
        let (small, large) = (scratch.take(100), scratch.take(1000));
        scratch.give(small);
        scratch.give(large);
        assert_eq!(scratch.take(90), small);
        assert_eq!(scratch.take(90), large);
        scratch.give(small);
        assert_eq!(scratch.take(500), small);
        assert_eq!(scratch.bytes, [500, 1000]);
        scratch.start();
        assert_eq!(scratch.take(900), large);
    }
}
