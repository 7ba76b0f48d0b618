//! What changes from step to step, in a few small buffers that are written before each submit.

use super::Gpu;
use super::buffer::Buffer;
use super::record::{Per, Rotations};
use crate::model::{KvShape, Output, Rotation, Step};
use crate::{Error, Result};

/// WebGPU's coarsest alignment of a uniform binding.
const UNIFORM_STRIDE: u64 = 256;

/// The adapter of rows that have none.
const NO_ADAPTER: u32 = u32::MAX;

/// Sequences of a step that may each have a table as long as the cache.
const SEQUENCES: usize = 64;

/// The buffers, and the CPU's copies of what goes there.
pub(super) struct StepBuffers {
    /// Two uniforms: the number of rows, and at [`UNIFORM_STRIDE`] the number of outputs.
    pub counts: Buffer,
    /// For each row (token, position, slot, start of its sequence's table in `tables`).
    pub rows: Buffer,
    /// The block tables of the step's sequences, one after the other.
    pub tables: Buffer,
    /// For each row (its adapter, the bits of its scale); [`NO_ADAPTER`] for none. One entry where a model has none.
    pub adapters: Buffer,
    /// The rows whose logits are wanted.
    pub outputs: Buffer,
    /// For each rotation `[rows, half]` of (cos, sin).
    pub rotations: Vec<Buffer>,
    rotates: Vec<Rotation>,
    host: Vec<u32>,
    angles: Vec<[f32; 2]>,
    starts: Vec<u32>,
    /// Words that `tables` holds.
    room: usize,
}

impl StepBuffers {
    pub(super) async fn new(
        gpu: &Gpu,
        kv: &KvShape,
        max_rows: usize,
        rotates: Rotations,
        adapts: bool,
    ) -> Result<StepBuffers> {
        use wgpu::BufferUsages as Usage;
        let storage = Usage::STORAGE | Usage::COPY_DST;
        let room = kv.blocks.max(1) * max_rows.min(SEQUENCES);
        let mut rotations = Vec::new();
        for Rotation { frequencies, .. } in &rotates.0 {
            let bytes = (max_rows * frequencies.len().max(1) * 8) as u64;
            rotations.push(gpu.buffer_checked("rotations", bytes, storage).await?);
        }
        Ok(StepBuffers {
            counts: gpu
                .buffer_checked("counts", 2 * UNIFORM_STRIDE, Usage::UNIFORM | Usage::COPY_DST)
                .await?,
            rows: gpu.buffer_checked("rows", max_rows as u64 * 16, storage).await?,
            tables: gpu.buffer_checked("block tables", room as u64 * 4, storage).await?,
            adapters: gpu
                .buffer_checked("adapters", if adapts { max_rows as u64 * 8 } else { 8 }, storage)
                .await?,
            outputs: gpu.buffer_checked("outputs", max_rows as u64 * 4, storage).await?,
            rotations,
            rotates: rotates.0,
            host: Vec::new(),
            angles: Vec::new(),
            starts: Vec::new(),
            room,
        })
    }

    /// Where the number of rows of a kind is bound from.
    pub(super) fn count_offset(per: Per) -> u64 {
        match per {
            Per::Row => 0,
            Per::Output => UNIFORM_STRIDE,
        }
    }

    /// Everything about a step but its outputs.
    pub(super) fn write(&mut self, gpu: &Gpu, step: &Step) -> Result<()> {
        self.starts.clear();
        self.host.clear();
        for table in &step.tables {
            self.starts.push(self.host.len() as u32);
            self.host.extend_from_slice(table);
        }
        if self.host.len() > self.room {
            return Err(Error::Internal(format!(
                "the step's block tables have more than {} entries",
                self.room
            )));
        }
        gpu.queue.write_buffer(&self.tables, 0, bytemuck::cast_slice(&self.host));

        self.host.clear();
        for row in &step.rows {
            self.host.extend([row.token, row.position, row.slot, self.starts[row.sequence as usize]]);
        }
        gpu.queue.write_buffer(&self.rows, 0, bytemuck::cast_slice(&self.host));

        if !step.adapters.is_empty() {
            self.host.clear();
            for row in &step.rows {
                let chosen = step.adapter(row).map(|own| [own.adapter, own.scale.to_bits()]);
                self.host.extend(chosen.unwrap_or([NO_ADAPTER, 0]));
            }
            gpu.queue.write_buffer(&self.adapters, 0, bytemuck::cast_slice(&self.host));
        }

        for (Rotation { frequencies, amplitude, .. }, buffer) in self.rotates.iter().zip(&self.rotations) {
            self.angles.clear();
            for row in &step.rows {
                self.angles.extend(frequencies.iter().map(|frequency| {
                    let (sin, cos) = (row.position as f32 * frequency).sin_cos();
                    [cos * amplitude, sin * amplitude]
                }));
            }
            gpu.queue.write_buffer(buffer, 0, bytemuck::cast_slice(&self.angles));
        }
        self.write_count(gpu, Per::Row, step.rows.len());
        Ok(())
    }

    /// The next rows whose logits are wanted.
    pub(super) fn write_outputs(&mut self, gpu: &Gpu, outputs: &[Output]) {
        self.host.clear();
        self.host.extend(outputs.iter().map(|output| output.row));
        gpu.queue.write_buffer(&self.outputs, 0, bytemuck::cast_slice(&self.host));
        self.write_count(gpu, Per::Output, outputs.len());
    }

    fn write_count(&self, gpu: &Gpu, per: Per, n: usize) {
        gpu.queue.write_buffer(
            &self.counts,
            Self::count_offset(per),
            bytemuck::cast_slice(&[n as u32, 0, 0, 0]),
        );
    }
}
