//! Keeps a model on a device: puts it there, and on another one when that is lost.

use super::losses::{Losses, Verdict};
use super::options::{Backend, LoadOptions};
use super::place::{Place, Target, request, wants};
use super::plan::Planner;
use super::recovery::{Recovery, RecoveryPhase};
use crate::gguf::{Header, TensorInfo};
use crate::gpu::Gpu;
use crate::model::{Config, Incoming, KvShape, Progress, Runner};
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
    /// A fingerprint of the file, to recognize it when it is read again.
    tensors: Vec<TensorInfo>,
    /// The device that the model is on.
    gpu: RefCell<Option<Gpu>>,
    losses: RefCell<Losses>,
    /// Why the last device was lost.
    reason: RefCell<String>,
    /// Whether the GPU is no longer tried.
    on_cpu: Cell<bool>,
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
            on_cpu: Cell::new(false),
        }
    }

    /// The model's files.
    pub fn bytes(&self) -> &Rc<dyn ModelBytes> {
        &self.bytes
    }

    /// The device that the model is on, if it is on a GPU.
    pub fn gpu(&self) -> Option<Gpu> {
        self.gpu.borrow().clone()
    }

    /// Puts the model where it is to run, from `incoming`, of which only the header was read.
    pub async fn first(
        &self,
        target: Target,
        header: &Header,
        planner: &Planner<'_>,
        incoming: &mut Incoming<'_>,
        progress: &mut dyn FnMut(Progress),
        control: &dyn Control,
    ) -> Result<Box<dyn Runner>> {
        let placed = async {
            let place = match self.place(target, header).await {
                // WebGPU reports allocations that failed only now.
                Err(Error::OutOfMemory(why)) if self.options.backend == Backend::Auto => {
                    planner.instead(&why)?.ok_or(Error::OutOfMemory(why))?;
                    self.place(Target::Cpu, header).await?
                }
                place => place?,
            };
            place.fill(header, &self.config, incoming, progress, control).await
        };
        match placed.await {
            Err(Error::DeviceLost(reason)) => {
                self.lost(reason);
                let runner = self.again(progress, control).await?;
                self.recovered();
                Ok(runner)
            }
            placed => placed,
        }
    }

    /// Allocates what the model needs.
    async fn place(&self, target: Target, header: &Header) -> Result<Place> {
        let (config, kv) = (&self.config, self.kv);
        self.gpu.take();
        match target {
            Target::Cpu => Place::on_cpu(header, config, kv, &self.options),
            Target::Gpu(gpu) => {
                self.gpu.replace(Some((*gpu).clone()));
                Place::on_gpu(&gpu, header, config, kv).await
            }
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

    /// Marks the model that [`Keeper::again`] has loaded as the one in use.
    pub fn recovered(&self) {
        let fallback = self.on_cpu.get();
        self.report(if fallback { RecoveryPhase::Fallback } else { RecoveryPhase::Recovered });
    }

    /// Whether the model is on the GPU, on whatever device.
    pub fn is_on_gpu(&self) -> bool {
        !self.on_cpu.get()
    }

    fn report(&self, phase: RecoveryPhase) {
        let event = Recovery {
            phase,
            reason: self.reason.borrow().clone(),
            losses: self.losses.borrow().count(),
            backend: if self.on_cpu.get() { "wasm" } else { "webgpu" },
        };
        if let Some(on_recovery) = &self.options.on_recovery {
            on_recovery.tell(&event);
        }
    }

    /// Loads the model again after [`Keeper::lost`]: on a new device, or on the CPU after repeated losses.
    pub async fn again(
        &self,
        progress: &mut dyn FnMut(Progress),
        control: &dyn Control,
    ) -> Result<Box<dyn Runner>> {
        loop {
            let verdict = self.losses.borrow_mut().verdict(Instant::now());
            match verdict {
                Verdict::GiveUp => return self.fall_back(progress, control).await,
                Verdict::Again(delay) => rest(delay, control).await?,
            }
            match self.place_again(progress, control).await {
                Ok(Some(runner)) => return Ok(runner),
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
        let gpu = request(&self.options).await?;
        if !wants(&self.options, &gpu) {
            return Ok(None);
        }
        let (header, mut incoming) = self.open().await?;
        let placed = async {
            let place = self.place(Target::Gpu(Box::new(gpu)), &header).await?;
            place.fill(&header, &self.config, &mut incoming, progress, control).await
        };
        let placed = placed.await;
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
    ) -> Result<Box<dyn Runner>> {
        let (header, mut incoming) = self.open().await?;
        let plan = Planner::new(&header, &self.config, &incoming, &self.options)?.on_cpu()?;
        plan.check().map_err(|error| match error {
            Error::OutOfMemory(why) => {
                let (losses, reason) = (self.losses.borrow().count(), self.reason.borrow().clone());
                Error::DeviceLost(format!(
                    "{losses} times, at last because {reason}; and the CPU cannot take over: {why}"
                ))
            }
            other => other,
        })?;
        let place = self.place(Target::Cpu, &header).await?;
        let runner = place.fill(&header, &self.config, &mut incoming, progress, control).await?;
        self.on_cpu.set(true);
        Ok(runner)
    }

    /// Reads the model's bytes again, if the file is unchanged.
    async fn open(&self) -> Result<(Header, Incoming<'_>)> {
        let (header, incoming) = Incoming::headers(&*self.bytes).await?;
        let mut config = Config::from_header(&header)?.for_context(self.kv.slots());
        // Those stay in memory.
        config.adapters = self.config.adapters.clone();
        if config != self.config || header.tensors != self.tensors {
            return Err(Error::Source(
                "it is another file than the one that was loaded. Load the model again".into(),
            ));
        }
        Ok((header, incoming))
    }
}

/// Waits before a retry, and gives up early when no call waits any more.
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
