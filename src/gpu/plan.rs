//! A plan: the dispatches of a step, ready to be encoded for any number of rows up to its class.

use super::Gpu;
use super::kernel::{Access, PipelineId, Pipelines};
use super::record::Per;
use super::scratch::{Scratch, Slot};
use crate::{Error, Result};

/// The extent of a grid in workgroups, as a function of the step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    Fixed(u32),
    /// One workgroup for `each` rows of the step.
    Rows {
        each: u32,
    },
    /// One workgroup for `each` of its outputs.
    Outputs {
        each: u32,
    },
}

impl Extent {
    pub(super) fn per(per: Per, each: usize) -> Extent {
        let each = each as u32;
        match per {
            Per::Row => Extent::Rows { each },
            Per::Output => Extent::Outputs { each },
        }
    }

    fn of(self, rows: u32, outputs: u32) -> u32 {
        match self {
            Extent::Fixed(n) => n,
            Extent::Rows { each } => rows.div_ceil(each),
            Extent::Outputs { each } => outputs.div_ceil(each),
        }
    }
}

/// What a dispatch binds: a slot of the scratch memory, or a range of a buffer.
#[derive(Clone)]
pub(super) enum Operand {
    Slot(Slot),
    Buffer { buffer: wgpu::Buffer, offset: u64, size: Option<u64> },
}

impl Operand {
    pub(super) fn whole(buffer: &wgpu::Buffer) -> Operand {
        Operand::Buffer { buffer: buffer.clone(), offset: 0, size: None }
    }
}

/// A dispatch before its buffers exist.
pub(super) struct Draft {
    pub pipeline: PipelineId,
    pub operands: Vec<(u32, Access, Operand)>,
    pub grid: [Extent; 3],
}

struct Dispatch {
    pipeline: PipelineId,
    bind_group: wgpu::BindGroup,
    grid: [Extent; 3],
}

/// A flat list of dispatches.
pub(super) struct Plan {
    /// The most rows (or outputs) that it serves.
    pub most: usize,
    dispatches: Vec<Dispatch>,
}

impl Plan {
    /// Binds the buffers of `drafts`, which exist now.
    pub(super) fn link(
        gpu: &Gpu,
        pipelines: &mut Pipelines,
        scratch: &Scratch,
        most: usize,
        drafts: Vec<Draft>,
    ) -> Plan {
        let dispatches = drafts.into_iter().map(|draft| {
            let entries: Vec<_> = draft
                .operands
                .iter()
                .map(|(binding, _, operand)| entry(*binding, operand, scratch))
                .collect();
            let bind_group = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: Some(pipelines.shader(draft.pipeline)),
                layout: &pipelines.bind_group_layout(draft.pipeline),
                entries: &entries,
            });
            Dispatch { pipeline: draft.pipeline, bind_group, grid: draft.grid }
        });
        Plan { most, dispatches: dispatches.collect() }
    }

    pub(super) fn dispatches(&self) -> usize {
        self.dispatches.len()
    }

    pub(super) fn encode(
        &self,
        pass: &mut wgpu::ComputePass,
        pipelines: &Pipelines,
        rows: u32,
        outputs: u32,
    ) -> Result<()> {
        for dispatch in &self.dispatches {
            let pipeline = pipelines
                .get(dispatch.pipeline)
                .ok_or_else(|| Error::Internal("a pipeline is not compiled".into()))?;
            let [x, y, z] = dispatch.grid.map(|extent| extent.of(rows, outputs));
            pass.set_pipeline(pipeline);
            pass.set_bind_group(0, &dispatch.bind_group, &[]);
            pass.dispatch_workgroups(x, y, z);
        }
        Ok(())
    }
}

fn entry<'a>(binding: u32, operand: &'a Operand, scratch: &'a Scratch) -> wgpu::BindGroupEntry<'a> {
    let resource = match operand {
        Operand::Slot(slot) => scratch.buffer(*slot).as_entire_binding(),
        Operand::Buffer { buffer, offset, size } => wgpu::BindingResource::Buffer(wgpu::BufferBinding {
            buffer,
            offset: *offset,
            size: size.and_then(std::num::NonZeroU64::new),
        }),
    };
    wgpu::BindGroupEntry { binding, resource }
}
