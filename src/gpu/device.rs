//! Finding an adapter, opening a device on it, and saying what it is.

use super::buffer::{Buffer, Live};
use super::decide::{Capabilities, Kernels, PACKED_FROM, multiplies_bytes};
use super::fault::{Fault, translate};
#[cfg(not(target_arch = "wasm32"))]
use super::poller::Poller;
use crate::model::KvType;
use crate::{Error, Result};
use futures::FutureExt;
use futures::future::LocalBoxFuture;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use wgpu::Features;

/// How a device is opened.
#[derive(Debug, Clone, Default)]
pub struct GpuOptions {
    /// Capabilities to leave unused though the adapter has them: "subgroups", "f16", "dp4a".
    pub disable: Vec<String>,
    /// How the KV cache is kept.
    pub kv_type: KvType,
    /// Ask for WebGPU's default limits instead of the adapter's own: what the smallest browser would give.
    pub default_limits: bool,
}

/// Bytes of a buffer that stands for a larger one.
const LEAST_BUFFER: u64 = 16;

/// The result of an error scope, on its way.
pub(super) type Scope = LocalBoxFuture<'static, Option<Error>>;

/// An open device.
#[derive(Clone)]
pub struct Gpu {
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    pub(super) capabilities: Capabilities,
    pub(super) limits: wgpu::Limits,
    pub(super) kv_type: KvType,
    /// Whether ops are fused (see [`super::fuse`]).
    pub(super) fuses: bool,
    /// Products that a submit may have, where that is not left to the adapter's pace.
    pub(super) submit: Option<f64>,
    /// Whether buffers are only counted (see [`Gpu::rehearsal`]).
    pub(super) rehearses: bool,
    name: String,
    pub(super) fault: Fault,
    /// The buffers made with [`Gpu::buffer`].
    live: Live,
    /// Answers not yet waited for, whether there was room for a buffer.
    deferred: Rc<RefCell<Vec<Scope>>>,
    /// Dropped before the poller, whose thread then finds a device without work.
    _open: Rc<Open>,
    #[cfg(not(target_arch = "wasm32"))]
    poller: Arc<Poller>,
}

/// A device that somebody holds. Its end gives back all that the browser or the driver keeps for it.
struct Open {
    device: wgpu::Device,
    fault: Fault,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.fault.close();
        self.device.destroy();
    }
}

/// The WebGPU instance. Natively there is one for the process, and it is never closed: its end unloads the driver, and
/// NVIDIA's then crashes every thread that has used it, when the thread ends.
fn instance() -> wgpu::Instance {
    let open = || {
        let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
        descriptor.flags = wgpu::InstanceFlags::empty();
        wgpu::Instance::new(descriptor)
    };
    #[cfg(target_arch = "wasm32")]
    return open();
    #[cfg(not(target_arch = "wasm32"))]
    {
        static INSTANCE: std::sync::OnceLock<wgpu::Instance> = std::sync::OnceLock::new();
        INSTANCE.get_or_init(open).clone()
    }
}

impl Gpu {
    /// Opens the best adapter: natively the fastest, in a browser the one it chooses.
    pub async fn request(options: &GpuOptions) -> Result<Gpu> {
        // Without WebGPU (an old browser, a Node process) wgpu panics; this function returns an error.
        #[cfg(target_arch = "wasm32")]
        if !wgpu::util::is_browser_webgpu_supported().await {
            return Err(Error::NoGpu("this browser offers no WebGPU adapter".into()));
        }
        let instance = instance();
        let adapter = instance
            .request_adapter(&wgpu::RequestAdapterOptions {
                power_preference: wgpu::PowerPreference::HighPerformance,
                ..Default::default()
            })
            .await
            .map_err(|e| Error::NoGpu(e.to_string()))?;
        Gpu::open(&adapter, packed_products(&instance), options).await
    }

    async fn open(adapter: &wgpu::Adapter, packed_products: bool, options: &GpuOptions) -> Result<Gpu> {
        let enabled = |name: &str| !options.disable.iter().any(|d| d == name);
        let mut features = Features::empty();
        for (name, feature) in [("f16", Features::SHADER_F16), ("subgroups", Features::SUBGROUP)] {
            if enabled(name) {
                features |= adapter.features() & feature;
            }
        }
        let limits = if options.default_limits { wgpu::Limits::default() } else { adapter.limits() };
        let (device, queue) = adapter
            .request_device(&wgpu::DeviceDescriptor {
                label: Some("lunette"),
                required_features: features,
                required_limits: limits.clone(),
                ..Default::default()
            })
            .await
            .map_err(|e| Error::NoGpu(e.to_string()))?;

        let fault = Fault::new();
        device.set_device_lost_callback({
            let fault = fault.clone();
            move |reason, message| {
                let destroyed = matches!(reason, wgpu::DeviceLostReason::Destroyed);
                fault.lose(lost(reason, &message), destroyed)
            }
        });
        device.on_uncaptured_error({
            let fault = fault.clone();
            Arc::new(move |error: wgpu::Error| fault.set(translate(&error, "the GPU")))
        });

        let Facts { name, vendor, software, subgroups } = facts(adapter, &device);
        let packs = packed_products && multiplies_bytes(&vendor) && !software && enabled("dp4a");
        let capabilities = Capabilities {
            software,
            kernels: if software { Kernels::Independent } else { Kernels::Cooperative },
            subgroups: subgroups.filter(|_| enabled("subgroups")),
            f16: features.contains(Features::SHADER_F16),
            packed_from: packs.then_some(PACKED_FROM),
        };
        Ok(Gpu {
            #[cfg(not(target_arch = "wasm32"))]
            poller: Arc::new(Poller::new(device.clone()).map_err(|e| Error::NoGpu(e.to_string()))?),
            _open: Rc::new(Open { device: device.clone(), fault: fault.clone() }),
            device,
            queue,
            capabilities,
            limits,
            kv_type: options.kv_type,
            fuses: true,
            submit: None,
            rehearses: false,
            name,
            fault,
            live: Live::default(),
            deferred: Rc::default(),
        })
    }

    /// Uses a family of kernels whatever the adapter is.
    pub fn with_kernels(mut self, kernels: Kernels) -> Gpu {
        self.capabilities.kernels = kernels;
        self
    }

    /// Multiplies packed bytes wherever a kernel can, whatever the adapter is and however small the map.
    pub fn with_packed_products(mut self) -> Gpu {
        self.capabilities.packed_from = Some(0);
        self
    }

    /// Uses a dispatch for each op, as recorded: to test that nothing depends on their fusion.
    pub fn without_fusion(mut self) -> Gpu {
        self.fuses = false;
        self
    }

    /// Cuts steps into submits of at most so many products, however fast the adapter is: to test that nothing depends on
    /// where they are cut.
    pub fn with_submits_of(mut self, products: f64) -> Gpu {
        self.submit = Some(products);
        self
    }

    /// As if the adapter's buffers held no more than `bytes`.
    pub fn with_buffer_limit(mut self, bytes: u64) -> Gpu {
        self.limits.max_buffer_size = self.limits.max_buffer_size.min(bytes);
        self
    }

    /// The same device for planning: what is allocated on it is counted as it would be, and takes no memory.
    pub fn rehearsal(&self) -> Gpu {
        Gpu { rehearses: true, live: Live::default(), deferred: Rc::default(), ..self.clone() }
    }

    /// Bytes that a buffer may have, and bytes that a shader may see of it.
    pub fn buffer_limits(&self) -> (u64, u64) {
        (self.limits.max_buffer_size, self.limits.max_storage_buffer_binding_size)
    }

    /// Bytes that a buffer may have where a shader sees all of it.
    pub(super) fn most_bytes(&self) -> u64 {
        self.limits.max_storage_buffer_binding_size.min(self.limits.max_buffer_size)
    }

    /// Whether the adapter is a program on the CPU (lavapipe, SwiftShader, WARP): slower than WebAssembly with SIMD.
    pub fn is_software(&self) -> bool {
        self.capabilities.software
    }

    pub fn adapter_name(&self) -> String {
        self.name.clone()
    }

    /// Names of the capabilities in use: of "dp4a" a model's maps decide (see [`super::GpuRunner`]).
    pub fn capabilities(&self) -> Vec<String> {
        let Capabilities { subgroups, f16, .. } = self.capabilities;
        [("subgroups", subgroups.is_some()), ("f16", f16)]
            .iter()
            .filter(|(_, used)| *used)
            .map(|(name, _)| name.to_string())
            .collect()
    }

    /// Bytes of the buffers that there are on the device.
    pub fn bytes(&self) -> u64 {
        self.live.bytes()
    }

    /// The number of these buffers.
    pub fn buffers(&self) -> u64 {
        self.live.buffers()
    }

    /// The fault that befell the device since it was opened, if any.
    pub fn check(&self) -> Result<()> {
        self.deferred.borrow_mut().retain_mut(|scope| match scope.now_or_never() {
            Some(answer) => {
                answer.into_iter().for_each(|error| self.fault.set(error));
                false
            }
            None => true,
        });
        self.fault.check()
    }

    /// Leaves a scope's answer to a later [`Gpu::check`] or [`Gpu::settle`].
    pub(super) fn defer(&self, scope: Scope) {
        self.deferred.borrow_mut().push(scope);
    }

    /// Waits for all answers that were deferred.
    pub(super) async fn settle(&self) -> Result<()> {
        let scopes = std::mem::take(&mut *self.deferred.borrow_mut());
        for scope in scopes {
            self.answered(scope).await?.into_iter().for_each(|error| self.fault.set(error));
        }
        self.fault.check()
    }

    /// Whether the device was lost because somebody destroyed it, and not because of a fault of its own.
    pub fn was_destroyed(&self) -> bool {
        self.fault.was_destroyed()
    }

    /// Gives the device up; every later call fails with [`Error::DeviceLost`].
    pub fn destroy(&self) {
        self.fault.lose("it was given up".into(), true);
        self.device.destroy();
    }

    /// A storage buffer of `bytes`, and the future that says whether there was room for it.
    pub(super) fn buffer(&self, what: &str, bytes: u64, usage: wgpu::BufferUsages) -> (Buffer, Scope) {
        let (mib, most) = (bytes.div_ceil(1 << 20), self.most_bytes());
        let what = format!("{what} ({mib} MiB)");
        if self.rehearses || bytes > most {
            // A device may report a failed allocation later, or never.
            let held = most >> 20;
            let error = (bytes > most).then(|| {
                Error::OutOfMemory(format!("{what} has no place in this adapter's buffers of {held} MiB"))
            });
            let raw = self.raw_buffer(&what, bytes.min(LEAST_BUFFER), usage);
            return (Buffer::new(raw, bytes, &self.live), Box::pin(std::future::ready(error)));
        }
        let memory = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let validation = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let buffer = self.raw_buffer(&what, bytes, usage);
        let (validation, memory) = (validation.pop(), memory.pop());
        let buffer = Buffer::new(buffer, bytes, &self.live);
        let scope = async move {
            let error = match memory.await {
                Some(error) => Some(error),
                None => validation.await,
            };
            error.map(|e| translate(&e, &what))
        };
        (buffer, Box::pin(scope))
    }

    fn raw_buffer(&self, what: &str, bytes: u64, usage: wgpu::BufferUsages) -> wgpu::Buffer {
        self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(what),
            size: bytes,
            usage,
            mapped_at_creation: false,
        })
    }

    /// As [`Gpu::buffer`], having waited for the answer.
    pub(super) async fn buffer_checked(
        &self,
        what: &str,
        bytes: u64,
        usage: wgpu::BufferUsages,
    ) -> Result<Buffer> {
        let (buffer, scope) = self.buffer(what, bytes, usage);
        match self.answered(scope).await? {
            Some(error) => Err(error),
            None => Ok(buffer),
        }
    }

    /// Polls the device until the work submitted so far is done; a browser does that by itself.
    pub(super) fn wake(&self) {
        #[cfg(not(target_arch = "wasm32"))]
        self.poller.wake();
    }
}

fn lost(reason: wgpu::DeviceLostReason, message: &str) -> String {
    match message {
        "" => format!("{reason:?}"),
        _ => message.to_string(),
    }
}

/// Whether shaders may call `dot4I8Packed`.
#[cfg(not(target_arch = "wasm32"))]
fn packed_products(instance: &wgpu::Instance) -> bool {
    instance.wgsl_language_features().contains(wgpu::WgslLanguageFeatures::Packed4x8IntegerDotProduct)
}

/// The same, asked of the browser itself: wgpu throws where a browser is too old to know of such features.
#[cfg(target_arch = "wasm32")]
fn packed_products(_: &wgpu::Instance) -> bool {
    use wasm_bindgen::{JsCast, JsValue};
    use wgpu::web_sys::js_sys::{Reflect, Set, global};
    let get = |of: JsValue, key: &str| Reflect::get(&of, &key.into()).ok().filter(JsValue::is_object);
    let path = ["navigator", "gpu", "wgslLanguageFeatures"];
    let features = path.into_iter().try_fold(JsValue::from(global()), get);
    features.is_some_and(|f| f.unchecked_ref::<Set>().has(&"packed_4x8_integer_dot_product".into()))
}

/// What is known of an adapter.
struct Facts {
    name: String,
    /// As browsers call it, or empty.
    vendor: String,
    /// It is a program on the CPU.
    software: bool,
    /// Where shaders may use subgroups.
    subgroups: Option<(u32, u32)>,
}

#[cfg(not(target_arch = "wasm32"))]
fn facts(adapter: &wgpu::Adapter, device: &wgpu::Device) -> Facts {
    let info = adapter.get_info();
    let software = info.device_type == wgpu::DeviceType::Cpu || is_software_name(&info.name);
    let subgroups = device
        .features()
        .contains(Features::SUBGROUP)
        .then_some((info.subgroup_min_size, info.subgroup_max_size));
    // Numbers that the PCI group gives out.
    let vendor = match info.vendor {
        0x10de => "nvidia",
        0x1002 => "amd",
        0x8086 => "intel",
        _ => "",
    };
    Facts { name: info.name, vendor: vendor.into(), software, subgroups }
}

/// The same from the browser's own objects, of which wgpu passes on only a part.
#[cfg(target_arch = "wasm32")]
fn facts(adapter: &wgpu::Adapter, device: &wgpu::Device) -> Facts {
    use wgpu::web_sys::js_sys::Reflect;
    let info = adapter.get_info();
    let js = device.as_webgpu().map(wasm_bindgen::JsValue::from);
    let get = |of: &wasm_bindgen::JsValue, key: &str| Reflect::get(of, &key.into()).ok();
    let described = js.as_ref().and_then(|device| get(device, "adapterInfo"));
    let field = |key: &str| {
        described.as_ref().and_then(|d| get(d, key)).and_then(|v| v.as_string()).unwrap_or_default()
    };
    let words: Vec<String> = ["vendor", "architecture", "device", "description"]
        .map(field)
        .into_iter()
        .filter(|w| !w.is_empty())
        .collect();
    let name = if words.is_empty() { "WebGPU adapter".to_string() } else { words.join(" ") };
    let fallback =
        described.as_ref().and_then(|d| get(d, "isFallbackAdapter")).is_some_and(|v| v.is_truthy());
    let software = fallback || info.device_type == wgpu::DeviceType::Cpu || is_software_name(&name);
    let subgroups = device.as_webgpu().is_some_and(|d| d.features().has("subgroups"));
    let sizes = (info.subgroup_min_size.max(4), info.subgroup_max_size.clamp(4, 128));
    Facts { name, vendor: field("vendor"), software, subgroups: subgroups.then_some(sizes) }
}

fn is_software_name(name: &str) -> bool {
    let name = name.to_lowercase();
    ["swiftshader", "llvmpipe", "lavapipe", "softpipe", "basic render driver", "warp"]
        .iter()
        .any(|s| name.contains(s))
}

#[cfg(test)]
mod tests {
    use super::is_software_name;

    #[test]
    fn software_adapters_are_known_by_name() {
        for name in
            ["llvmpipe (LLVM 15.0.6, 256 bits)", "google swiftshader", "SwiftShader Device (LLVM 10.0.0)"]
        {
            assert!(is_software_name(name), "{name}");
        }
        for name in ["NVIDIA H100", "apple metal-3", "AMD Radeon RX 7900 XTX (RADV NAVI31)", "intel gen-12lp"]
        {
            assert!(!is_software_name(name), "{name}");
        }
    }
}
