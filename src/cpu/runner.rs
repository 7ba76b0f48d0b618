use super::ops::CpuOps;
use super::weight::CpuWeight;
use crate::model::{BackendInfo, KvShape, Llama, Ops, Runner, Step};
use crate::{Control, Error, Result, checkpoint};
use futures::future::LocalBoxFuture;

/// K and V, kept by block and made when a block is first used: a short text needs little memory, whatever the context.
pub struct KvCache {
    pub(super) shape: KvShape,
    /// Each `[layers][K, V][block_len][kv_heads · head_dim]`.
    blocks: Vec<Vec<f32>>,
}

/// Whose vector is looked up.
#[derive(Clone, Copy)]
pub(super) enum Part {
    Key = 0,
    Value = 1,
}

impl KvCache {
    pub fn new(shape: KvShape) -> KvCache {
        KvCache { shape, blocks: vec![Vec::new(); shape.blocks] }
    }

    /// Makes the blocks that a step writes to.
    pub fn prepare(&mut self, step: &Step) -> Result<()> {
        let len = self.shape.layers * 2 * self.shape.block_len * self.width();
        for row in &step.rows {
            let block = &mut self.blocks[row.slot as usize / self.shape.block_len];
            if block.is_empty() {
                block.try_reserve_exact(len).map_err(|_| {
                    Error::OutOfMemory(format!("the KV cache needs {} more KiB of memory", len * 4 / 1024))
                })?;
                block.resize(len, 0.0);
            }
        }
        Ok(())
    }

    pub(super) fn width(&self) -> usize {
        self.shape.kv_heads * self.shape.head_dim
    }

    fn offset(&self, layer: usize, part: Part, slot: usize) -> usize {
        ((layer * 2 + part as usize) * self.shape.block_len + slot % self.shape.block_len) * self.width()
    }

    /// `[kv_heads · head_dim]` of a slot.
    pub(super) fn vector(&self, layer: usize, part: Part, slot: usize) -> &[f32] {
        &self.blocks[slot / self.shape.block_len][self.offset(layer, part, slot)..][..self.width()]
    }

    /// Keeps the rows' K and V at their slots.
    pub(super) fn store(&mut self, layer: usize, step: &Step, k: &[f32], v: &[f32]) {
        let width = self.width();
        for (row, (k, v)) in step.rows.iter().zip(k.chunks_exact(width).zip(v.chunks_exact(width))) {
            let slot = row.slot as usize;
            for (part, vector) in [(Part::Key, k), (Part::Value, v)] {
                let offset = self.offset(layer, part, slot);
                self.blocks[slot / self.shape.block_len][offset..][..width].copy_from_slice(vector);
            }
        }
    }
}

/// A Llama model on the CPU.
pub struct CpuRunner {
    model: Llama<CpuWeight>,
    kv: KvCache,
}

/// Rows of a step: enough to share the cost of dequantizing.
const MAX_ROWS: usize = 128;
/// From this many rows on, one layer takes long enough to look up between layers.
const PAUSE_FROM: usize = 8;

impl CpuRunner {
    pub fn new(model: Llama<CpuWeight>, kv: KvShape) -> CpuRunner {
        CpuRunner { model, kv: KvCache::new(kv) }
    }

    async fn run(&mut self, step: &Step, control: &dyn Control) -> Result<Vec<f32>> {
        step.validate(self.model.config.vocab, &self.kv.shape, MAX_ROWS)?;
        self.kv.prepare(step)?;
        let mut ops = CpuOps { step, kv: &mut self.kv };
        let mut x = ops.embed(&self.model.embedding);
        checkpoint(control).await?;
        for layer in 0..self.model.layers.len() {
            x = self.model.layer(&mut ops, layer, x);
            if step.rows.len() >= PAUSE_FROM {
                checkpoint(control).await?;
            }
        }
        if step.outputs.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.model.logits(&mut ops, x).data)
    }
}

impl Runner for CpuRunner {
    fn forward<'a>(
        &'a mut self,
        step: &'a Step,
        control: &'a dyn Control,
    ) -> LocalBoxFuture<'a, Result<Vec<f32>>> {
        Box::pin(self.run(step, control))
    }

    fn max_rows(&self) -> usize {
        MAX_ROWS
    }

    fn backend(&self) -> BackendInfo {
        let simd = cfg!(all(target_arch = "wasm32", target_feature = "simd128"));
        BackendInfo {
            backend: "wasm".into(),
            adapter: if cfg!(target_arch = "wasm32") { "WebAssembly" } else { std::env::consts::ARCH }.into(),
            capabilities: if simd { vec!["simd128".into()] } else { Vec::new() },
            gpu_bytes: 0,
        }
    }
}
