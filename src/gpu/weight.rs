//! Weights on the GPU, in their quantized form.

use super::Gpu;
use super::buffer::Buffer;
use super::grids::Grids;
use super::repack::{Planes, layout};
use crate::model::WeightStore;
use crate::quant::BlockType;
use crate::{Error, Result};
use futures::future::LocalBoxFuture;
use std::sync::Arc;

/// Shards begin at rows that are multiples of this: then at block numbers that are multiples of it too, which keeps
/// planes of half words aligned.
const SHARD_ROWS: usize = 64;

/// No buffer is larger, whatever the adapter says: some fail well below the limit that they announce.
const MOST_BYTES: u64 = 512 << 20;

/// Uploads wait in a staging area of the driver until something is submitted; submit after this many bytes.
const SUBMIT_BYTES: usize = 32 << 20;

const USAGE: wgpu::BufferUsages = wgpu::BufferUsages::STORAGE.union(wgpu::BufferUsages::COPY_DST);

/// Where shaders bind the planes of a matrix.
const QUANTS: u32 = 8;
const SCALES: u32 = 9;
const HIGH: u32 = 10;

/// WebGPU's coarsest alignment of bindings.
const PLANE_ALIGNMENT: u64 = 256;

/// A tensor on the GPU.
pub struct GpuWeight {
    pub(super) matrix: Matrix,
}

/// A matrix `[rows, cols]` (a vector is one row), in one or several buffers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Matrix {
    pub block_type: BlockType,
    pub rows: usize,
    pub cols: usize,
    pub shards: Arc<[Shard]>,
}

/// Some rows of a matrix, in a buffer of their own that holds the planes one after the other.
#[derive(Debug, PartialEq)]
pub(super) struct Shard {
    pub first: usize,
    pub rows: usize,
    pub buffer: Buffer,
    pub planes: Vec<Plane>,
    /// What the quants are indices into, for types that have a grid.
    pub grid: Option<Buffer>,
}

/// A plane within a shard's buffer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Plane {
    /// Where shaders bind it: 8 quants, 9 scales, 10 high bits.
    pub binding: u32,
    pub offset: u64,
    /// Bytes, rounded up to 16.
    pub size: u64,
    /// Bytes of a block.
    pub stride: usize,
}

/// A matrix that may have another below it in memory.
pub(super) trait Stacked: Clone {
    /// Both as one matrix, if `below` lies directly behind this one.
    fn above(&self, below: &Self) -> Option<Self>;
}

impl Stacked for Matrix {
    fn above(&self, below: &Matrix) -> Option<Matrix> {
        let ([a], [b]) = (&self.shards[..], &below.shards[..]) else { return None };
        let alike = a.buffer == b.buffer && self.block_type == below.block_type && self.cols == below.cols;
        let pairs = || a.planes.iter().zip(&b.planes);
        if !alike || !pairs().all(|(p, q)| p.offset + p.size == q.offset) {
            return None;
        }
        let planes = pairs().map(|(p, q)| Plane { size: p.size + q.size, ..*p }).collect();
        let rows = a.rows + b.rows;
        let shard = Shard { first: 0, rows, buffer: a.buffer.clone(), planes, grid: a.grid.clone() };
        Some(Matrix { rows, shards: [shard].into(), ..*self })
    }
}

/// Tensors of one type that lie one behind the other in a buffer, so that one dispatch can multiply by all of them. Each
/// of their planes begins where a binding may.
struct Stack {
    block_type: BlockType,
    cols: usize,
    /// Names, first rows and numbers of rows.
    tensors: Vec<(String, usize, usize)>,
    /// Made when the first of the tensors arrives.
    buffer: Option<Buffer>,
}

impl Stack {
    /// `None` where bindings cannot begin between the tensors.
    fn new(tensors: &[(&str, BlockType, usize)], cols: usize) -> Option<Stack> {
        let (_, block_type, _) = *tensors.first()?;
        let mut rows = 0;
        let tensors = tensors.iter().map(|&(name, _, count)| {
            rows += count;
            (name.to_string(), rows - count, count)
        });
        let stack = Stack { block_type, cols, tensors: tensors.collect(), buffer: None };
        let aligned = |plane: &Plane, first| {
            (stack.blocks(first) * plane.stride as u64).is_multiple_of(PLANE_ALIGNMENT)
        };
        let all = stack.planes().0;
        stack.tensors.iter().all(|(_, first, _)| all.iter().all(|p| aligned(p, *first))).then_some(stack)
    }

    fn blocks(&self, rows: usize) -> u64 {
        blocks(self.block_type, rows, self.cols)
    }

    /// The planes of all the tensors together, and the bytes of them.
    fn planes(&self) -> (Vec<Plane>, u64) {
        let rows = self.tensors.iter().map(|(.., count)| count).sum();
        planes(self.block_type, rows, self.cols)
    }

    /// A tensor's part of the planes, and its rows.
    fn part(&self, name: &str) -> Option<(Vec<Plane>, usize)> {
        let (_, first, rows) = self.tensors.iter().find(|(of, ..)| of == name)?;
        let part = |plane: Plane| Plane {
            offset: plane.offset + self.blocks(*first) * plane.stride as u64,
            size: (self.blocks(*rows) * plane.stride as u64).next_multiple_of(16),
            ..plane
        };
        Some((self.planes().0.into_iter().map(part).collect(), *rows))
    }
}

impl Gpu {
    /// Bytes that a buffer of weights may have: a larger matrix is kept in several.
    pub fn weight_limit(&self) -> u64 {
        self.most_bytes().min(MOST_BYTES)
    }
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
    stacks: Vec<Stack>,
    grids: Grids,
}

impl GpuStore {
    pub fn new(gpu: &Gpu) -> GpuStore {
        GpuStore {
            gpu: gpu.clone(),
            planes: Planes::default(),
            unsubmitted: 0,
            most: gpu.weight_limit(),
            stacks: Vec::new(),
            grids: Grids::default(),
        }
    }

    /// The device that they go to.
    pub fn gpu(&self) -> Gpu {
        self.gpu.clone()
    }

    /// Splits tensors into smaller buffers than the adapter demands.
    pub fn with_buffer_limit(mut self, bytes: u64) -> GpuStore {
        self.most = self.most.min(bytes);
        self
    }

    /// The tensor's place in a stack, if it has one.
    fn stacked(&mut self, name: &str, block_type: BlockType, rows: usize, cols: usize) -> Option<Shard> {
        let grid = self.grids.of(&self.gpu, block_type);
        let fits = |s: &&mut Stack| s.block_type == block_type && s.cols == cols && s.part(name).is_some();
        let stack = self.stacks.iter_mut().find(fits)?;
        let (planes, _) = stack.part(name).filter(|(_, count)| *count == rows)?;
        let (_, bytes) = stack.planes();
        let buffer = stack.buffer.get_or_insert_with(|| {
            let (buffer, scope) = self.gpu.buffer(&format!("tensor \"{name}\""), bytes, USAGE);
            self.gpu.defer(scope);
            buffer
        });
        Some(Shard { first: 0, rows, buffer: buffer.clone(), planes, grid })
    }

    /// Some whole blocks of a shard, from its block `first` on.
    fn write_blocks(&mut self, block_type: BlockType, shard: &Shard, first: usize, blocks: &[u8]) {
        if self.gpu.rehearses {
            return;
        }
        self.grids.fill(&self.gpu, block_type);
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

    fn together(&mut self, tensors: &[(&str, BlockType, usize)], cols: usize) {
        let most = self.most;
        let stacks = tensors.chunk_by(|a, b| a.1 == b.1).filter_map(|alike| Stack::new(alike, cols));
        self.stacks.extend(stacks.filter(|stack| stack.tensors.len() > 1 && stack.planes().1 <= most));
    }

    fn allocate(&mut self, name: &str, block_type: BlockType, rows: usize, cols: usize) -> Result<GpuWeight> {
        self.gpu.check()?;
        // A bias is a column that is read value by value.
        let column = cols == 1 && name.ends_with(".bias");
        if rows > 1 && !column && !cols.is_multiple_of(8) {
            return Err(Error::InvalidModel(format!(
                "tensor \"{name}\" has rows of {cols} elements, which is no multiple of 8"
            )));
        }
        if let Some(shard) = self.stacked(name, block_type, rows, cols) {
            self.gpu.check()?;
            return Ok(GpuWeight { matrix: Matrix { block_type, rows, cols, shards: [shard].into() } });
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
            let (buffer, scope) = self.gpu.buffer(&format!("tensor \"{name}\""), bytes, USAGE);
            self.gpu.defer(scope);
            let grid = self.grids.of(&self.gpu, block_type);
            shards.push(Shard { first, rows: count, buffer, planes, grid });
        }
        self.gpu.check()?;
        Ok(GpuWeight { matrix: Matrix { block_type, rows, cols, shards: shards.into() } })
    }

    fn settle(&mut self) -> LocalBoxFuture<'_, Result<()>> {
        Box::pin(self.gpu.settle())
    }

    fn write(&mut self, weight: &mut GpuWeight, offset: usize, bytes: &[u8]) -> Result<()> {
        self.gpu.check()?;
        let Matrix { block_type, cols, ref shards, .. } = weight.matrix;
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

/// Blocks of a matrix: of several together there may be more elements than 32 bits count.
fn blocks(block_type: BlockType, rows: usize, cols: usize) -> u64 {
    rows as u64 * cols as u64 / block_type.block_len() as u64
}

/// The planes of `rows × cols` elements in one buffer, and the bytes of it.
fn planes(block_type: BlockType, rows: usize, cols: usize) -> (Vec<Plane>, u64) {
    let blocks = blocks(block_type, rows, cols);
    let sizes = layout(block_type);
    let (mut planes, mut end) = (Vec::new(), 0u64);
    for (binding, stride) in [(QUANTS, sizes.quants), (SCALES, sizes.scales), (HIGH, sizes.high)] {
        if stride > 0 {
            let offset = end.next_multiple_of(PLANE_ALIGNMENT);
            let size = (blocks * stride as u64).next_multiple_of(16);
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

    #[test]
    fn stacked_tensors_follow_one_another_in_each_plane() {
        for (block_type, rows, cols) in [
            (BlockType::Q4_1, [576, 192, 192], 576),
            (BlockType::Q6_K, [4096, 1024, 1024], 4096),
            (BlockType::Q4_0, [64, 64, 3], 256),
        ] {
            let tensors =
                [("q", block_type, rows[0]), ("k", block_type, rows[1]), ("v", block_type, rows[2])];
            let stack = Stack::new(&tensors, cols).unwrap();
            let [q, k, v] = ["q", "k", "v"].map(|name| stack.part(name).unwrap().0);
            let all = stack.planes().0;
            for (i, plane) in all.iter().enumerate() {
                assert_eq!(q[i].offset, plane.offset);
                assert_eq!(q[i].offset + q[i].size, k[i].offset);
                assert_eq!(k[i].offset + k[i].size, v[i].offset);
                assert_eq!(v[i].offset + v[i].size, plane.offset + plane.size);
                assert!([k[i], v[i]].iter().all(|part| part.offset.is_multiple_of(PLANE_ALIGNMENT)));
            }
            assert!(stack.part("o").is_none());
        }
        // The scales of 67 such rows end at byte 21440: no binding can begin there.
        assert!(Stack::new(&[("g", BlockType::Q6_K, 67), ("u", BlockType::Q6_K, 67)], 4096).is_none());
    }
}
