//! What the integration tests share: the default model, the values that llama.cpp computed from it, and small models.

#![allow(dead_code)]

pub mod adapters;
pub mod fixtures;
pub mod golden;
pub mod heads;
pub mod hollow;
pub mod peers;
pub mod split;
pub mod texts;
pub mod thinking;
pub mod tiny;

use lunette::engine::{Engine, LoadOptions};
use lunette::source::FileModel;
use lunette::{Result, Uninterrupted};
use std::path::{Path, PathBuf};
use std::rc::Rc;

pub use golden::root;

pub fn model_path() -> PathBuf {
    let path = root().join("models/SmolLM2-135M-Instruct.Q4_1.gguf");
    assert!(path.exists(), "the default model is missing: run `cargo xtask fetch-model`");
    path
}

pub fn load(options: &LoadOptions) -> Result<Engine> {
    load_file(&model_path(), options)
}

pub fn load_file(path: &Path, options: &LoadOptions) -> Result<Engine> {
    let model = FileModel::open(path)?;
    pollster::block_on(Engine::load(Rc::new(model), options, &mut |_| (), &Uninterrupted))
}

/// exp of the mean negative log-probability.
pub fn perplexity(logprobs: impl ExactSizeIterator<Item = f64>) -> f64 {
    let n = logprobs.len() as f64;
    (-logprobs.sum::<f64>() / n).exp()
}
