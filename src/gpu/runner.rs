//! A model on the GPU.

use super::buffer::Buffer;
use super::fuse::fuse;
use super::kernel::Pipelines;
use super::kv::KvBuffers;
use super::lower::{Lowering, Memory, value_bytes};
use super::pace::{Pace, Submits};
use super::plan::{Draft, Plan};
use super::record::{Node, Per, Recorder, Rotations, Value};
use super::sampler::SamplerStage;
use super::scratch::Scratch;
use super::stages::{Share, Stages, class};
use super::step::StepBuffers;
use super::uniforms::Uniforms;
use super::{Gpu, GpuWeight, budget, decide};
use crate::model::{BackendInfo, KvShape, Model, Output, OutputKind, Reading, Runner, Step};
use crate::{Control, Error, Result};
use futures::future::LocalBoxFuture;

/// Plans for every kind of step, and the buffers that they work in.
pub struct GpuRunner {
    pub(super) gpu: Gpu,
    pub(super) vocab: usize,
    pub(super) kv: KvShape,
    pub(super) max_rows: usize,
    steps_ahead: usize,
    pub(super) stages: Stages,
    pace: Pace,
    /// Products of the largest dispatch, for a row.
    largest: u64,
    /// The staging buffer of the read-back; absent while a cancelled read may still hold it.
    staging: Option<Buffer>,
    words: Vec<u32>,
}

/// What was recorded, with the values that outlive it.
struct Recorded {
    nodes: Vec<Node>,
    kept: Vec<(Value, Buffer)>,
    most_rows: usize,
    most_outputs: usize,
}

/// All of a runner's buffers, before pipelines are compiled and bound.
struct Prepared {
    max_rows: usize,
    step: StepBuffers,
    pipelines: Pipelines,
    scratch: Scratch,
    /// For each class of row counts (with adapters once more), then for each of output counts, then for these once more.
    drafts: Vec<Vec<Draft>>,
    row_classes: Vec<usize>,
    output_classes: Vec<usize>,
    sampler: SamplerStage,
    staging: Buffer,
}

impl Prepared {
    async fn new(gpu: &Gpu, model: &Model<GpuWeight>, cache: &KvBuffers) -> Result<Prepared> {
        use wgpu::BufferUsages as Usage;
        let config = &model.config;
        let max_rows = budget::max_rows(config.matmul_weights(), &gpu.capabilities);
        // Outputs whose logits a buffer holds; a step that wants more is served piecewise.
        let fitting = (gpu.most_bytes() / value_bytes(1, config.vocab)) as usize * decide::ROW_PADDING;
        let (row_classes, output_classes) = (
            decide::row_classes(max_rows, &gpu.capabilities),
            decide::output_classes(max_rows.min(fitting.max(1)), &gpu.capabilities),
        );
        let max_outputs = output_classes.last().copied().unwrap_or(1);

        let activations = Usage::STORAGE;
        let hidden =
            gpu.buffer_checked("activations", value_bytes(max_rows, config.width), activations).await?;
        let logits_bytes = value_bytes(max_outputs, config.vocab);
        let logits = gpu.buffer_checked("logits", logits_bytes, activations | Usage::COPY_SRC).await?;
        let states_bytes = value_bytes(max_outputs, config.width);
        let states = gpu.buffer_checked("states", states_bytes, activations | Usage::COPY_SRC).await?;

        // What each kind of step does …
        let mut rotations = Rotations::default();
        let mut recorded = Vec::new();
        let adapts = !config.adapters.is_empty();
        for adapts in [false, true].into_iter().take(1 + usize::from(adapts)) {
            for &most_rows in &row_classes {
                let mut recorder = Recorder::new(&mut rotations, adapts);
                let x = body(model, &mut recorder);
                let (nodes, kept) = (recorder.nodes, vec![(x, hidden.clone())]);
                recorded.push(Recorded { nodes, kept, most_rows, most_outputs: max_outputs });
            }
        }
        for &most_outputs in &output_classes {
            let mut recorder = Recorder::new(&mut rotations, false);
            let x = recorder.value(config.width, Per::Row);
            let y = model.logits(&mut recorder, x.clone());
            let (nodes, kept) = (recorder.nodes, vec![(x, hidden.clone()), (y, logits.clone())]);
            recorded.push(Recorded { nodes, kept, most_rows: max_rows, most_outputs });
        }
        for &most_outputs in &output_classes {
            let mut recorder = Recorder::new(&mut rotations, false);
            let x = recorder.value(config.width, Per::Row);
            let y = model.states(&mut recorder, &x);
            let (nodes, kept) = (recorder.nodes, vec![(x, hidden.clone()), (y, states.clone())]);
            recorded.push(Recorded { nodes, kept, most_rows: max_rows, most_outputs });
        }

        // … with which kernels, in which buffers …
        let step = StepBuffers::new(gpu, &cache.shape, max_rows, rotations, adapts).await?;
        let (mut pipelines, mut scratch) = (Pipelines::new(gpu), Scratch::default());
        let mut uniforms = Uniforms::new(gpu);
        let mut drafts = Vec::new();
        for Recorded { nodes, kept, most_rows, most_outputs } in recorded {
            let mut lowering = Lowering::new(
                gpu,
                Memory {
                    pipelines: &mut pipelines,
                    scratch: &mut scratch,
                    uniforms: &mut uniforms,
                    step: &step,
                    kv: cache,
                },
                most_rows,
                most_outputs,
            );
            kept.iter().for_each(|(value, buffer)| lowering.keep(value, buffer));
            let values: Vec<Value> = kept.into_iter().map(|(value, _)| value).collect();
            drafts.push(lowering.run(&if gpu.fuses { fuse(&nodes, &values) } else { nodes }));
        }

        scratch.allocate(gpu).await?;
        let sampler = SamplerStage::new(
            gpu,
            &mut pipelines,
            (&logits, config.vocab),
            (&states, config.width),
            max_outputs,
        )
        .await?;
        let staging = staging(gpu, 0).await?;
        gpu.settle().await?;
        Ok(Prepared {
            max_rows,
            step,
            pipelines,
            scratch,
            drafts,
            row_classes,
            output_classes,
            sampler,
            staging,
        })
    }
}

impl GpuRunner {
    /// Plans the model's steps and compiles their kernels; `progress(done, total)` counts pipelines. All bytes of the
    /// weights have been written. The model itself is not needed afterwards: the plans hold its buffers.
    pub async fn new(
        gpu: Gpu,
        model: Model<GpuWeight>,
        kv: KvShape,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<GpuRunner> {
        let cache = KvBuffers::new(&gpu, kv).await?;
        GpuRunner::with_cache(gpu, model, cache, progress).await
    }

    /// The same over a cache that is there already.
    pub async fn with_cache(
        gpu: Gpu,
        model: Model<GpuWeight>,
        cache: KvBuffers,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<GpuRunner> {
        gpu.settle().await?;
        let Prepared {
            max_rows,
            step,
            mut pipelines,
            scratch,
            drafts,
            row_classes,
            output_classes,
            sampler,
            staging,
        } = Prepared::new(&gpu, &model, &cache).await?;
        let mut drafts = drafts.into_iter();
        let mut plans = |classes: &[usize]| -> Vec<Plan> {
            let linked = classes.iter().zip(&mut drafts);
            linked.map(|(&most, drafts)| Plan::link(&gpu, &mut pipelines, &scratch, most, drafts)).collect()
        };
        let bodies = plans(&row_classes);
        let adapted = plans(if model.config.adapters.is_empty() { &[] } else { &row_classes });
        let tails = plans(&output_classes);
        let states = plans(&output_classes);
        pipelines.compile(progress).await?;
        gpu.finished().await?;

        let vocab = model.config.vocab;
        let (kv, staging, words) = (cache.shape, Some(staging), Vec::new());
        let steps_ahead = budget::steps_ahead(model.config.matmul_weights(), &gpu.capabilities);
        let pace = Pace::new(&gpu);
        let largest = bodies.iter().chain(&adapted).map(Plan::largest).max().unwrap_or(0);
        let stages = Stages { step, pipelines, bodies, adapted, tails, states, sampler };
        Ok(GpuRunner { gpu, vocab, kv, max_rows, steps_ahead, stages, pace, largest, staging, words })
    }

    /// Bytes that a model, its cache and its runner take on a device that rehearses (see [`Gpu::rehearsal`]), where the model
    /// is an [`crate::model::outline`].
    pub async fn rehearse(gpu: &Gpu, model: &Model<GpuWeight>, kv: KvShape) -> Result<u64> {
        gpu.settle().await?;
        let cache = KvBuffers::new(gpu, kv).await?;
        let _prepared = Prepared::new(gpu, model, &cache).await?;
        Ok(gpu.bytes())
    }

    /// Dispatches of a step of `rows` rows, one of whose logits are wanted.
    pub fn dispatches(&self, rows: usize) -> Result<usize> {
        let Stages { bodies, tails, .. } = &self.stages;
        Ok(class(bodies, rows)?.dispatches() + class(tails, 1)?.dispatches())
    }

    /// Computes steps one after the other and reads back once. The rows of all but the first take the tokens that were drawn
    /// in the step before, without these leaving the GPU.
    async fn run(&mut self, steps: &[Step], control: &dyn Control) -> Result<Vec<Vec<Reading>>> {
        let result = self.run_unforgiven(steps, control).await;
        if matches!(result, Err(Error::OutOfMemory(_))) {
            self.gpu.fault.forgive();
        }
        result
    }

    /// The same, but a lack of memory stays a fault of the device.
    async fn run_unforgiven(&mut self, steps: &[Step], control: &dyn Control) -> Result<Vec<Vec<Reading>>> {
        self.gpu.check()?;
        for step in steps {
            step.validate(self.vocab, &self.kv, self.max_rows)?;
        }
        // The blocks go out together with the first outputs; a step without any still computes its K and V.
        let most = self.stages.most_outputs();
        let outputs = steps.iter().flat_map(|step| &step.outputs);
        let words: usize = outputs.map(|output| self.stages.sampler.words(&output.kind)).sum();
        // More than a buffer holds come back in several goes.
        let room = words.min((self.gpu.most_bytes() / 4) as usize);
        let staging = self.staging(room).await?;
        self.words.clear();
        let many = steps.first().is_some_and(|step| step.rows.len() >= self.stages.prefill_rows());
        let mut submits = Submits::new(&self.gpu, &mut self.pace, many);
        let mut at = 0;
        let mut before: &[Output] = &[];
        for step in steps {
            let drew = |output: &Output| matches!(output.kind, OutputKind::Sample(_));
            if before.len() > most || before.len() > step.rows.len() || !before.iter().all(drew) {
                return Err(Error::Internal("malformed step: it does not follow the one before".into()));
            }
            self.stages.step.write(&self.gpu, step)?;
            let mut rows = Some(step);
            let none = step.outputs.is_empty().then_some(&[][..]);
            for outputs in none.into_iter().chain(step.outputs.chunks(most)) {
                if control.aborted() {
                    return Err(Error::Aborted);
                }
                let more: usize = outputs.iter().map(|o| self.stages.sampler.words(&o.kind)).sum();
                if at + more > room {
                    read(&self.gpu, &staging, std::mem::take(&mut at), &mut self.words).await?;
                }
                let share = Share { step: rows.take(), before: std::mem::take(&mut before), outputs };
                at += self.stages.submit(&mut submits, &share, &staging, at, control).await?;
            }
            before = &step.outputs;
        }
        if words == 0 {
            self.gpu.finished().await?;
        } else {
            read(&self.gpu, &staging, at, &mut self.words).await?;
        }
        submits.end();
        self.staging = Some(staging);
        let mut words = &self.words[..words];
        steps.iter().map(|step| self.parse(step, most, &mut words)).collect()
    }

    /// What a step read, from the words that came back.
    fn parse(&self, step: &Step, most: usize, words: &mut &[u32]) -> Result<Vec<Reading>> {
        let mut readings = Vec::with_capacity(step.outputs.len());
        for outputs in step.outputs.chunks(most) {
            readings.extend(self.stages.sampler.parse(outputs, words)?);
        }
        Ok(readings)
    }

    /// A buffer that `words` come back in. Only steps that want more than any before make a new one.
    async fn staging(&mut self, words: usize) -> Result<Buffer> {
        match self.staging.take() {
            Some(staging) if staging.size() >= words as u64 * 4 => Ok(staging),
            _ => staging(&self.gpu, words).await,
        }
    }
}

/// Adds the first `count` words of `staging` to those that came back.
async fn read(gpu: &Gpu, staging: &Buffer, count: usize, words: &mut Vec<u32>) -> Result<()> {
    let known = words.len();
    words.resize(known + count, 0);
    gpu.read_words(staging, &mut words[known..]).await
}

/// Words that a staging buffer has at least, so that usual steps share one.
const LEAST_STAGING: usize = 1024;

async fn staging(gpu: &Gpu, words: usize) -> Result<Buffer> {
    use wgpu::BufferUsages as Usage;
    let bytes = words.max(LEAST_STAGING) as u64 * 4;
    gpu.buffer_checked("readings", bytes, Usage::COPY_DST | Usage::MAP_READ).await
}

impl Runner for GpuRunner {
    fn forward<'a>(
        &'a mut self,
        step: &'a Step,
        control: &'a dyn Control,
    ) -> LocalBoxFuture<'a, Result<Vec<Reading>>> {
        Box::pin(async move {
            let readings = self.run(std::slice::from_ref(step), control).await?;
            Ok(readings.into_iter().flatten().collect())
        })
    }

    fn forward_ahead<'a>(
        &'a mut self,
        steps: &'a [Step],
        control: &'a dyn Control,
    ) -> LocalBoxFuture<'a, Result<Vec<Vec<Reading>>>> {
        Box::pin(self.run(steps, control))
    }

    fn steps_ahead(&self) -> usize {
        self.steps_ahead
    }

    fn max_ahead(&self) -> usize {
        // With more outputs only the last ones' tokens are still in the sampler's results.
        self.stages.most_outputs()
    }

    fn max_rows(&self) -> usize {
        budget::step_rows(self.max_rows, self.largest, self.pace.products(true))
    }

    fn prefill_rows(&self) -> usize {
        // With fewer a step is served by the plan for few.
        self.stages.prefill_rows()
    }

    fn backend(&self) -> BackendInfo {
        let mut capabilities = self.gpu.capabilities();
        if self.stages.pipelines.uses("quantize_activations") {
            capabilities.push("dp4a".into());
        }
        BackendInfo {
            backend: "webgpu".into(),
            adapter: self.gpu.adapter_name(),
            capabilities,
            gpu_bytes: self.gpu.bytes(),
            threads: None,
        }
    }
}

/// From the step's tokens to what the last block makes of them.
fn body(model: &Model<GpuWeight>, o: &mut Recorder) -> Value {
    let mut x = model.embed(o);
    for layer in 0..model.layers.len() {
        x = model.layer(o, layer, x);
    }
    x
}
