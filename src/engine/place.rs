//! Where a model runs: the choice of a device, and the memory that is taken there before a weight is fetched.

use super::options::{Backend, LoadOptions};
use crate::cpu::{CpuRunner, CpuStore, CpuWeight, Threads};
use crate::gguf::Header;
use crate::gpu::{Gpu, GpuOptions, GpuRunner, GpuStore, GpuWeight, KvBuffers};
use crate::model::{self, Config, Incoming, KvShape, KvType, Phase, Progress, Room, Runner, WeightStore};
use crate::{Control, Result};

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
    Cpu { room: Room<CpuWeight>, kv: KvShape, kv_type: KvType, threads: Threads },
}

impl Place {
    pub fn on_cpu(header: &Header, config: &Config, kv: KvShape, options: &LoadOptions) -> Result<Place> {
        let threads = Threads::new(options.threads)?;
        let room = model::allocate(header, config, &mut CpuStore)?;
        Ok(Place::Cpu { room, kv, kv_type: options.kv_type, threads })
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
            Place::Cpu { room, kv, kv_type, threads } => {
                let store = &mut CpuStore;
                let model = model::fill(config, room, header, incoming, store, progress, control).await?;
                Ok(Box::new(CpuRunner::new(model, kv, kv_type, threads)))
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
