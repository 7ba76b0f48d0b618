//! Keeps a model on a device: puts it there, and on another one when that is lost.

use super::load::{Backend, LoadOptions};
use super::losses::{Losses, Verdict};
use super::recovery::{OnRecovery, Recovery, RecoveryPhase};
use crate::cpu::{CpuRunner, CpuStore};
use crate::gguf::{Header, TensorInfo};
use crate::gpu::{Gpu, GpuOptions, GpuRunner, GpuStore};
use crate::model::{self, Config, Incoming, KvShape, Phase, Progress, Runner};
use crate::source::ModelBytes;
use crate::{Control, Error, Result, checkpoint};
use futures_timer::Delay;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;
use web_time::Instant;

pub(super) struct Keeper {
    bytes: Rc<dyn ModelBytes>,
    options: LoadOptions,
    config: Config,
    kv: KvShape,
    /// What the file holds, to know it again.
    tensors: Vec<TensorInfo>,
    /// The device that the model is on.
    gpu: RefCell<Option<Gpu>>,
    losses: RefCell<Losses>,
    /// Why the last device was lost.
    reason: RefCell<String>,
    tell: RefCell<Option<OnRecovery>>,
    /// Whether the GPU was given up.
    on_cpu: Cell<bool>,
}

/// A runner in place of one whose device was lost.
pub(super) struct Replacement {
    pub runner: Box<dyn Runner>,
    /// Whether it is of the same kind, and so computes the same bits.
    pub alike: bool,
}

impl Keeper {
    pub fn new(
        bytes: Rc<dyn ModelBytes>,
        options: &LoadOptions,
        header: &Header,
        config: &Config,
        kv: KvShape,
    ) -> Keeper {
        Keeper {
            bytes,
            options: options.clone(),
            config: config.clone(),
            kv,
            tensors: header.tensors.clone(),
            gpu: RefCell::default(),
            losses: RefCell::default(),
            reason: RefCell::default(),
            tell: RefCell::default(),
            on_cpu: Cell::new(false),
        }
    }

    /// Whom to tell of losses.
    pub fn tell(&self, tell: OnRecovery) {
        self.tell.replace(Some(tell));
    }

    /// The model's files.
    pub fn bytes(&self) -> &Rc<dyn ModelBytes> {
        &self.bytes
    }

    /// The device that the model is on, if it is on a GPU.
    pub fn gpu(&self) -> Option<Gpu> {
        self.gpu.borrow().clone()
    }

    /// Puts the model on a device, from `incoming`, of which only the header was read.
    pub async fn first(
        &self,
        header: &Header,
        incoming: &mut Incoming<'_>,
        progress: &mut dyn FnMut(Progress),
        control: &dyn Control,
    ) -> Result<Box<dyn Runner>> {
        let placed = match self.find_gpu().await? {
            Some(gpu) => self.onto_gpu(gpu, header, incoming, progress, control).await,
            None => self.onto_cpu(header, incoming, progress, control).await,
        };
        match placed {
            Err(Error::DeviceLost(reason)) => {
                self.lost(reason);
                Ok(self.again(progress, control).await?.runner)
            }
            placed => placed,
        }
    }

    /// Notes that the device was lost.
    pub fn lost(&self, reason: String) {
        let destroyed = self.gpu.take().is_some_and(|gpu| gpu.was_destroyed());
        self.losses.borrow_mut().note(Instant::now(), destroyed);
        log::warn!("the GPU device was lost: {reason}");
        self.reason.replace(reason);
        self.report(RecoveryPhase::Lost);
    }

    fn report(&self, phase: RecoveryPhase) {
        let event = Recovery {
            phase,
            reason: self.reason.borrow().clone(),
            losses: self.losses.borrow().count(),
            backend: if self.on_cpu.get() { "wasm" } else { "webgpu" },
        };
        if let Some(tell) = &*self.tell.borrow() {
            tell(&event);
        }
    }

    /// Puts the model on a device again, after [`Keeper::lost`]: on a new one, or on the CPU where that repeats.
    pub async fn again(
        &self,
        progress: &mut dyn FnMut(Progress),
        control: &dyn Control,
    ) -> Result<Replacement> {
        loop {
            let verdict = self.losses.borrow_mut().verdict(Instant::now());
            match verdict {
                Verdict::GiveUp => return self.fall_back(progress, control).await,
                Verdict::Again(delay) => rest(delay, control).await?,
            }
            match self.place_again(progress, control).await {
                Ok(Some(runner)) => {
                    self.report(RecoveryPhase::Recovered);
                    return Ok(Replacement { runner, alike: true });
                }
                Ok(None) => return self.fall_back(progress, control).await,
                Err(Error::DeviceLost(reason) | Error::NoGpu(reason) | Error::OutOfMemory(reason)) => {
                    self.lost(reason);
                }
                Err(other) => return Err(other),
            }
        }
    }

    /// On a new device; `None` where there is none that is wanted.
    async fn place_again(
        &self,
        progress: &mut dyn FnMut(Progress),
        control: &dyn Control,
    ) -> Result<Option<Box<dyn Runner>>> {
        let gpu = self.request_gpu().await?;
        if !self.wants(&gpu) {
            return Ok(None);
        }
        let (header, mut incoming) = self.open().await?;
        let placed = self.onto_gpu(gpu, &header, &mut incoming, progress, control).await;
        if !matches!(placed, Ok(_) | Err(Error::DeviceLost(_))) {
            // What is there of it is given back.
            self.gpu.take();
        }
        placed.map(Some)
    }

    async fn fall_back(
        &self,
        progress: &mut dyn FnMut(Progress),
        control: &dyn Control,
    ) -> Result<Replacement> {
        if let Err(why) = self.fits_cpu() {
            let (losses, reason) = (self.losses.borrow().count(), self.reason.borrow().clone());
            return Err(Error::DeviceLost(format!("{losses} times, at last because {reason}; {why}")));
        }
        let (header, mut incoming) = self.open().await?;
        let runner = self.onto_cpu(&header, &mut incoming, progress, control).await?;
        self.on_cpu.set(true);
        self.report(RecoveryPhase::Fallback);
        Ok(Replacement { runner, alike: false })
    }

    /// The model's bytes once more, if they are still the same.
    async fn open(&self) -> Result<(Header, Incoming<'_>)> {
        let (header, incoming) = Incoming::headers(&*self.bytes).await?;
        if Config::from_header(&header)? != self.config || header.tensors != self.tensors {
            return Err(Error::Source(
                "it is another file than the one that was loaded. Load the model again".into(),
            ));
        }
        Ok((header, incoming))
    }

    /// Whether the weights and the cache fit into the memory of a WebAssembly module.
    fn fits_cpu(&self) -> Result<(), String> {
        let weights: u64 = self.tensors.iter().filter_map(|tensor| tensor.bytes().ok()).sum();
        let cache = 2 * (self.kv.layers * self.kv.layer_len() * self.options.kv_type.bytes()) as u64;
        fits_heap(weights, cache, if cfg!(target_pointer_width = "32") { HEAP_BYTES } else { u64::MAX })
    }

    /// The GPU to run on, or `None` for the CPU.
    async fn find_gpu(&self) -> Result<Option<Gpu>> {
        if self.options.backend == Backend::Wasm {
            return Ok(None);
        }
        match (self.request_gpu().await, self.options.backend) {
            (Ok(gpu), _) => Ok(Some(gpu).filter(|gpu| self.wants(gpu))),
            (Err(why), Backend::Auto) => {
                log::info!("running on the CPU: {why}");
                Ok(None)
            }
            (Err(why), _) => Err(why),
        }
    }

    async fn request_gpu(&self) -> Result<Gpu> {
        let LoadOptions { disable, kv_type, .. } = &self.options;
        Gpu::request(&GpuOptions { disable: disable.clone(), kv_type: *kv_type, default_limits: false }).await
    }

    /// Whether a GPU is better than the CPU, or was asked for.
    fn wants(&self, gpu: &Gpu) -> bool {
        let wants = self.options.backend == Backend::Webgpu || !gpu.is_software();
        if !wants {
            log::info!("{} is a software adapter: running on the CPU instead", gpu.adapter_name());
        }
        wants
    }

    async fn onto_cpu(
        &self,
        header: &Header,
        incoming: &mut Incoming<'_>,
        progress: &mut dyn FnMut(Progress),
        control: &dyn Control,
    ) -> Result<Box<dyn Runner>> {
        let mut store = CpuStore;
        let model = model::load(header, &self.config, incoming, &mut store, progress, control).await?;
        Ok(Box::new(CpuRunner::new(model, self.kv, self.options.kv_type)))
    }

    async fn onto_gpu(
        &self,
        gpu: Gpu,
        header: &Header,
        incoming: &mut Incoming<'_>,
        progress: &mut dyn FnMut(Progress),
        control: &dyn Control,
    ) -> Result<Box<dyn Runner>> {
        gpu.check_kv(&self.kv)?;
        self.gpu.replace(Some(gpu.clone()));
        let mut store = GpuStore::new(&gpu);
        let model = model::load(header, &self.config, incoming, &mut store, progress, control).await?;
        let mut compiled =
            |loaded, total| progress(Progress { phase: Phase::Compile, loaded, total: Some(total) });
        Ok(Box::new(GpuRunner::new(gpu, model, self.kv, &mut compiled).await?))
    }
}

/// What a module can address.
const HEAP_BYTES: u64 = 4 << 30;

fn fits_heap(weights: u64, cache: u64, heap: u64) -> Result<(), String> {
    // For activations, the vocabulary, and what the calls themselves hold.
    const REST: u64 = 256 << 20;
    let needed = weights.saturating_add(cache).saturating_add(REST);
    if needed <= heap {
        return Ok(());
    }
    Err(format!(
        "the CPU cannot take over, since the model needs {} MiB of memory there and WebAssembly has {} MiB",
        needed >> 20,
        heap >> 20
    ))
}

/// Waits, and looks now and then whether anybody still does.
async fn rest(mut left: Duration, control: &dyn Control) -> Result<()> {
    const NAP: Duration = Duration::from_millis(50);
    checkpoint(control).await?;
    while !left.is_zero() {
        let nap = left.min(NAP);
        Delay::new(nap).await;
        left -= nap;
        checkpoint(control).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::fits_heap;

    #[test]
    fn the_cpu_takes_over_what_fits_into_the_heap() {
        let heap = super::HEAP_BYTES;
        // SmolLM2-135M and Llama-3.1-8B, both in four bits, with 8192 positions.
        assert_eq!(fits_heap(95 << 20, 180 << 20, heap), Ok(()));
        let why = fits_heap(4693 << 20, 1024 << 20, heap).unwrap_err();
        assert!(why.contains("5973 MiB") && why.contains("4096 MiB"), "{why}");
        assert_eq!(fits_heap(4693 << 20, 1024 << 20, u64::MAX), Ok(()));
    }
}
