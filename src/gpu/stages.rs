//! The stages of a step: from its tokens to the last block's result, from there to states and logits, and the sampler.

use super::Gpu;
use super::buffer::Buffer;
use super::kernel::Pipelines;
use super::pace::Submits;
use super::plan::{Load, Plan};
use super::sampler::SamplerStage;
use super::step::StepBuffers;
use crate::model::{Output, OutputKind, Step};
use crate::{Control, Error, Result};

pub(super) struct Stages {
    pub step: StepBuffers,
    pub pipelines: Pipelines,
    /// From tokens to the last block's result, one plan for each class of row counts.
    pub bodies: Vec<Plan>,
    /// The same for steps with adapters.
    pub adapted: Vec<Plan>,
    /// From there to the logits of the outputs, one for each class of output counts.
    pub tails: Vec<Plan>,
    /// From there to the states of the outputs and no further.
    pub states: Vec<Plan>,
    pub sampler: SamplerStage,
}

/// The part of a step that is computed before its buffers are written again.
pub(super) struct Share<'a> {
    /// The step, if its blocks are to be computed.
    pub step: Option<&'a Step>,
    /// Outputs of the step before, whose tokens are those of its rows.
    pub before: &'a [Output],
    pub outputs: &'a [Output],
}

impl Stages {
    /// Outputs that can be computed together.
    pub(super) fn most_outputs(&self) -> usize {
        self.tails.last().map_or(1, |tail| tail.most)
    }

    /// The least rows that are computed by the plan for many.
    pub(super) fn prefill_rows(&self) -> usize {
        self.bodies.iter().rev().nth(1).map_or(1, |few| few.most + 1)
    }

    /// Computes a share and has what it reads copied to word `at` of `staging`; in one submit, if that is a short one.
    /// Returns how many words.
    pub(super) async fn submit(
        &mut self,
        submits: &mut Submits<'_>,
        share: &Share<'_>,
        staging: &Buffer,
        at: usize,
        control: &dyn Control,
    ) -> Result<usize> {
        let gpu = submits.gpu();
        if !share.outputs.is_empty() {
            self.step.write_outputs(gpu, share.outputs);
            self.sampler.write(gpu, share.outputs);
        }
        let mut encoder = encoder(gpu);
        self.sampler.feed(&mut encoder, share.before, &self.step.rows);
        let mut piece = Piece::new(encoder);
        for (plan, load) in self.plans(share)? {
            let mut next = 0;
            while next < plan.dispatches() {
                let (end, products) = plan.fit(next, &load, piece.products, submits.room());
                plan.encode_some(&mut piece.pass, &self.pipelines, &load, next..end)?;
                (next, piece.products) = (end, products);
                if next < plan.dispatches() {
                    let Piece { pass, encoder, products } =
                        std::mem::replace(&mut piece, Piece::new(self::encoder(gpu)));
                    drop(pass);
                    submits.piece(encoder, products, control).await?;
                }
            }
        }
        if !share.outputs.is_empty() {
            self.sampler.encode(&mut piece.pass, &self.pipelines)?;
        }
        let Piece { pass, mut encoder, products } = piece;
        drop(pass);
        let words = self.sampler.copy(&mut encoder, share.outputs, staging, at);
        submits.submit(encoder, products);
        Ok(words)
    }

    /// The plans that compute a share.
    fn plans(&self, share: &Share) -> Result<impl Iterator<Item = (&Plan, Load)>> {
        let body = match share.step {
            Some(step) => {
                let positions = step.rows.iter().map(|row| u64::from(row.position) + 1).sum();
                let rows = step.rows.len();
                let bodies = if step.adapters.is_empty() { &self.bodies } else { &self.adapted };
                Some((class(bodies, rows)?, Load { rows: rows as u32, outputs: 0, positions }))
            }
            None => None,
        };
        let outputs = share.outputs;
        let behind = |plans, any: bool| {
            let load = Load { outputs: outputs.len() as u32, ..Load::default() };
            any.then(|| Ok((class(plans, outputs.len())?, load))).transpose()
        };
        let is_state = |output: &Output| output.kind == OutputKind::State;
        let states = behind(&self.states, outputs.iter().any(is_state))?;
        let tail = behind(&self.tails, !outputs.iter().all(is_state))?;
        Ok(body.into_iter().chain(states).chain(tail))
    }
}

/// What goes into one submit.
struct Piece {
    pass: wgpu::ComputePass<'static>,
    encoder: wgpu::CommandEncoder,
    products: f64,
}

impl Piece {
    /// A piece that goes on in `encoder`, whose pass is dropped before it is finished.
    fn new(mut encoder: wgpu::CommandEncoder) -> Piece {
        let pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default()).forget_lifetime();
        Piece { pass, encoder, products: 0.0 }
    }
}

fn encoder(gpu: &Gpu) -> wgpu::CommandEncoder {
    gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default())
}

/// The smallest plan that serves `n` rows.
pub(super) fn class(plans: &[Plan], n: usize) -> Result<&Plan> {
    plans
        .iter()
        .find(|plan| plan.most >= n)
        .ok_or_else(|| Error::Internal(format!("no plan serves {n} rows")))
}
