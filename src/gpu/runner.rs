//! A Llama model on the GPU.

use super::fuse::fuse;
use super::kernel::Pipelines;
use super::kv::KvBuffers;
use super::lower::{Lowering, Memory, value_bytes};
use super::plan::Plan;
use super::record::{Frequencies, Node, Per, Recorder, Value};
use super::scratch::Scratch;
use super::step::StepBuffers;
use super::uniforms::Uniforms;
use super::{Gpu, GpuWeight, decide};
use crate::model::{BackendInfo, KvShape, Llama, Ops, Runner, Step};
use crate::{Control, Error, Result};
use futures::future::LocalBoxFuture;

/// Plans for every kind of step, and the buffers that they work in.
pub struct GpuRunner {
    gpu: Gpu,
    vocab: usize,
    kv: KvShape,
    max_rows: usize,
    step: StepBuffers,
    pipelines: Pipelines,
    /// From tokens to the last block's result, one plan for each class of row counts.
    bodies: Vec<Plan>,
    /// From there to the logits of the outputs, one for each class of output counts.
    tails: Vec<Plan>,
    logits: wgpu::Buffer,
    /// Where logits are read back from; absent while a read that was given up may still hold it.
    staging: Option<wgpu::Buffer>,
}

/// What was recorded, with the values that outlive it.
struct Recorded {
    nodes: Vec<Node>,
    kept: Vec<(Value, wgpu::Buffer)>,
    most_rows: usize,
    most_outputs: usize,
}

impl GpuRunner {
    /// Plans the model's steps and compiles their kernels; `progress(done, total)` counts pipelines. All bytes of the
    /// weights have been written. The model itself is not needed afterwards: the plans hold its buffers.
    pub async fn new(
        gpu: Gpu,
        model: Llama<GpuWeight>,
        kv: KvShape,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<GpuRunner> {
        use wgpu::BufferUsages as Usage;
        gpu.settle().await?;
        let config = &model.config;
        let max_rows = decide::max_rows(config.matmul_weights(), &gpu.capabilities);
        let (row_classes, output_classes) = (
            decide::row_classes(max_rows, &gpu.capabilities),
            decide::output_classes(max_rows, &gpu.capabilities),
        );
        let max_outputs = output_classes.last().copied().unwrap_or(1);

        let cache = KvBuffers::new(&gpu, kv).await?;
        let activations = Usage::STORAGE;
        let hidden =
            gpu.buffer_checked("activations", value_bytes(max_rows, config.width), activations).await?;
        let logits_bytes = value_bytes(max_outputs, config.vocab);
        let logits = gpu.buffer_checked("logits", logits_bytes, activations | Usage::COPY_SRC).await?;

        // What each kind of step does …
        let mut frequencies = Frequencies::default();
        let mut recorded = Vec::new();
        for &most_rows in &row_classes {
            let mut recorder = Recorder::new(&mut frequencies);
            let x = body(&model, &mut recorder);
            let (nodes, kept) = (recorder.nodes, vec![(x, hidden.clone())]);
            recorded.push(Recorded { nodes, kept, most_rows, most_outputs: max_outputs });
        }
        for &most_outputs in &output_classes {
            let mut recorder = Recorder::new(&mut frequencies);
            let x = recorder.value(config.width, Per::Row);
            let y = model.logits(&mut recorder, x.clone());
            let (nodes, kept) = (recorder.nodes, vec![(x, hidden.clone()), (y, logits.clone())]);
            recorded.push(Recorded { nodes, kept, most_rows: max_rows, most_outputs });
        }

        // … with which kernels, in which buffers …
        let step = StepBuffers::new(&gpu, &kv, max_rows, frequencies).await?;
        let (mut pipelines, mut scratch) = (Pipelines::new(&gpu), Scratch::default());
        let mut uniforms = Uniforms::new(&gpu);
        let mut drafts = Vec::new();
        for Recorded { nodes, kept, most_rows, most_outputs } in recorded {
            let mut lowering = Lowering::new(
                &gpu,
                Memory {
                    pipelines: &mut pipelines,
                    scratch: &mut scratch,
                    uniforms: &mut uniforms,
                    step: &step,
                    kv: &cache,
                },
                most_rows,
                most_outputs,
            );
            kept.iter().for_each(|(value, buffer)| lowering.keep(value, buffer));
            let values: Vec<Value> = kept.into_iter().map(|(value, _)| value).collect();
            drafts.push(lowering.run(&if gpu.fuses { fuse(&nodes, &values) } else { nodes }));
        }

        // … and bound to them.
        scratch.allocate(&gpu).await?;
        let mut bodies: Vec<Plan> = row_classes
            .iter()
            .chain(&output_classes)
            .zip(drafts)
            .map(|(&most, drafts)| Plan::link(&gpu, &mut pipelines, &scratch, most, drafts))
            .collect();
        let tails = bodies.split_off(row_classes.len());
        pipelines.compile(progress).await?;
        gpu.finished().await?;

        let vocab = config.vocab;
        Ok(GpuRunner { gpu, vocab, kv, max_rows, step, pipelines, bodies, tails, logits, staging: None })
    }

    /// Dispatches of a step of `rows` rows, one of whose logits are wanted.
    pub fn dispatches(&self, rows: usize) -> Result<usize> {
        Ok(class(&self.bodies, rows)?.dispatches() + class(&self.tails, 1)?.dispatches())
    }

    async fn run(&mut self, step: &Step, control: &dyn Control) -> Result<Vec<f32>> {
        self.gpu.check()?;
        step.validate(self.vocab, &self.kv, self.max_rows)?;
        self.step.write(&self.gpu, step)?;
        let rows = step.rows.len();
        let mut logits = Vec::with_capacity(step.outputs.len() * self.vocab);
        // The blocks go out together with the first outputs; a step without any still computes its K and V.
        let most = self.tails.last().map_or(1, |tail| tail.most);
        let mut chunks = step.outputs.chunks(most);
        let first = chunks.next().unwrap_or(&[]);
        self.submit(Some(rows), first, &mut logits, control).await?;
        for outputs in chunks {
            self.submit(None, outputs, &mut logits, control).await?;
        }
        Ok(logits)
    }

    /// Computes the blocks for `rows` rows, if any, and the logits of `outputs`, if any; in one submit.
    async fn submit(
        &mut self,
        rows: Option<usize>,
        outputs: &[u32],
        logits: &mut Vec<f32>,
        control: &dyn Control,
    ) -> Result<()> {
        if control.aborted() {
            return Err(Error::Aborted);
        }
        let gpu = self.gpu.clone();
        let count = outputs.len();
        if count > 0 {
            self.step.write_outputs(&gpu, outputs);
        }
        let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            if let Some(rows) = rows {
                class(&self.bodies, rows)?.encode(&mut pass, &self.pipelines, rows as u32, 0)?;
            }
            if count > 0 {
                class(&self.tails, count)?.encode(&mut pass, &self.pipelines, 0, count as u32)?;
            }
        }
        if count == 0 {
            gpu.queue.submit([encoder.finish()]);
            return gpu.finished().await;
        }
        let len = count * self.vocab;
        let staging = match self.staging.take() {
            Some(staging) => staging,
            None => {
                use wgpu::BufferUsages as Usage;
                gpu.buffer_checked("logits", self.logits.size(), Usage::COPY_DST | Usage::MAP_READ).await?
            }
        };
        encoder.copy_buffer_to_buffer(&self.logits, 0, &staging, 0, (len * 4) as u64);
        gpu.queue.submit([encoder.finish()]);
        logits.extend(gpu.read(&staging, len).await?);
        self.staging = Some(staging);
        Ok(())
    }
}

impl Runner for GpuRunner {
    fn forward<'a>(
        &'a mut self,
        step: &'a Step,
        control: &'a dyn Control,
    ) -> LocalBoxFuture<'a, Result<Vec<f32>>> {
        Box::pin(self.run(step, control))
    }

    fn max_rows(&self) -> usize {
        self.max_rows
    }

    fn prefill_rows(&self) -> usize {
        // With fewer a step is served by the plan for few.
        self.bodies.iter().rev().nth(1).map_or(1, |few| few.most + 1)
    }

    fn backend(&self) -> BackendInfo {
        BackendInfo {
            backend: "webgpu".into(),
            adapter: self.gpu.adapter_name(),
            capabilities: self.gpu.capabilities(),
            gpu_bytes: self.gpu.bytes(),
        }
    }
}

/// From the step's tokens to what the last block makes of them.
fn body(model: &Llama<GpuWeight>, o: &mut Recorder) -> Value {
    let mut x = o.embed(&model.embedding);
    for layer in 0..model.layers.len() {
        x = model.layer(o, layer, x);
    }
    x
}

/// The smallest plan that serves `n` rows.
fn class(plans: &[Plan], n: usize) -> Result<&Plan> {
    plans
        .iter()
        .find(|plan| plan.most >= n)
        .ok_or_else(|| Error::Internal(format!("no plan serves {n} rows")))
}
