//! What a model needs, from its header alone, and whether there is room for it where it would run.
//!
//! The numbers are not estimates. On the GPU the code that allocates runs on a device that only counts buffers; on the
//! CPU the model's equations run on tensors that have only sizes.

use super::info::quantization;
use super::options::{Backend, LoadOptions, chat_template, context_length, kv_shape, max_batch};
use super::place::{Target, gpu};
use crate::cpu::{CpuNeed, CpuRunner};
use crate::gguf::Header;
use crate::gpu::{Gpu, GpuRunner, GpuStore};
use crate::model::{Config, Incoming, KvShape, KvType, outline};
use crate::source::ModelBytes;
use crate::tokenizer::Tokenizer;
use crate::{Control, Error, Result, checkpoint};
use serde::Serialize;

/// What a model needs and what there is.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LoadPlan {
    pub model: PlannedModel,
    /// "webgpu" or "wasm".
    pub backend: &'static str,
    pub adapter: String,
    /// Tokens that the plan is for.
    pub context_length: usize,
    pub max_batch: usize,
    pub memory: PlannedMemory,
    pub limits: PlanLimits,
    pub verdict: Verdict,
    /// The longest context that fits, where a shorter one than planned does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fitting_context_length: Option<usize>,
    /// The arithmetic, in sentences.
    pub reasons: Vec<String>,
}

/// What the file says of itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedModel {
    pub name: String,
    pub architecture: String,
    pub quantization: String,
    /// Number of weights.
    pub parameters: u64,
    /// Tokens that it was trained for.
    pub context_length: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// Of all files.
    pub bytes: u64,
    pub parts: usize,
}

/// Bytes: on the GPU, or in the memory of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedMemory {
    pub weights: u64,
    /// With every position in use.
    pub kv_cache: u64,
    /// What a step works in; on the CPU also the vocabulary.
    pub scratch: u64,
    pub total: u64,
}

impl PlannedMemory {
    fn new(weights: u64, kv_cache: u64, scratch: u64) -> PlannedMemory {
        PlannedMemory { weights, kv_cache, scratch, total: weights + kv_cache + scratch }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanLimits {
    /// Bytes of one allocation.
    pub buffer_bytes: u64,
    /// Bytes of it that one shader can see.
    pub binding_bytes: u64,
    /// Bytes of the whole memory of a WebAssembly program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heap_bytes: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Fits,
    FitsWithSmallerContext,
    DoesNotFit,
}

impl LoadPlan {
    /// Plans a load: reads the headers of the model's files, and opens the device that it would run on.
    pub async fn new(
        bytes: &dyn ModelBytes,
        options: &LoadOptions,
        control: &dyn Control,
    ) -> Result<LoadPlan> {
        let (header, incoming) = Incoming::headers(bytes).await?;
        checkpoint(control).await?;
        let config = Config::from_header(&header)?.with_adapters(&header, &options.beside())?;
        // Fail early with what would end the load anyway.
        Tokenizer::from_metadata(&header.metadata)?;
        chat_template(&header, options)?;
        Ok(Planner::new(&header, &config, &incoming, options)?.choose().await?.1)
    }

    /// The error for a load that cannot succeed.
    pub(super) fn check(&self) -> Result<()> {
        let why = || self.reasons.join(" ").trim_end_matches('.').to_string();
        match (self.verdict, self.fitting_context_length) {
            (Verdict::Fits, _) => Ok(()),
            (_, Some(fitting)) => {
                Err(Error::OutOfMemory(format!("{}. A context length of {fitting} would fit", why())))
            }
            (_, None) => Err(Error::OutOfMemory(why())),
        }
    }
}

/// A load whose needs are counted.
pub(super) struct Planner<'a> {
    header: &'a Header,
    config: &'a Config,
    options: &'a LoadOptions,
    kv: KvShape,
    model: PlannedModel,
    context: usize,
    max_batch: usize,
}

impl<'a> Planner<'a> {
    pub fn new(
        header: &'a Header,
        config: &'a Config,
        incoming: &Incoming,
        options: &'a LoadOptions,
    ) -> Result<Planner<'a>> {
        let bytes = incoming.total().unwrap_or_else(|| header.bytes());
        Planner::of_files(header, config, (bytes, incoming.parts()), options)
    }

    fn of_files(
        header: &'a Header,
        config: &'a Config,
        (bytes, parts): (u64, usize),
        options: &'a LoadOptions,
    ) -> Result<Planner<'a>> {
        let context = context_length(options, config)?;
        let text = |key: &str| header.metadata.str(key).map(str::to_string);
        let model = PlannedModel {
            name: text("general.name").unwrap_or_else(|| "unnamed".into()),
            architecture: config.architecture.name.into(),
            quantization: quantization(header),
            parameters: header.tensors.iter().map(|t| t.elements()).sum(),
            context_length: config.context_length,
            license: text("general.license"),
            bytes,
            parts,
        };
        let (kv, max_batch) = (kv_shape(config, context), max_batch(options)?);
        Ok(Planner { header, config, options, kv, model, context, max_batch })
    }

    /// Chooses where the model runs, with the plan for it. With the backend `auto`, a model that does not fit on the
    /// GPU runs on the CPU.
    pub async fn choose(&self) -> Result<(Target, LoadPlan)> {
        match self.attempt().await {
            Err(Error::DeviceLost(reason)) => {
                log::warn!("the GPU device was lost while the load was planned: {reason}");
                self.attempt().await
            }
            chosen => chosen,
        }
    }

    async fn attempt(&self) -> Result<(Target, LoadPlan)> {
        let Some(gpu) = gpu(self.options).await? else { return Ok((Target::Cpu, self.on_cpu()?)) };
        let plan = self.on_gpu(&gpu).await?;
        if plan.verdict == Verdict::Fits || self.options.backend != Backend::Auto {
            return Ok((Target::Gpu(Box::new(gpu)), plan));
        }
        match self.instead(&plan.reasons.join(" "))? {
            Some(plan) => Ok((Target::Cpu, plan)),
            None => Ok((Target::Gpu(Box::new(gpu)), plan)),
        }
    }

    /// The plan for the CPU, if the model fits there, where the GPU has no room for it.
    pub fn instead(&self, why: &str) -> Result<Option<LoadPlan>> {
        let mut plan = self.on_cpu()?;
        if plan.verdict != Verdict::Fits {
            return Ok(None);
        }
        log::warn!("running on the CPU, since the GPU has no room: {why}");
        plan.reasons.insert(0, format!("It runs on the CPU, since the GPU has no room for it. {why}"));
        Ok(Some(plan))
    }

    async fn on_gpu(&self, gpu: &Gpu) -> Result<LoadPlan> {
        let (buffer_bytes, binding_bytes) = gpu.buffer_limits();
        let longest = gpu.longest_context(&self.kv);
        let kv_type = self.options.kv_type;
        let (memory, refusal) = match self.rehearse(gpu, longest).await {
            Ok(memory) => (memory, None),
            Err(Error::OutOfMemory(why)) => {
                (PlannedMemory::new(self.stored(), self.kv.bytes(kv_type), 0), Some(why))
            }
            Err(other) => return Err(other),
        };
        let most = buffer_bytes.min(binding_bytes);
        let (buffers, largest) = gpu.kv_buffers(&self.kv);
        let PlannedMemory { weights, kv_cache, scratch, total } = memory;
        let mut reasons = vec![
            format!(
                "The weights take {} on the GPU, in buffers of at most {}.",
                mib(weights),
                mib(gpu.weight_limit())
            ),
            format!(
                "{} = {}, in {buffers} buffers of at most {}, where this adapter's hold {}: enough for {longest} positions.",
                self.cache(),
                mib(kv_cache),
                mib(largest),
                mib(most)
            ),
        ];
        let (verdict, fitting) = match (refusal, self.fit(longest)) {
            (Some(why), _) => {
                reasons.push(format!("It cannot be held: {why}."));
                (Verdict::DoesNotFit, None)
            }
            (None, fit) => {
                reasons.push(format!(
                    "What a step works in takes {}, so that all is {}.",
                    mib(scratch),
                    mib(total)
                ));
                fit
            }
        };
        if verdict == Verdict::Fits {
            reasons.push(
                "WebGPU does not say how much memory a GPU has: whether that much is free turns out when it is taken, \
                 which is before any weight is fetched."
                    .into(),
            );
        }
        let limits = PlanLimits { buffer_bytes, binding_bytes, heap_bytes: None };
        Ok(self.plan("webgpu", gpu.adapter_name(), memory, limits, (verdict, fitting), reasons))
    }

    /// The bytes of all buffers, with a cache that can be held.
    async fn rehearse(&self, gpu: &Gpu, longest: usize) -> Result<PlannedMemory> {
        let gpu = gpu.rehearsal();
        let model = outline(self.header, self.config, &mut GpuStore::new(&gpu))?;
        let weights = gpu.bytes();
        let held = kv_shape(self.config, self.context.min(longest.max(self.kv.block_len)));
        let total = GpuRunner::rehearse(&gpu, &model, held).await?;
        let kv_type = self.options.kv_type;
        let scratch = total - weights - held.bytes(kv_type);
        Ok(PlannedMemory::new(weights, self.kv.bytes(kv_type), scratch))
    }

    pub fn on_cpu(&self) -> Result<LoadPlan> {
        self.in_heap(HEAP)
    }

    /// The plan for the CPU, in a program that can have `heap` bytes of memory where there is a limit.
    fn in_heap(&self, heap: Option<u64>) -> Result<LoadPlan> {
        let kv_type = self.options.kv_type;
        let CpuNeed { weights, kv, activations } = CpuNeed::of(self.header, self.config, self.kv, kv_type)?;
        let weights = weights + self.config.adapters.bytes();
        let vocabulary = Tokenizer::memory(&self.header.metadata);
        let passing = self.header.metadata.memory() + PIECES;
        // Memory that only the load needs is free again before the cache is allocated.
        let scratch = vocabulary + activations.max(passing.saturating_sub(kv));
        let memory = PlannedMemory::new(weights, kv, scratch);
        let mut reasons = vec![
            format!("The weights take {} of memory.", mib(weights)),
            format!("{} = {}, made as it is used.", self.cache(), mib(kv)),
            format!(
                "The vocabulary ({}) and what a step, or before it the load, works in bring it to {}.",
                mib(vocabulary),
                mib(memory.total)
            ),
        ];
        let verdict = match heap {
            Some(heap) => {
                reasons.push(format!(
                    "A WebAssembly program has {} at most, {} of which are kept for the program itself.",
                    mib(heap),
                    mib(PROGRAM)
                ));
                let rest = (heap - PROGRAM).saturating_sub(weights + scratch);
                self.fit(positions(&self.kv, kv_type, rest))
            }
            None => (Verdict::Fits, None),
        };
        let one = isize::MAX as u64;
        let limits = PlanLimits { buffer_bytes: one, binding_bytes: one, heap_bytes: heap };
        Ok(self.plan("wasm", CpuRunner::adapter(), memory, limits, verdict, reasons))
    }

    /// Whether the context fits where there is room for `longest` positions.
    fn fit(&self, longest: usize) -> (Verdict, Option<usize>) {
        match longest {
            0 => (Verdict::DoesNotFit, None),
            _ if self.kv.slots() <= longest => (Verdict::Fits, None),
            _ => (Verdict::FitsWithSmallerContext, Some(longest)),
        }
    }

    fn plan(
        &self,
        backend: &'static str,
        adapter: String,
        memory: PlannedMemory,
        limits: PlanLimits,
        (verdict, fitting_context_length): (Verdict, Option<usize>),
        reasons: Vec<String>,
    ) -> LoadPlan {
        LoadPlan {
            model: self.model.clone(),
            backend,
            adapter,
            context_length: self.context,
            max_batch: self.max_batch,
            memory,
            limits,
            verdict,
            fitting_context_length,
            reasons,
        }
    }

    /// The size of the KV cache as a product.
    fn cache(&self) -> String {
        let KvShape { layers, kv_heads, head_dim, .. } = self.kv;
        format!(
            "The KV cache takes 2 × {layers} layers × {kv_heads} heads × {head_dim} × {} bytes × {} positions",
            self.options.kv_type.bytes(),
            self.kv.slots()
        )
    }

    /// Bytes of the weights as the file stores them.
    fn stored(&self) -> u64 {
        self.header.tensors.iter().filter_map(|tensor| tensor.bytes().ok()).sum()
    }
}

/// The memory that a WebAssembly program with addresses of 32 bits can have.
const HEAP: Option<u64> = if cfg!(target_arch = "wasm32") { Some(4 << 30) } else { None };

/// The part of it that the program's data, its stack and fragmentation take.
const PROGRAM: u64 = 64 << 20;

/// Pieces of the file that are in memory at a time.
const PIECES: u64 = 12 << 20;

/// Positions of a cache that take at most `bytes`, in whole blocks.
fn positions(kv: &KvShape, kv_type: KvType, bytes: u64) -> usize {
    let each = 2 * kv.layers as u64 * kv.position_bytes(kv_type);
    let positions = usize::try_from(bytes / each.max(1)).unwrap_or(usize::MAX);
    positions / kv.block_len * kv.block_len
}

fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gguf::{Value, Writer};
    use crate::quant::BlockType;

    const MIB: u64 = 1 << 20;

    /// The header of a model with the layers of Llama 3.2 3B, `layers` of them, and a vocabulary of a few tokens.
    fn header(layers: u64, block_type: BlockType) -> Header {
        let (d, kv, mlp, vocab) = (3072, 1024, 8192, 4096);
        let mut w = Writer::default();
        w.set("general.architecture", Value::String("llama".into()));
        for (key, n) in [
            ("context_length", 131_072),
            ("embedding_length", d),
            ("block_count", layers),
            ("feed_forward_length", mlp),
            ("attention.head_count", 24),
            ("attention.head_count_kv", 8),
        ] {
            w.set(&format!("llama.{key}"), Value::Unsigned(n));
        }
        w.tensor("token_embd.weight", &[d, vocab], block_type);
        w.tensor("output_norm.weight", &[d], BlockType::F32);
        for layer in 0..layers {
            for (part, dims) in [
                ("attn_norm", vec![d]),
                ("attn_q", vec![d, d]),
                ("attn_k", vec![d, kv]),
                ("attn_v", vec![d, kv]),
                ("attn_output", vec![d, d]),
                ("ffn_norm", vec![d]),
                ("ffn_gate", vec![d, mlp]),
                ("ffn_up", vec![d, mlp]),
                ("ffn_down", vec![mlp, d]),
            ] {
                let block_type = if dims.len() == 1 { BlockType::F32 } else { block_type };
                w.tensor(&format!("blk.{layer}.{part}.weight"), &dims, block_type);
            }
        }
        Header::parse(&w.header()).unwrap().unwrap()
    }

    fn plan(header: &Header, context: usize, heap: u64) -> LoadPlan {
        let config = Config::from_header(header).unwrap();
        let options = LoadOptions { context_length: Some(context), ..Default::default() };
        Planner::of_files(header, &config, (header.bytes(), 1), &options)
            .unwrap()
            .in_heap(Some(heap))
            .unwrap()
    }

    #[test]
    fn the_heap_of_a_page_holds_so_much() {
        const HEAP: u64 = 4096 * MIB;
        let table = [
            // A position takes 112 KiB.
            (28, BlockType::Q4_K, 8192, Verdict::Fits),
            (28, BlockType::Q4_K, 131_072, Verdict::FitsWithSmallerContext),
            (28, BlockType::Q8_0, 16_384, Verdict::FitsWithSmallerContext),
            (28, BlockType::F16, 16, Verdict::DoesNotFit),
        ];
        for (layers, block_type, context, verdict) in table {
            let header = header(layers, block_type);
            let made = plan(&header, context, HEAP);
            assert_eq!(made.verdict, verdict, "{block_type:?}, {context}: {:?}", made.reasons);
            assert_eq!(made.limits.heap_bytes, Some(HEAP));
            assert_eq!(made.check().is_ok(), verdict == Verdict::Fits);
            assert_eq!(made.memory.kv_cache / MIB, (context as u64 * 112) >> 10);
            if let Some(fitting) = made.fitting_context_length {
                assert!(fitting.is_multiple_of(16) && fitting < context);
                assert_eq!(plan(&header, fitting, HEAP).verdict, Verdict::Fits);
                assert_eq!(plan(&header, fitting + 16, HEAP).fitting_context_length, Some(fitting));
                let said = made.check().unwrap_err().to_string();
                assert!(said.contains(&format!("A context length of {fitting} would fit")), "{said}");
            }
        }
    }

    #[test]
    fn the_sentences_show_the_arithmetic() {
        let reasons = plan(&header(28, BlockType::Q4_K), 8192, 4096 * MIB).reasons.join(" ");
        let product = "2 × 28 layers × 8 heads × 128 × 2 bytes × 8192 positions = 896.0 MiB";
        assert!(reasons.contains(product), "{reasons}");
        assert!(
            reasons.contains("A WebAssembly program has 4096.0 MiB at most, 64.0 MiB of which"),
            "{reasons}"
        );
    }
}
