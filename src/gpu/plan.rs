//! A plan: the dispatches of a step, ready to be encoded for any number of rows up to its class.

use super::Gpu;
use super::buffer::Buffer;
use super::kernel::{Access, PipelineId, Pipelines};
use super::record::Per;
use super::scratch::{Scratch, Slot};
use crate::{Error, Result};
use std::ops::Range;

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
    Buffer { buffer: Buffer, offset: u64, size: Option<u64> },
}

impl Operand {
    pub(super) fn whole(buffer: &Buffer) -> Operand {
        Operand::Buffer { buffer: buffer.clone(), offset: 0, size: None }
    }
}

/// Products that a dispatch makes, as far as they take time: what maps and attention do.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Products {
    /// For each row of the step, or for each output.
    pub row: u64,
    /// For each position that a row looks at.
    pub position: u64,
}

/// What is computed of a plan.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Load {
    pub rows: u32,
    pub outputs: u32,
    /// Positions that the rows look at, all together.
    pub positions: u64,
}

impl Load {
    fn products(&self, products: Products) -> f64 {
        // A plan serves either rows or outputs.
        u64::from(self.rows + self.outputs) as f64 * products.row as f64
            + self.positions as f64 * products.position as f64
    }
}

/// A dispatch before its buffers exist.
pub(super) struct Draft {
    pub pipeline: PipelineId,
    pub operands: Vec<(u32, Access, Operand)>,
    pub grid: [Extent; 3],
    pub products: Products,
}

struct Dispatch {
    pipeline: PipelineId,
    bind_group: wgpu::BindGroup,
    grid: [Extent; 3],
    products: Products,
}

/// A flat list of dispatches.
pub(super) struct Plan {
    /// The most rows (or outputs) that it serves.
    pub most: usize,
    dispatches: Vec<Dispatch>,
    /// The bound buffers: a bind group alone does not keep them alive.
    _held: Vec<Buffer>,
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
        let mut held: Vec<Buffer> = Vec::new();
        for (_, _, operand) in drafts.iter().flat_map(|draft| &draft.operands) {
            let buffer = match operand {
                Operand::Slot(slot) => scratch.buffer(*slot),
                Operand::Buffer { buffer, .. } => buffer,
            };
            if !held.contains(buffer) {
                held.push(buffer.clone());
            }
        }
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
            Dispatch { pipeline: draft.pipeline, bind_group, grid: draft.grid, products: draft.products }
        });
        Plan { most, dispatches: dispatches.collect(), _held: held }
    }

    pub(super) fn dispatches(&self) -> usize {
        self.dispatches.len()
    }

    /// The pipeline of each dispatch, in order.
    pub(super) fn pipelines(&self) -> impl Iterator<Item = PipelineId> {
        self.dispatches.iter().map(|dispatch| dispatch.pipeline)
    }

    /// The most products that a dispatch makes for a row.
    pub(super) fn largest(&self) -> u64 {
        self.dispatches.iter().map(|dispatch| dispatch.products.row).max().unwrap_or(0)
    }

    /// Where to end a submit that has `products` so far and continues with dispatch `first`, and the products that it
    /// has then: no more than `room`, or a single dispatch.
    pub(super) fn fit(&self, first: usize, load: &Load, mut products: f64, room: f64) -> (usize, f64) {
        for (i, dispatch) in self.dispatches.iter().enumerate().skip(first) {
            let more = load.products(dispatch.products);
            if products > 0.0 && products + more > room {
                return (i, products);
            }
            products += more;
        }
        (self.dispatches.len(), products)
    }

    /// All dispatches.
    pub(super) fn encode(
        &self,
        pass: &mut wgpu::ComputePass,
        pipelines: &Pipelines,
        load: &Load,
    ) -> Result<()> {
        self.encode_some(pass, pipelines, load, 0..self.dispatches.len())
    }

    pub(super) fn encode_some(
        &self,
        pass: &mut wgpu::ComputePass,
        pipelines: &Pipelines,
        load: &Load,
        which: Range<usize>,
    ) -> Result<()> {
        for dispatch in self.dispatches.get(which).unwrap_or(&[]) {
            let pipeline = pipelines
                .get(dispatch.pipeline)
                .ok_or_else(|| Error::Internal("a pipeline is not compiled".into()))?;
            let [x, y, z] = dispatch.grid.map(|extent| extent.of(load.rows, load.outputs));
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
