//! The peak copy bandwidth and f32 rate of an adapter, measured in the same run as the kernels that are compared with
//! them.

use super::Gpu;
use super::kernel::{Access, Kernel, Pipelines};
use super::plan::{Draft, Extent, Load, Operand, Plan, Products};
use super::scratch::Scratch;
use crate::Result;

/// Two kernels: one bound by memory alone, one by f32 arithmetic alone.
pub struct Probe {
    gpu: Gpu,
    pipelines: Pipelines,
    copy: Plan,
    arithmetic: Plan,
    bytes: u64,
    flops: f64,
}

const THREADS: u64 = 256;

/// How much the two kernels do in a run.
struct ProbeSize {
    /// Bytes that are copied: more than caches hold.
    bytes: u64,
    /// Workgroups that multiply and add, and the rounds of each thread.
    groups: u32,
    rounds: usize,
}

impl ProbeSize {
    fn of(software: bool) -> ProbeSize {
        match software {
            true => ProbeSize { bytes: 64 << 20, groups: 16, rounds: 1024 },
            false => ProbeSize { bytes: 512 << 20, groups: 4096, rounds: 1024 },
        }
    }
}

impl Probe {
    pub async fn new(gpu: &Gpu) -> Result<Probe> {
        use wgpu::BufferUsages as Usage;
        let ProbeSize { bytes, groups, rounds } = ProbeSize::of(gpu.is_software());
        let bytes = bytes.min(gpu.most_bytes()) / (16 * THREADS) * (16 * THREADS);
        let from = gpu.buffer_checked("a probe", bytes, Usage::STORAGE | Usage::COPY_DST).await?;
        let to = gpu.buffer_checked("a probe", bytes, Usage::STORAGE | Usage::COPY_SRC).await?;
        // A factor below 1, with which the chains stay finite.
        gpu.queue.write_buffer(&from, 0, bytemuck::cast_slice(&[0.5f32; 8]));

        let mut pipelines = Pipelines::new(gpu);
        let mut plan = |kernel: Kernel, grid| {
            let operands =
                vec![(0, Access::Read, Operand::whole(&from)), (1, Access::Write, Operand::whole(&to))];
            let bindings = operands.iter().map(|(binding, access, _)| (*binding, *access)).collect();
            let draft = Draft {
                pipeline: pipelines.add(kernel, bindings),
                operands,
                grid,
                products: Products::default(),
            };
            Plan::link(gpu, &mut pipelines, &Scratch::default(), 1, vec![draft])
        };
        let entries = bytes / 16;
        let tiles = (entries / THREADS) as u32;
        let across = tiles.min(1 << 15);
        let grid = [Extent::Fixed(across), Extent::Fixed(tiles.div_ceil(across)), Extent::Fixed(1)];
        let copy = plan(Kernel::new("probe_copy").set("N", entries as usize), grid);
        let grid = [Extent::Fixed(groups), Extent::Fixed(1), Extent::Fixed(1)];
        let arithmetic = plan(Kernel::new("probe_fma").set("ROUNDS", rounds), grid);
        pipelines.compile(&mut |_, _| ()).await?;
        let flops = f64::from(groups) * THREADS as f64 * rounds as f64 * (8 * 4 * 2) as f64;
        Ok(Probe { gpu: gpu.clone(), pipelines, copy, arithmetic, bytes: 2 * bytes, flops })
    }

    /// Bytes read and written by one run of [`Probe::copy`].
    pub fn bytes(&self) -> f64 {
        self.bytes as f64
    }

    /// Additions and multiplications of one run of [`Probe::arithmetic`].
    pub fn flops(&self) -> f64 {
        self.flops
    }

    /// Seconds that it takes to copy a buffer `times` times.
    pub async fn copy(&self, times: usize) -> Result<f64> {
        self.seconds(&self.copy, times).await
    }

    /// Seconds of `times` runs that multiply and add.
    pub async fn arithmetic(&self, times: usize) -> Result<f64> {
        self.seconds(&self.arithmetic, times).await
    }

    async fn seconds(&self, plan: &Plan, times: usize) -> Result<f64> {
        let mut encoder = self.gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            for _ in 0..times {
                plan.encode(&mut pass, &self.pipelines, &Load::default())?;
            }
        }
        self.gpu.seconds(encoder).await
    }
}
