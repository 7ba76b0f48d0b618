use super::cache::Cache;
use super::keeper::Keeper;
use super::plan::Planner;
use super::recovery::OnRecovery;
use super::schedule::{Limits, Scheduler};
use super::{Engine, ModelInfo};
use crate::cpu::{CpuRunner, CpuStore, CpuWeight};
use crate::gguf::Header;
use crate::gpu::{Gpu, GpuOptions, GpuRunner, GpuStore, GpuWeight, KvBuffers};
use crate::model::{self, Config, Incoming, KvShape, KvType, Phase, Progress, Room, Runner, WeightStore};
use crate::source::ModelBytes;
use crate::tokenizer::{ChatTemplate, Date, Tokenizer};
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
    /// A Jinja template in place of the file's own, or for a file without one.
    pub chat_template: Option<String>,
    /// The day that chat templates may print, as `YYYY-MM-DD`. Where not given it is always the same, so that verdicts repeat.
    pub date: Option<String>,
    /// Who is told when the device is lost, from the load on, and when the model runs again.
    #[serde(skip)]
    pub on_recovery: Option<OnRecovery>,
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
        let planner = Planner::new(&header, &config, &incoming, options)?;
        let (target, plan) = planner.choose().await?;
        plan.check()?;
        let tokenizer = Rc::new(Tokenizer::from_metadata(&header.metadata)?);
        let chat = chat_template(&header, options)?;
        let (context, max_batch) = (plan.context_length, plan.max_batch);
        let kv = kv_shape(&config, context);
        let keeper = Keeper::new(bytes.clone(), options, &header, &config, kv);
        let runner = keeper.first(target, &header, &planner, &mut incoming, progress, control).await?;
        let info = ModelInfo::new(&header, context, tokenizer.vocabulary_size(), runner.backend());
        progress(Progress { phase: Phase::Ready, loaded: incoming.loaded(), total: incoming.total() });
        drop(incoming);
        let limits = Limits { batch: max_batch, capacity: kv.slots(), steps_ahead: options.steps_ahead };
        let cache = Rc::new(RefCell::new(Cache::new(&kv, runner.idle_blocks())));
        Ok(Engine {
            scheduler: Scheduler::new(runner, keeper, cache.clone(), limits),
            cache,
            config,
            tokenizer,
            chat,
            info,
            compiler: Default::default(),
        })
    }
}

/// The template that is asked for, else the file's.
pub(super) fn chat_template(header: &Header, options: &LoadOptions) -> Result<Option<ChatTemplate>> {
    let date = options.date.as_deref().map_or_else(|| Ok(Date::default()), Date::parse)?;
    match &options.chat_template {
        Some(source) => ChatTemplate::new(source, date).map(Some),
        None => ChatTemplate::from_metadata(&header.metadata, date),
    }
}

/// A cache for `context` positions.
pub(super) fn kv_shape(config: &Config, context: usize) -> KvShape {
    KvShape {
        layers: config.layers,
        kv_heads: config.kv_heads,
        head_dim: config.head_dim,
        block_len: BLOCK_LEN,
        blocks: context.div_ceil(BLOCK_LEN),
    }
}

pub(super) fn max_batch(options: &LoadOptions) -> Result<usize> {
    match options.max_batch.unwrap_or(DEFAULT_BATCH) {
        n @ 1..=MAX_BATCH => Ok(n),
        n => Err(Error::InvalidArgument(format!("`maxBatch` is {n}; it can be 1 to {MAX_BATCH}"))),
    }
}

pub(super) fn context_length(options: &LoadOptions, config: &Config) -> Result<usize> {
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
pub(super) async fn gpu(options: &LoadOptions) -> Result<Option<Gpu>> {
    if options.backend == Backend::Wasm {
        return Ok(None);
    }
    match (request(options).await, options.backend) {
        (Ok(gpu), _) => Ok(Some(gpu).filter(|gpu| wants(options, gpu))),
        (Err(why), Backend::Auto) => {
            log::info!("running on the CPU: {why}");
            Ok(None)
        }
        (Err(why), _) => Err(why),
    }
}

pub(super) async fn request(options: &LoadOptions) -> Result<Gpu> {
    let LoadOptions { disable, kv_type, .. } = options;
    Gpu::request(&GpuOptions { disable: disable.clone(), kv_type: *kv_type, default_limits: false }).await
}

/// Whether a GPU is better than the CPU, or was asked for.
pub(super) fn wants(options: &LoadOptions, gpu: &Gpu) -> bool {
    let wants = options.backend == Backend::Webgpu || !gpu.is_software();
    if !wants {
        log::info!("{} is a software adapter: running on the CPU instead", gpu.adapter_name());
    }
    wants
}

/// Where a model is to run.
pub(super) enum Target {
    Gpu(Box<Gpu>),
    Cpu,
}

/// Everything large that a model needs on a backend, allocated before anything of it is fetched.
pub(super) enum Place {
    Gpu { store: Box<GpuStore>, room: Room<GpuWeight>, cache: KvBuffers },
    Cpu { room: Room<CpuWeight>, kv: KvShape, kv_type: KvType },
}

impl Place {
    pub fn on_cpu(header: &Header, config: &Config, kv: KvShape, kv_type: KvType) -> Result<Place> {
        Ok(Place::Cpu { room: model::allocate(header, config, &mut CpuStore)?, kv, kv_type })
    }

    pub async fn on_gpu(gpu: &Gpu, header: &Header, config: &Config, kv: KvShape) -> Result<Place> {
        let mut store = Box::new(GpuStore::new(gpu));
        let room = model::allocate(header, config, &mut *store)?;
        let cache = KvBuffers::new(gpu, kv).await?;
        store.settle().await?;
        Ok(Place::Gpu { store, room, cache })
    }

    /// Streams the weights there.
    pub async fn fill(
        self,
        header: &Header,
        config: &Config,
        incoming: &mut Incoming<'_>,
        progress: &mut dyn FnMut(Progress),
        control: &dyn Control,
    ) -> Result<Box<dyn Runner>> {
        match self {
            Place::Cpu { room, kv, kv_type } => {
                let store = &mut CpuStore;
                let model = model::fill(config, room, header, incoming, store, progress, control).await?;
                Ok(Box::new(CpuRunner::new(model, kv, kv_type)))
            }
            Place::Gpu { mut store, room, cache } => {
                let model =
                    model::fill(config, room, header, incoming, &mut *store, progress, control).await?;
                let mut compiled =
                    |loaded, total| progress(Progress { phase: Phase::Compile, loaded, total: Some(total) });
                Ok(Box::new(GpuRunner::with_cache(store.gpu(), model, cache, &mut compiled).await?))
            }
        }
    }
}
