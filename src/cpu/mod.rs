//! The ops with SIMD, natively on all cores: the `wasm` backend in a browser, and the reference that the GPU is tested against.
//!
//! Activations are `f32`, which products of few rows round to sixteen bits (see `fused`); weights are read from their
//! quantized blocks.

mod attention;
mod formats;
mod fused;
mod fused_whole;
mod kernel;
mod kv;
mod matmul;
mod need;
mod ops;
#[cfg(any(target_arch = "wasm32", test))]
mod pool;
mod quants;
#[cfg(target_arch = "x86_64")]
mod quants_x86;
mod runner;
mod threads;
mod unpack;
mod vector;
mod weight;
mod whole;

pub use kv::KvCache;
pub use need::CpuNeed;
pub use ops::{CpuOps, Tensor};
pub use runner::CpuRunner;
pub use threads::{ONE_THREAD, Threads};
#[cfg(target_arch = "wasm32")]
pub use threads::{POOL, start_threads_by};
pub use weight::{CpuStore, CpuWeight};
