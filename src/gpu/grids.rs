//! The grids of the IQ1, IQ2 and IQ3 types on a device: at most 4 KiB for a type, which all matrices of it share.

use super::Gpu;
use super::buffer::Buffer;
use crate::quant::{BlockType, grid_codes};
use std::collections::HashMap;

/// Where shaders bind a grid (see `grid.wgsl`).
pub(super) const GRID: u32 = 11;

#[derive(Default)]
pub(super) struct Grids {
    buffers: HashMap<BlockType, Buffer>,
    /// Those that have been written.
    filled: Vec<BlockType>,
}

impl Grids {
    /// A type's grid, if it has one.
    pub(super) fn of(&mut self, gpu: &Gpu, block_type: BlockType) -> Option<Buffer> {
        let codes = grid_codes(block_type)?;
        let buffer = self.buffers.entry(block_type).or_insert_with(|| {
            let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
            let bytes = size_of_val(codes) as u64;
            let (buffer, scope) = gpu.buffer(&format!("the grid of {}", block_type.name()), bytes, usage);
            gpu.defer(scope);
            buffer
        });
        Some(buffer.clone())
    }

    /// Writes a type's grid, once. Not when it is allocated: whether there was memory for it is known later.
    pub(super) fn fill(&mut self, gpu: &Gpu, block_type: BlockType) {
        if let Some(buffer) = self.buffers.get(&block_type)
            && !self.filled.contains(&block_type)
            && let Some(codes) = grid_codes(block_type)
        {
            gpu.queue.write_buffer(buffer, 0, bytemuck::cast_slice(codes));
            self.filled.push(block_type);
        }
    }
}
