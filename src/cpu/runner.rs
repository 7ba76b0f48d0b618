use super::ops::CpuOps;
use super::weight::CpuWeight;
use crate::model::{BackendInfo, KvShape, Llama, Ops, Runner, Step};
use crate::{Control, Error, Result, checkpoint};
use futures::future::LocalBoxFuture;

/// K and V of every layer, each `[slots, kv_heads · head_dim]`.
pub struct KvCache {
    pub(super) shape: KvShape,
    pub(super) layers: Vec<(Vec<f32>, Vec<f32>)>,
}

impl KvCache {
    pub fn new(shape: KvShape) -> Result<KvCache> {
        let room = || {
            let mut values = Vec::new();
            values.try_reserve_exact(shape.layer_len()).map_err(|_| {
                let mib = (shape.layer_len() * shape.layers * 8) >> 20;
                Error::OutOfMemory(format!("the KV cache for {} positions needs {mib} MiB of memory", shape.slots()))
            })?;
            values.resize(shape.layer_len(), 0.0);
            Ok(values)
        };
        let layers = (0..shape.layers).map(|_| Ok((room()?, room()?))).collect::<Result<_>>()?;
        Ok(KvCache { shape, layers })
    }

    /// Keeps the rows' K and V at their slots.
    pub(super) fn store(&mut self, layer: usize, step: &Step, k: &[f32], v: &[f32]) {
        let width = self.shape.kv_heads * self.shape.head_dim;
        let (keys, values) = &mut self.layers[layer];
        for (i, row) in step.rows.iter().enumerate() {
            let (from, to) = (i * width, row.slot as usize * width);
            keys[to..][..width].copy_from_slice(&k[from..][..width]);
            values[to..][..width].copy_from_slice(&v[from..][..width]);
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
    pub fn new(model: Llama<CpuWeight>, kv: KvShape) -> Result<CpuRunner> {
        Ok(CpuRunner { model, kv: KvCache::new(kv)? })
    }

    async fn run(&mut self, step: &Step, control: &dyn Control) -> Result<Vec<f32>> {
        step.validate(self.model.config.vocab, &self.kv.shape, MAX_ROWS)?;
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
    fn forward<'a>(&'a mut self, step: &'a Step, control: &'a dyn Control) -> LocalBoxFuture<'a, Result<Vec<f32>>> {
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
