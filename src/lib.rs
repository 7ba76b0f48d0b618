//! Lunette: an LLM judge that runs entirely on the client.
//!
//! The map of the house. Dependencies point downward only; a module knows nothing of what stands above it.
//!
//! | module | what it does | knows |
//! |---|---|---|
//! | `js` | the classes that JavaScript sees (wasm only) | everything |
//! | [`eval`] | data sets, agreement with people, intervals, reports | `judge`, `statistics` |
//! | [`reward`] | the goal-conditioned reward model: heads, goals, Q token by token | `engine`, `model` |
//! | [`judge`] | tasks, prompt templates, verdicts and their distributions | `engine`, `statistics` |
//! | [`engine`] | sequences over a paged KV cache, generation, log-probabilities | `gpu`, `cpu`, `model`, `tokenizer` |
//! | [`gpu`] | the ops on WebGPU: devices, weights, plans, kernels in `shaders/` | `model` |
//! | [`cpu`] | the ops with SIMD, natively on all cores; the reference that the GPU is tested against | `model`, `gguf` |
//! | [`model`] | architectures, written once over the ops of a backend; loading | `gguf`, `quant`, `source` |
//! | [`tokenizer`] | text to tokens and back; chat templates | `gguf` |
//! | [`gguf`] | the container: header, metadata, tensor table; reading and writing | `quant` |
//! | [`quant`] | quantized block formats | |
//! | [`source`] | where bytes come from | |
//! | [`statistics`] | correlation, agreement and ranks of paired numbers | |

mod control;
pub mod cpu;
pub mod engine;
mod error;
pub mod eval;
pub mod gguf;
pub mod gpu;
pub mod judge;
pub mod model;
pub mod quant;
pub mod reward;
pub mod source;
pub mod statistics;
pub mod tokenizer;

#[cfg(target_arch = "wasm32")]
mod js;

pub use control::{Control, Uninterrupted, checkpoint};
pub use error::{Error, Result};
