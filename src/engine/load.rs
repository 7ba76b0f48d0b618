use super::cache::Cache;
use super::schedule::Scheduler;
use super::{Engine, ModelInfo};
use crate::cpu::{CpuRunner, CpuStore};
use crate::gguf::Header;
use crate::gpu::{Gpu, GpuOptions, GpuRunner, GpuStore};
use crate::model::{self, Config, Incoming, KvShape, KvType, Phase, Progress, Runner};
use crate::source::ModelBytes;
use crate::tokenizer::{ChatTemplate, Tokenizer};
use crate::{Control, Error, Result};
use std::cell::RefCell;
use std::rc::Rc;

/// Where a model runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// WebGPU on a hardware adapter, else the CPU: a software adapter is slower than SIMD.
    #[default]
    Auto,
    Webgpu,
    Wasm,
}

#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct LoadOptions {
    pub backend: Backend,
    /// Capabilities that must not be used: "subgroups", "f16", "dp4a".
    pub disable: Vec<String>,
    /// Tokens that a sequence can hold; the model's own length or [`DEFAULT_CONTEXT`] where not given.
    pub context_length: Option<usize>,
    /// Sequences that one forward pass may compute; [`DEFAULT_BATCH`] where not given.
    pub max_batch: Option<usize>,
    /// How the KV cache is stored: half precision unless a test wants to know better.
    #[serde(skip)]
    pub kv_type: KvType,
    /// Steps that are computed before their tokens are looked at: what suits the adapter unless a test wants to know better.
    #[serde(skip)]
    pub steps_ahead: Option<usize>,
}

/// Longest context unless the caller asks for more: room for every published judge prompt, in affordable memory.
pub const DEFAULT_CONTEXT: usize = 8192;

/// Sequences in a forward pass unless the caller says otherwise.
pub const DEFAULT_BATCH: usize = 16;
const MAX_BATCH: usize = 64;

/// Positions in a block of the KV cache.
const BLOCK_LEN: usize = 16;

impl Engine {
    /// Loads a model from its bytes, which are read once from start to end (the headers of a split model's files twice).
    pub async fn load(
        bytes: Rc<dyn ModelBytes>,
        options: &LoadOptions,
        progress: &mut dyn FnMut(Progress),
        control: &dyn Control,
    ) -> Result<Engine> {
        let (header, mut incoming) = Incoming::headers(&*bytes).await?;
        let config = Config::from_header(&header)?;
        let tokenizer = Rc::new(Tokenizer::from_metadata(&header.metadata)?);
        let chat = ChatTemplate::from_metadata(&header.metadata)?;
        let context = context_length(options, &config)?;
        let kv = KvShape {
            layers: config.layers,
            kv_heads: config.kv_heads,
            head_dim: config.head_dim,
            block_len: BLOCK_LEN,
            blocks: context.div_ceil(BLOCK_LEN),
        };
        let mut source = Source {
            header: &header,
            config: &config,
            incoming: &mut incoming,
            progress,
            control,
            kv_type: options.kv_type,
        };
        let runner: Box<dyn Runner> = match gpu(options).await? {
            Some(gpu) => source.onto_gpu(gpu, kv).await?,
            None => source.onto_cpu(kv).await?,
        };
        let max_batch = match options.max_batch.unwrap_or(DEFAULT_BATCH) {
            n @ 1..=MAX_BATCH => n,
            n => {
                return Err(Error::InvalidArgument(format!("`maxBatch` is {n}; it can be 1 to {MAX_BATCH}")));
            }
        };
        let info = ModelInfo::new(&header, context, tokenizer.vocabulary_size(), runner.backend());
        progress(Progress { phase: Phase::Ready, loaded: incoming.loaded(), total: incoming.total() });
        drop(incoming);
        let capacity = kv.slots();
        let steps_ahead = options.steps_ahead.unwrap_or(runner.steps_ahead()).max(1);
        let cache = Rc::new(RefCell::new(Cache::new(&kv, runner.idle_blocks())));
        Ok(Engine {
            scheduler: Scheduler::new(runner, max_batch, capacity),
            cache,
            config,
            tokenizer,
            chat,
            info,
            steps_ahead,
            compiler: Default::default(),
            bytes,
            on_recovery: Default::default(),
        })
    }
}

fn context_length(options: &LoadOptions, config: &Config) -> Result<usize> {
    match options.context_length {
        None => Ok(config.context_length.min(DEFAULT_CONTEXT)),
        Some(n) if (1..=config.context_length).contains(&n) => Ok(n),
        Some(n) => Err(Error::InvalidArgument(format!(
            "`contextLength` is {n}; this model can be loaded with 1 to {}",
            config.context_length
        ))),
    }
}

/// The GPU to run on, or `None` for the CPU.
async fn gpu(options: &LoadOptions) -> Result<Option<Gpu>> {
    if options.backend == Backend::Wasm {
        return Ok(None);
    }
    let request =
        GpuOptions { disable: options.disable.clone(), kv_type: options.kv_type, default_limits: false };
    match (Gpu::request(&request).await, options.backend) {
        (Ok(gpu), Backend::Auto) if gpu.is_software() => {
            log::info!("{} is a software adapter: running on the CPU instead", gpu.adapter_name());
            Ok(None)
        }
        (Ok(gpu), _) => Ok(Some(gpu)),
        (Err(why), Backend::Auto) => {
            log::info!("running on the CPU: {why}");
            Ok(None)
        }
        (Err(why), _) => Err(why),
    }
}

/// A model on its way to a backend.
struct Source<'a, 'b> {
    header: &'a Header,
    config: &'a Config,
    incoming: &'a mut Incoming<'b>,
    progress: &'a mut dyn FnMut(Progress),
    control: &'a dyn Control,
    kv_type: KvType,
}

impl Source<'_, '_> {
    async fn onto_cpu(&mut self, kv: KvShape) -> Result<Box<dyn Runner>> {
        let mut store = CpuStore;
        let model =
            model::load(self.header, self.config, self.incoming, &mut store, self.progress, self.control)
                .await?;
        Ok(Box::new(CpuRunner::new(model, kv, self.kv_type)))
    }

    async fn onto_gpu(&mut self, gpu: Gpu, kv: KvShape) -> Result<Box<dyn Runner>> {
        gpu.check_kv(&kv)?;
        let mut store = GpuStore::new(&gpu);
        let model =
            model::load(self.header, self.config, self.incoming, &mut store, self.progress, self.control)
                .await?;
        let mut compiled =
            |loaded, total| (self.progress)(Progress { phase: Phase::Compile, loaded, total: Some(total) });
        Ok(Box::new(GpuRunner::new(gpu, model, kv, &mut compiled).await?))
    }
}
