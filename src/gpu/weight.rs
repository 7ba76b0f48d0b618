//! Weights on the GPU, in their quantized form.

use super::Gpu;
use super::repack::{Planes, layout};
use crate::model::WeightStore;
use crate::quant::BlockType;
use crate::{Error, Result};
use std::sync::Arc;

/// Shards begin at rows that are multiples of this: then at block numbers that are multiples of it too, which keeps
/// planes of half words aligned.
const SHARD_ROWS: usize = 64;

/// No buffer is larger, whatever the adapter says: some fail well below the limit that they announce.
const MOST_BYTES: u64 = 512 << 20;

/// Uploads wait in a staging area of the driver until something is submitted; submit after this many bytes.
const SUBMIT_BYTES: usize = 32 << 20;

/// Where shaders bind the planes of a matrix.
const QUANTS: u32 = 8;
const SCALES: u32 = 9;
const HIGH: u32 = 10;

/// WebGPU's coarsest alignment of bindings.
const PLANE_ALIGNMENT: u64 = 256;

/// A tensor on the GPU.
pub struct GpuWeight {
    pub(super) matrix: Matrix,
    /// The values of a vector of `f32`, which are few: the CPU needs some of them (see [`super::step`]).
    pub(super) host: Vec<f32>,
}

/// A matrix `[rows, cols]` (a vector is one row), in one or several buffers.
#[derive(Clone)]
pub(super) struct Matrix {
    pub block_type: BlockType,
    pub rows: usize,
    pub cols: usize,
    pub shards: Arc<[Shard]>,
}

/// Some rows of a matrix, in a buffer of their own that holds the planes one after the other.
pub(super) struct Shard {
    pub first: usize,
    pub rows: usize,
    pub buffer: wgpu::Buffer,
    pub planes: Vec<Plane>,
}

/// A plane within a shard's buffer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plane {
    /// Where shaders bind it: 8 quants, 9 scales, 10 high bits.
    pub binding: u32,
    pub offset: u64,
    /// Bytes, rounded up to 16.
    pub size: u64,
    /// Bytes of a block.
    pub stride: usize,
}

/// Streams weights to the GPU.
pub struct GpuStore {
    gpu: Gpu,
    /// A piece of a tensor, repacked.
    planes: Planes,
    /// Bytes written since the last submit.
    unsubmitted: usize,
    /// Bytes that a buffer may have.
    most: u64,
}

impl GpuStore {
    pub fn new(gpu: &Gpu) -> GpuStore {
        let most = gpu.limits.max_storage_buffer_binding_size.min(gpu.limits.max_buffer_size).min(MOST_BYTES);
        GpuStore { gpu: gpu.clone(), planes: Planes::default(), unsubmitted: 0, most }
    }

    /// Splits tensors into smaller buffers than the adapter demands.
    pub fn with_buffer_limit(mut self, bytes: u64) -> GpuStore {
        self.most = self.most.min(bytes);
        self
    }

    /// Some whole blocks of a shard, from its block `first` on.
    fn write_blocks(&mut self, block_type: BlockType, shard: &Shard, first: usize, blocks: &[u8]) {
        self.planes.fill(block_type, blocks);
        for plane in &shard.planes {
            let bytes = match plane.binding {
                SCALES => &self.planes.scales,
                HIGH => &self.planes.high,
                _ => &self.planes.quants,
            };
            let at = plane.offset + (first * plane.stride) as u64;
            self.gpu.queue.write_buffer(&shard.buffer, at, bytes);
        }
        self.unsubmitted += blocks.len();
        if self.unsubmitted >= SUBMIT_BYTES {
            self.gpu.queue.submit(None);
            self.gpu.wake();
            self.unsubmitted = 0;
        }
    }
}

impl WeightStore for GpuStore {
    type Weight = GpuWeight;

    fn allocate(&mut self, name: &str, block_type: BlockType, rows: usize, cols: usize) -> Result<GpuWeight> {
        self.gpu.check()?;
        if rows > 1 && !cols.is_multiple_of(8) {
            return Err(Error::InvalidModel(format!(
                "tensor \"{name}\" has rows of {cols} elements, which is no multiple of 8"
            )));
        }
        let most = self.most;
        let per_shard = shard_rows(block_type, rows, cols, most).ok_or_else(|| {
            Error::OutOfMemory(format!(
                "{SHARD_ROWS} rows of tensor \"{name}\" exceed its buffers of {} MiB",
                most >> 20
            ))
        })?;
        let mut shards = Vec::new();
        for first in (0..rows).step_by(per_shard) {
            let count = per_shard.min(rows - first);
            let (planes, bytes) = planes(block_type, count, cols);
            let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
            let (buffer, scope) = self.gpu.buffer(&format!("tensor \"{name}\""), bytes, usage);
            self.gpu.expect(scope);
            shards.push(Shard { first, rows: count, buffer, planes });
        }
        self.gpu.check()?;
        Ok(GpuWeight { matrix: Matrix { block_type, rows, cols, shards: shards.into() }, host: Vec::new() })
    }

    fn write(&mut self, weight: &mut GpuWeight, offset: usize, bytes: &[u8]) -> Result<()> {
        self.gpu.check()?;
        let Matrix { block_type, rows, cols, ref shards } = weight.matrix;
        if rows == 1 && block_type == BlockType::F32 {
            weight.host.extend(bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])));
        }
        let (size, per_row) = (block_type.block_bytes(), cols / block_type.block_len());
        let (start, end) = (offset / size, (offset + bytes.len()) / size);
        for shard in shards.iter() {
            let (first, last) = (shard.first * per_row, (shard.first + shard.rows) * per_row);
            let (from, to) = (start.max(first), end.min(last));
            if from < to {
                self.write_blocks(
                    block_type,
                    shard,
                    from - first,
                    &bytes[(from - start) * size..(to - start) * size],
                );
            }
        }
        Ok(())
    }
}

/// Rows of each shard of a tensor, so that no buffer takes more than `most` bytes; `None` if even the fewest do.
fn shard_rows(block_type: BlockType, rows: usize, cols: usize, most: u64) -> Option<usize> {
    if planes(block_type, rows, cols).1 <= most {
        return Some(rows);
    }
    let row_bytes = block_type.bytes_of(cols).max(1) as u64;
    // The planes take a little more than the blocks did (Q6_K's scales, and padding): an eighth is plenty.
    let fit = (most - most / 8) / row_bytes;
    let fit = fit as usize / SHARD_ROWS * SHARD_ROWS;
    (fit > 0).then_some(fit)
}

/// The planes of `rows × cols` elements in one buffer, and the bytes of it.
fn planes(block_type: BlockType, rows: usize, cols: usize) -> (Vec<Plane>, u64) {
    let blocks = rows * cols / block_type.block_len();
    let sizes = layout(block_type);
    let (mut planes, mut end) = (Vec::new(), 0u64);
    for (binding, stride) in [(QUANTS, sizes.quants), (SCALES, sizes.scales), (HIGH, sizes.high)] {
        if stride > 0 {
            let offset = end.next_multiple_of(PLANE_ALIGNMENT);
            let size = ((blocks * stride) as u64).next_multiple_of(16);
            planes.push(Plane { binding, offset, size, stride });
            end = offset + size;
        }
    }
    (planes, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_fit_their_buffers_and_begin_at_whole_planes() {
        // The embedding of Llama 3.1 8B, and a small one with odd numbers of blocks in a row.
        for (block_type, rows, cols, most) in [
            (BlockType::Q6_K, 128_256, 4096, 128 << 20),
            (BlockType::F16, 128_256, 4096, 512 << 20),
            (BlockType::Q4_0, 1000, 96, 16 << 10),
            (BlockType::Q8_0, 1000, 32, 4 << 10),
        ] {
            let per_shard = shard_rows(block_type, rows, cols, most).unwrap();
            assert!(per_shard < rows && per_shard.is_multiple_of(SHARD_ROWS));
            let (parts, bytes) = planes(block_type, per_shard, cols);
            assert!(bytes <= most && bytes > most / 2, "{block_type:?}: {bytes}");
            assert!(parts.iter().all(|p| p.offset.is_multiple_of(PLANE_ALIGNMENT)));
        }
        assert_eq!(shard_rows(BlockType::F32, 3, 8, 1 << 20), Some(3));
        assert_eq!(shard_rows(BlockType::F32, 64, 1 << 20, 1 << 20), None);
    }
}
