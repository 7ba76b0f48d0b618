//! The ops on one core, with SIMD: the `wasm` backend in a browser, and the reference that the GPU is tested against.
//!
//! Activations stay `f32` throughout; weights are read from their quantized blocks.

mod attention;
mod matmul;
mod ops;
mod runner;
mod weight;

pub use ops::{CpuOps, Tensor};
pub use runner::{CpuRunner, KvCache};
pub use weight::{CpuStore, CpuWeight};
