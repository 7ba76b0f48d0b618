//! The sampler: tokens are drawn and log-probabilities gathered where the logits are, so that a few words come back and not
//! the vocabulary.

use super::Gpu;
use super::buffer::Buffer;
use super::decide::{self, DRAW_LANES, SamplerKernel};
use super::kernel::{Access, Kernel, Pipelines};
use super::plan::{Draft, Extent, Load, Operand, Plan, Products};
use super::scratch::Scratch;
use crate::Result;
use crate::model::{Draw, MOST_GATHERED, MOST_TOP, Output, OutputKind, Reading, Sampled, not_numbers};

/// The kernels that read, and the buffers that say what and hold the answers.
pub(super) struct SamplerStage {
    vocab: usize,
    width: usize,
    /// The number of outputs, and of tokens gathered.
    count: Buffer,
    requests: Buffer,
    wanted: Buffer,
    logits: Buffer,
    states: Buffer,
    results: Buffer,
    pieces: Plan,
    sample: Plan,
    gather: Plan,
    /// What goes into `requests` and `wanted`.
    host: (Vec<SamplerRequest>, Vec<[u32; 4]>),
}

/// As in `shaders/sampler_request.wgsl`.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct SamplerRequest {
    kind: u32,
    out: u32,
    sharpness: f32,
    top_k: u32,
    top_p: f32,
    min_p: f32,
    random: u32,
    top: u32,
}

const REQUESTS_NOTHING: u32 = 0;
const REQUESTS_TOKEN: u32 = 1;

/// Stands in the results where a row holds no numbers.
const UNSOUND: u32 = u32::MAX;

impl SamplerStage {
    /// For at most `most` rows at a time of `logits` `[n, vocab]` and of `states` `[n, width]`.
    pub(super) async fn new(
        gpu: &Gpu,
        pipelines: &mut Pipelines,
        (logits, vocab): (&Buffer, usize),
        (states, width): (&Buffer, usize),
        most: usize,
    ) -> Result<SamplerStage> {
        use wgpu::BufferUsages as Usage;
        let written = Usage::STORAGE | Usage::COPY_DST;
        let kernel = decide::sampler(&gpu.capabilities);
        let words = most * MOST_GATHERED.max(2 + 2 * MOST_TOP);
        let buffer = |words: usize, usage| gpu.buffer_checked("sampler", words as u64 * 4, usage);
        let count = buffer(4, Usage::UNIFORM | Usage::COPY_DST).await?;
        let requests = buffer(most * size_of::<SamplerRequest>() / 4, written).await?;
        let wanted = buffer(most * MOST_GATHERED * 4, written).await?;
        let parts = buffer(most * kernel.pieces * 4, Usage::STORAGE).await?;
        let results = buffer(words, Usage::STORAGE | Usage::COPY_SRC).await?;

        let mut plan = |kernel: Kernel, buffers: &[(Access, &Buffer)], grid| {
            let bound = buffers.iter().zip(0..);
            let operands: Vec<_> =
                bound.map(|((access, buffer), at)| (at, *access, Operand::whole(buffer))).collect();
            let bindings = operands.iter().map(|(at, access, _)| (*at, *access)).collect();
            let draft = Draft {
                pipeline: pipelines.add(kernel, bindings),
                operands,
                grid,
                products: Products::default(),
            };
            Plan::link(gpu, pipelines, &Scratch::default(), most, vec![draft])
        };
        use Access::{Read, Uniform, Write};
        let SamplerKernel { pieces, lanes, barrier } = kernel;
        let new = |shader| Kernel::new(shader).set("VOCAB", vocab).set("PIECES", pieces);
        let one = Extent::Fixed(1);
        let (outputs, fixed) = (Extent::Outputs { each: 1 }, Extent::Fixed(pieces as u32));
        Ok(SamplerStage {
            pieces: plan(
                new("logit_partials").role("barrier", barrier).constant("LANES", lanes),
                &[(Uniform, &count), (Read, &requests), (Read, logits), (Write, &parts)],
                [fixed, outputs, one],
            ),
            sample: plan(
                new("sampler").constant("LANES", DRAW_LANES),
                &[(Uniform, &count), (Read, &requests), (Read, &parts), (Read, logits), (Write, &results)],
                [outputs, one, one],
            ),
            gather: plan(
                new("gather_logprobs"),
                &[
                    (Uniform, &count),
                    (Read, &requests),
                    (Read, &parts),
                    (Read, logits),
                    (Write, &results),
                    (Read, &wanted),
                ],
                [Extent::Rows { each: 64 }, one, one],
            ),
            vocab,
            width,
            count,
            requests,
            wanted,
            logits: logits.clone(),
            states: states.clone(),
            results,
            host: Default::default(),
        })
    }

    /// Says what is wanted of the rows of logits, one for each of `outputs`.
    pub(super) fn write(&mut self, gpu: &Gpu, outputs: &[Output]) {
        let (vocab, width) = (self.vocab, self.width);
        let (requests, wanted) = &mut self.host;
        requests.clear();
        wanted.clear();
        let mut out = 0;
        for (row, output) in (0..).zip(outputs) {
            requests.push(match &output.kind {
                OutputKind::Sample(draw) => request(draw, out, vocab),
                _ => SamplerRequest { kind: REQUESTS_NOTHING, ..bytemuck::Zeroable::zeroed() },
            });
            if let OutputKind::Gather(tokens) = &output.kind {
                wanted.extend(tokens.iter().zip(out..).map(|(&token, out)| [row, token, out, 0]));
            }
            out += if is_whole(output) { 0 } else { words(&output.kind, vocab, width) as u32 };
        }
        gpu.queue.write_buffer(&self.requests, 0, bytemuck::cast_slice(requests));
        if !wanted.is_empty() {
            gpu.queue.write_buffer(&self.wanted, 0, bytemuck::cast_slice(wanted));
        }
        let count = [requests.len() as u32, wanted.len() as u32, 0, 0];
        gpu.queue.write_buffer(&self.count, 0, bytemuck::cast_slice(&count));
    }

    /// Puts the tokens that `before` drew into `rows`, whose entries of four words begin with a token.
    pub(super) fn feed(&self, encoder: &mut wgpu::CommandEncoder, before: &[Output], rows: &Buffer) {
        let mut out = 0;
        for (row, output) in (0..).zip(before) {
            encoder.copy_buffer_to_buffer(&self.results, out, rows, row * 16, 4);
            out += self.words(&output.kind) as u64 * 4;
        }
    }

    /// Reads what was said to be wanted.
    pub(super) fn encode(&self, pass: &mut wgpu::ComputePass, pipelines: &Pipelines) -> Result<()> {
        let (requests, wanted) = &self.host;
        let load = Load { outputs: requests.len() as u32, ..Load::default() };
        let samples = requests.iter().any(|request| request.kind == REQUESTS_TOKEN);
        if samples || !wanted.is_empty() {
            self.pieces.encode(pass, pipelines, &load)?;
        }
        if samples {
            self.sample.encode(pass, pipelines, &load)?;
        }
        if !wanted.is_empty() {
            self.gather.encode(pass, pipelines, &Load { rows: wanted.len() as u32, ..Load::default() })?;
        }
        Ok(())
    }

    /// Copies the answers to word `at` of `staging`: first those that were read, then whole rows. Returns how many words.
    pub(super) fn copy(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        outputs: &[Output],
        staging: &Buffer,
        at: usize,
    ) -> usize {
        let read = outputs.iter().filter(|o| !is_whole(o)).map(|o| self.words(&o.kind)).sum();
        let mut copy = |from: &Buffer, first: usize, at: usize, count: usize| {
            encoder.copy_buffer_to_buffer(from, first as u64 * 4, staging, at as u64 * 4, count as u64 * 4);
        };
        if read > 0 {
            copy(&self.results, 0, at, read);
        }
        let mut end = at + read;
        for (row, output) in outputs.iter().enumerate() {
            let (from, cols) = match output.kind {
                OutputKind::Logits => (&self.logits, self.vocab),
                OutputKind::State => (&self.states, self.width),
                OutputKind::Gather(_) | OutputKind::Sample(_) => continue,
            };
            copy(from, row * cols, end, cols);
            end += cols;
        }
        end - at
    }

    /// Words that an answer takes.
    pub(super) fn words(&self, kind: &OutputKind) -> usize {
        words(kind, self.vocab, self.width)
    }

    /// The answers from the words that [`SamplerStage::copy`] left, of which it takes as many as it reads.
    pub(super) fn parse(&self, outputs: &[Output], words: &mut &[u32]) -> Result<Vec<Reading>> {
        let mut take = |count: usize| words.split_off(..count).unwrap_or(&[]);
        let read = outputs.iter().filter(|o| !is_whole(o));
        let read: Vec<&[u32]> = read.map(|o| take(self.words(&o.kind))).collect();
        let mut read = read.into_iter();
        let readings = outputs.iter().map(|output| match &output.kind {
            OutputKind::Logits => Ok(Reading::Logits(floats(take(self.vocab)))),
            OutputKind::State => Ok(Reading::State(floats(take(self.width)))),
            OutputKind::Gather(_) => gathered(read.next().unwrap_or(&[])),
            OutputKind::Sample(draw) => sampled(draw, read.next().unwrap_or(&[])),
        });
        readings.collect()
    }
}

/// Whether a row of a buffer comes back as it is.
fn is_whole(output: &Output) -> bool {
    matches!(output.kind, OutputKind::Logits | OutputKind::State)
}

fn words(kind: &OutputKind, vocab: usize, width: usize) -> usize {
    match kind {
        OutputKind::State => width,
        OutputKind::Logits => vocab,
        OutputKind::Gather(tokens) => tokens.len(),
        OutputKind::Sample(draw) => 2 + 2 * top(draw, vocab),
    }
}

fn request(draw: &Draw, out: u32, vocab: usize) -> SamplerRequest {
    SamplerRequest {
        kind: REQUESTS_TOKEN,
        out,
        sharpness: if draw.temperature == 0.0 { 0.0 } else { 1.0 / draw.temperature },
        top_k: draw.top_k.min(vocab) as u32,
        top_p: draw.top_p,
        min_p: draw.min_p,
        random: draw.random,
        top: top(draw, vocab) as u32,
    }
}

fn top(draw: &Draw, vocab: usize) -> usize {
    draw.logprobs.unwrap_or(0).min(vocab)
}

fn floats(words: &[u32]) -> Vec<f32> {
    words.iter().map(|word| f32::from_bits(*word)).collect()
}

fn gathered(words: &[u32]) -> Result<Reading> {
    if words.contains(&UNSOUND) { Err(not_numbers()) } else { Ok(Reading::Logprobs(floats(words))) }
}

fn sampled(draw: &Draw, words: &[u32]) -> Result<Reading> {
    match words {
        [UNSOUND, ..] | [] | [_] => Err(not_numbers()),
        [token, logprob, top @ ..] => Ok(Reading::Token(Sampled {
            token: *token,
            logprob: draw.logprobs.map(|_| f32::from_bits(*logprob)),
            top: top.chunks_exact(2).map(|pair| (pair[0], f32::from_bits(pair[1]))).collect(),
        })),
    }
}
