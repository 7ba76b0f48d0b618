//! Where a step's time goes: each of its dispatches alone, for benchmarks.

use super::GpuRunner;
use super::plan::{Load, Plan};
use super::stages::class;
use crate::Result;
use crate::model::Step;

/// A kernel of a step.
#[derive(Debug, Clone, PartialEq)]
pub struct KernelTime {
    /// The shader, the files that it includes, its constants.
    pub kernel: String,
    /// Dispatches of a step that run it.
    pub dispatches: usize,
    /// Seconds of all of them.
    pub seconds: f64,
}

impl GpuRunner {
    /// What each kernel of a step costs, in the order of their first dispatch. Every dispatch runs `times` times over, alone,
    /// so that the results of the step mean nothing; the time between two dispatches counts.
    pub async fn profile(&mut self, step: &Step, times: usize) -> Result<Vec<KernelTime>> {
        step.validate(self.vocab, &self.kv, self.max_rows)?;
        self.stages.step.write(&self.gpu, step)?;
        self.stages.step.write_outputs(&self.gpu, &step.outputs);
        let load =
            Load { rows: step.rows.len() as u32, outputs: step.outputs.len() as u32, ..Load::default() };
        let mut kernels = Vec::new();
        self.add_times(class(&self.stages.bodies, step.rows.len())?, &load, times, &mut kernels).await?;
        if !step.outputs.is_empty() {
            self.add_times(class(&self.stages.tails, step.outputs.len())?, &load, times, &mut kernels)
                .await?;
        }
        Ok(kernels)
    }

    async fn add_times(
        &self,
        plan: &Plan,
        load: &Load,
        times: usize,
        kernels: &mut Vec<KernelTime>,
    ) -> Result<()> {
        for (i, pipeline) in plan.pipelines().enumerate() {
            // What many runs take more than one, so that the way to the adapter and back does not count.
            let (one, many) =
                (self.seconds(plan, load, i, 1).await?, self.seconds(plan, load, i, 1 + times).await?);
            let seconds = (many - one).max(0.0) / times as f64;
            let kernel = self.stages.pipelines.describe(pipeline);
            match kernels.iter_mut().find(|known| known.kernel == kernel) {
                Some(known) => {
                    known.dispatches += 1;
                    known.seconds += seconds;
                }
                None => kernels.push(KernelTime { kernel, dispatches: 1, seconds }),
            }
        }
        Ok(())
    }

    /// Seconds of dispatch `i` of a plan, `times` times over.
    async fn seconds(&self, plan: &Plan, load: &Load, i: usize, times: usize) -> Result<f64> {
        let mut encoder = self.gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        for _ in 0..times {
            plan.encode_some(&mut pass, &self.stages.pipelines, load, i..i + 1)?;
        }
        drop(pass);
        self.gpu.seconds(encoder).await
    }
}
