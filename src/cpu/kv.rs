use crate::model::{KvShape, KvType, Step};
use crate::quant::widen_finite;
use crate::{Error, Result};
use half::f16;

/// K and V in blocks that are allocated at first use: a short text needs little memory, whatever the context length.
pub struct KvCache {
    pub(super) shape: KvShape,
    kv_type: KvType,
    /// Each `[layers][K, V][kv_heads][block_len][head_dim]`.
    blocks: Vec<Block>,
}

/// Empty until it is used.
#[derive(Clone)]
enum Block {
    F32(Vec<f32>),
    F16(Vec<f16>),
}

/// Whose vectors are looked up.
#[derive(Clone, Copy)]
pub(super) enum Part {
    Key = 0,
    Value = 1,
}

impl KvCache {
    pub fn new(shape: KvShape, kv_type: KvType) -> KvCache {
        let empty = match kv_type {
            KvType::F32 => Block::F32(Vec::new()),
            KvType::F16 => Block::F16(Vec::new()),
        };
        KvCache { shape, kv_type, blocks: vec![empty; shape.blocks] }
    }

    /// Bytes of a cache with all its blocks in use.
    pub(super) fn bytes(shape: &KvShape, kv_type: KvType) -> u64 {
        shape.bytes(kv_type) + shape.blocks as u64 * size_of::<Block>() as u64
    }

    /// Bytes of a block.
    pub(super) fn block_bytes(&self) -> usize {
        self.block_elements() * self.kv_type.bytes()
    }

    fn block_elements(&self) -> usize {
        self.shape.layers * 2 * self.shape.kv_heads * self.shape.block_len * self.shape.head_dim
    }

    /// Makes the blocks that a step writes to.
    pub fn prepare(&mut self, step: &Step) -> Result<()> {
        let len = self.block_elements();
        let no_room = Error::OutOfMemory(format!(
            "the KV cache needs {} more KiB of memory",
            self.block_bytes() / 1024
        ));
        for row in &step.rows {
            let made = match &mut self.blocks[row.slot as usize / self.shape.block_len] {
                Block::F32(values) => make(values, len, 0.0),
                Block::F16(values) => make(values, len, f16::ZERO),
            };
            if !made {
                return Err(no_room);
            }
        }
        Ok(())
    }

    /// Where `[block_len, head_dim]` of a head begins in a block.
    fn offset(&self, layer: usize, part: Part, kv_head: usize) -> usize {
        ((layer * 2 + part as usize) * self.shape.kv_heads + kv_head)
            * self.shape.block_len
            * self.shape.head_dim
    }

    /// One head of a block as `f32`: `[block_len, head_dim]`.
    pub(super) fn head(&self, layer: usize, part: Part, block: u32, kv_head: usize, out: &mut [f32]) {
        let from = self.offset(layer, part, kv_head);
        match &self.blocks[block as usize] {
            Block::F32(values) => out.copy_from_slice(&values[from..][..out.len()]),
            Block::F16(values) => {
                out.iter_mut()
                    .zip(&values[from..])
                    .for_each(|(out, half)| *out = widen_finite(half.to_bits()));
            }
        }
    }

    /// Keeps the rows' K and V, each `[n, kv_heads · head_dim]`, at their slots.
    pub(super) fn store(&mut self, layer: usize, step: &Step, k: &[f32], v: &[f32]) {
        let (dim, block_len, kv_heads) = (self.shape.head_dim, self.shape.block_len, self.shape.kv_heads);
        for (r, row) in step.rows.iter().enumerate() {
            let (block, offset) = (row.slot as usize / block_len, row.slot as usize % block_len);
            for (part, source) in [(Part::Key, k), (Part::Value, v)] {
                for kv_head in 0..kv_heads {
                    let to = self.offset(layer, part, kv_head) + offset * dim;
                    let vector = &source[(r * kv_heads + kv_head) * dim..][..dim];
                    match &mut self.blocks[block] {
                        Block::F32(values) => values[to..][..dim].copy_from_slice(vector),
                        Block::F16(values) => {
                            values[to..][..dim]
                                .iter_mut()
                                .zip(vector)
                                .for_each(|(h, v)| *h = f16::from_f32(*v));
                        }
                    }
                }
            }
        }
    }
}

fn make<T: Clone>(values: &mut Vec<T>, len: usize, zero: T) -> bool {
    if values.is_empty() {
        if values.try_reserve_exact(len).is_err() {
            return false;
        }
        values.resize(len, zero);
    }
    true
}
