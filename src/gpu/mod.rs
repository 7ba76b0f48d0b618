//! The ops on WebGPU, natively and in a browser from the same code.
//!
//! A forward step is data. [`Recorder`] implements [`crate::model::Ops`] by writing down what the model does;
//! `fuse` rewrites patterns of it; `lower` turns that, once, into a flat list of dispatches (`plan::Plan`) over buffers
//! that live as long as the runner; [`decide`] chooses the kernel of each, as a pure function of shape, block type and
//! adapter. A step then writes a few small buffers (`step`), encodes the list, submits it (once, or in pieces where that would
//! keep the adapter busy for long: `pace`) and reads back what was asked for (`sampler`). Nothing blocks: every wait is a
//! future, and ends when the device is lost.

mod budget;
mod buffer;
pub mod decide;
mod device;
mod fault;
mod fuse;
mod grids;
mod kernel;
mod kv;
mod lower;
mod lower_attention;
mod pace;
mod plan;
#[cfg(not(target_arch = "wasm32"))]
mod poller;
mod probe;
mod profile;
mod readback;
mod record;
mod repack;
mod runner;
mod sampler;
mod scratch;
mod shader;
mod stages;
mod step;
mod trial;
mod uniforms;
mod weight;

pub use crate::model::KvType;
pub use device::{Gpu, GpuOptions};
pub use kv::KvBuffers;
pub use probe::Probe;
pub use profile::KernelTime;
pub use record::{Recorder, Value};
pub use runner::GpuRunner;
pub use trial::{SamplerTrial, Trial};
pub use weight::{GpuStore, GpuWeight};
