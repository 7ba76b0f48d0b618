use super::kv::KvCache;
use super::matmul::TILED_FROM;
use super::ops::{CpuOps, Tensor};
use super::threads::Threads;
use super::vector::Level;
use super::weight::CpuWeight;
use crate::model::{BackendInfo, KvShape, KvType, Model, Output, OutputKind, Reader, Reading, Runner, Step};
use crate::{Control, Result, checkpoint};
use futures::future::LocalBoxFuture;

/// A model on the CPU.
pub struct CpuRunner {
    model: Model<CpuWeight>,
    kv: KvCache,
    threads: Threads,
    reader: Reader,
}

/// Memory that cached prefixes may keep when nobody uses them.
const IDLE_BYTES: usize = 16 << 20;
/// Rows of a step: enough to share the cost of dequantizing.
pub(super) const MAX_ROWS: usize = 128;
/// Outputs of a step: their logits stay small beside the weights.
pub(super) const MAX_OUTPUTS: usize = 32;
/// From this many rows on, one layer takes long enough to look up between layers.
const PAUSE_FROM: usize = 8;

impl CpuRunner {
    pub fn new(model: Model<CpuWeight>, kv: KvShape, kv_type: KvType, threads: Threads) -> CpuRunner {
        CpuRunner { model, kv: KvCache::new(kv, kv_type), threads, reader: Reader::default() }
    }

    /// The name of what it runs on.
    pub fn adapter() -> String {
        if cfg!(target_arch = "wasm32") { "WebAssembly" } else { std::env::consts::ARCH }.into()
    }

    async fn run(&mut self, step: &Step, control: &dyn Control) -> Result<Vec<Reading>> {
        step.validate(self.model.config.vocab, &self.kv.shape, MAX_ROWS)?;
        self.kv.prepare(step)?;
        let mut ops = CpuOps { step, kv: &mut self.kv, threads: &self.threads };
        let mut x = self.model.embed(&mut ops);
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
        let states = self.model.states(&mut ops, &x);
        let all = || step.outputs.iter().zip(states.data.chunks_exact(states.cols));
        // A row of logits is far larger than a state.
        let others: Vec<&[f32]> =
            all().filter(|(o, _)| o.kind != OutputKind::State).map(|(_, s)| s).collect();
        let others = Tensor::new(others.len(), states.cols, others.concat());
        let logits = if others.rows > 0 { self.model.head(&mut ops, others).data } else { Vec::new() };
        let mut logits = logits.chunks_exact(self.model.config.vocab);
        let read = |(output, state): (&Output, &[f32])| match output.kind {
            OutputKind::State => Ok(Reading::State(state.to_vec())),
            _ => self.reader.read(logits.next().unwrap_or(&[]), &output.kind),
        };
        all().map(read).collect()
    }
}

impl Runner for CpuRunner {
    fn forward<'a>(
        &'a mut self,
        step: &'a Step,
        control: &'a dyn Control,
    ) -> LocalBoxFuture<'a, Result<Vec<Reading>>> {
        Box::pin(self.run(step, control))
    }

    fn max_rows(&self) -> usize {
        MAX_ROWS
    }

    fn max_outputs(&self) -> usize {
        MAX_OUTPUTS
    }

    fn prefill_rows(&self) -> usize {
        TILED_FROM
    }

    fn idle_blocks(&self) -> usize {
        IDLE_BYTES / self.kv.block_bytes()
    }

    fn backend(&self) -> BackendInfo {
        let simd = cfg!(all(target_arch = "wasm32", target_feature = "simd128")).then_some("simd128");
        BackendInfo {
            backend: "wasm".into(),
            adapter: CpuRunner::adapter(),
            capabilities: simd.or(Level::here().name()).into_iter().map(String::from).collect(),
            gpu_bytes: 0,
            threads: Some(self.threads.count()),
        }
    }
}
