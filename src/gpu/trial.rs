//! A few ops alone on given inputs, for tests against the CPU and for benchmarks.

use super::Gpu;
use super::buffer::Buffer;
use super::fuse::fuse;
use super::kernel::Pipelines;
use super::kv::KvBuffers;
use super::lower::{Lowering, Memory, value_bytes};
use super::plan::{Load, Plan};
use super::record::{Per, Recorder, Rotations, Value};
use super::sampler::SamplerStage;
use super::scratch::Scratch;
use super::step::StepBuffers;
use super::uniforms::Uniforms;
use crate::model::{KvShape, Output, OutputKind, Reading, Step};
use crate::{Error, Result};

/// A plan of a few ops, with its inputs and its result.
pub struct Trial {
    gpu: Gpu,
    step: StepBuffers,
    pipelines: Pipelines,
    plan: Plan,
    inputs: Vec<Buffer>,
    result: Buffer,
    staging: Buffer,
    value: Value,
}

impl Trial {
    /// Records `build`, which computes one value from inputs `[rows, cols]` with the `cols` given, for steps of at most
    /// `most` rows (which decides the kernels).
    pub async fn new(
        gpu: &Gpu,
        kv: KvShape,
        most: usize,
        cols: &[usize],
        build: impl FnOnce(&mut Recorder, &[Value]) -> Value,
    ) -> Result<Trial> {
        use wgpu::BufferUsages as Usage;
        gpu.settle().await?;
        let mut rotations = Rotations::default();
        let mut recorder = Recorder::new(&mut rotations, true);
        let values: Vec<Value> = cols.iter().map(|&cols| recorder.value(cols, Per::Row)).collect();
        let value = build(&mut recorder, &values);
        let nodes = recorder.nodes;

        let cache = KvBuffers::new(gpu, kv).await?;
        let step = StepBuffers::new(gpu, &kv, most, rotations, true).await?;
        let (mut pipelines, mut scratch) = (Pipelines::new(gpu), Scratch::default());
        let bytes = value_bytes(most, value.cols);
        let usage = Usage::STORAGE | Usage::COPY_DST | Usage::COPY_SRC;
        let result = gpu.buffer_checked("result", bytes, usage).await?;
        let staging = gpu.buffer_checked("result", bytes, Usage::COPY_DST | Usage::MAP_READ).await?;

        let memory = Memory {
            pipelines: &mut pipelines,
            scratch: &mut scratch,
            uniforms: &mut Uniforms::new(gpu),
            step: &step,
            kv: &cache,
        };
        let mut lowering = Lowering::new(gpu, memory, most, most);
        let mut inputs = Vec::new();
        for value in &values {
            let buffer = gpu.buffer_checked("input", value_bytes(most, value.cols), usage).await?;
            lowering.keep(value, &buffer);
            inputs.push(buffer);
        }
        if !values.contains(&value) {
            lowering.keep(&value, &result);
        }
        let kept = [&values[..], std::slice::from_ref(&value)].concat();
        let drafts = lowering.run(&if gpu.fuses { fuse(&nodes, &kept) } else { nodes });
        scratch.allocate(gpu).await?;
        let plan = Plan::link(gpu, &mut pipelines, &scratch, most, drafts);
        pipelines.compile(&mut |_, _| ()).await?;
        // An op in place has its result in its input.
        let result = values.iter().position(|v| *v == value).map_or(result, |i| inputs[i].clone());
        Ok(Trial { gpu: gpu.clone(), step, pipelines, plan, inputs, result, staging, value })
    }

    pub fn dispatches(&self) -> usize {
        self.plan.dispatches()
    }

    /// Computes `step`, whose rows have these `inputs`, and returns the result.
    pub async fn run(&mut self, step: &Step, inputs: &[&[f32]]) -> Result<Vec<f32>> {
        let mut encoder = self.encode(step, inputs, 1)?;
        let count = match self.value.per {
            Per::Row => step.rows.len(),
            Per::Output => step.outputs.len(),
        };
        let len = count * self.value.cols;
        encoder.copy_buffer_to_buffer(&self.result, 0, &self.staging, 0, (len * 4) as u64);
        self.gpu.queue.submit([encoder.finish()]);
        self.gpu.read(&self.staging, len).await
    }

    /// Seconds that the adapter takes for `times` runs, one after the other. Encoding them does not count.
    pub async fn seconds(&mut self, step: &Step, inputs: &[&[f32]], times: usize) -> Result<f64> {
        let encoder = self.encode(step, inputs, times)?;
        self.gpu.seconds(encoder).await
    }

    fn encode(&mut self, step: &Step, inputs: &[&[f32]], times: usize) -> Result<wgpu::CommandEncoder> {
        if step.rows.len() > self.plan.most || inputs.len() != self.inputs.len() {
            return Err(Error::Internal("malformed trial".into()));
        }
        self.step.write(&self.gpu, step)?;
        self.step.write_outputs(&self.gpu, &step.outputs);
        for (buffer, values) in self.inputs.iter().zip(inputs) {
            self.gpu.queue.write_buffer(buffer, 0, bytemuck::cast_slice(values));
        }
        let load =
            Load { rows: step.rows.len() as u32, outputs: step.outputs.len() as u32, ..Load::default() };
        let mut encoder = self.gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        for _ in 0..times {
            self.plan.encode(&mut pass, &self.pipelines, &load)?;
        }
        drop(pass);
        Ok(encoder)
    }
}

/// The sampler alone, on given rows of logits.
pub struct SamplerTrial {
    gpu: Gpu,
    pipelines: Pipelines,
    sampler: SamplerStage,
    logits: Buffer,
    staging: Buffer,
}

impl SamplerTrial {
    /// For at most `most` rows of `vocab` logits.
    pub async fn new(gpu: &Gpu, vocab: usize, most: usize) -> Result<SamplerTrial> {
        use wgpu::BufferUsages as Usage;
        let mut pipelines = Pipelines::new(gpu);
        let bytes = (most * vocab.max(1024) * 4) as u64;
        let usage = Usage::STORAGE | Usage::COPY_DST | Usage::COPY_SRC;
        let logits = gpu.buffer_checked("logits", bytes, usage).await?;
        let staging = gpu.buffer_checked("readings", bytes, Usage::COPY_DST | Usage::MAP_READ).await?;
        let sampler = SamplerStage::new(gpu, &mut pipelines, (&logits, vocab), (&logits, 0), most).await?;
        pipelines.compile(&mut |_, _| ()).await?;
        Ok(SamplerTrial { gpu: gpu.clone(), pipelines, sampler, logits, staging })
    }

    /// Reads each row of `logits` as one of `kinds` says.
    pub async fn run(&mut self, logits: &[f32], kinds: &[OutputKind]) -> Result<Vec<Reading>> {
        let outputs: Vec<Output> = kinds.iter().map(|kind| Output { row: 0, kind: kind.clone() }).collect();
        self.gpu.queue.write_buffer(&self.logits, 0, bytemuck::cast_slice(logits));
        self.sampler.write(&self.gpu, &outputs);
        let mut encoder = self.gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        self.sampler.encode(&mut pass, &self.pipelines)?;
        drop(pass);
        let mut words = vec![0; self.sampler.copy(&mut encoder, &outputs, &self.staging, 0)];
        self.gpu.queue.submit([encoder.finish()]);
        self.gpu.read_words(&self.staging, &mut words).await?;
        self.sampler.parse(&outputs, &mut &words[..])
    }
}
