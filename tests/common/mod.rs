//! What the integration tests share: the default model and the golden values that llama.cpp computed from it.

#![allow(dead_code)]

pub mod hollow;
pub mod split;
pub mod tiny;

use lunette::engine::{Engine, LoadOptions};
use lunette::source::FileModel;
use lunette::{Result, Uninterrupted};
use serde_json::Value;
use std::path::PathBuf;
use std::rc::Rc;

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub fn model_path() -> PathBuf {
    let path = root().join("models/SmolLM2-135M-Instruct.Q4_1.gguf");
    assert!(path.exists(), "the default model is missing: run `cargo xtask fetch-model`");
    path
}

pub fn load(options: &LoadOptions) -> Result<Engine> {
    let model = FileModel::open(model_path())?;
    pollster::block_on(Engine::load(Rc::new(model), options, &mut |_| (), &Uninterrupted))
}

/// Golden values of the default model; where they are is said by LUNETTE_GOLDEN.
pub struct Golden {
    folder: PathBuf,
    manifest: Value,
}

impl Golden {
    /// `None`, said aloud, where they are not at hand.
    pub fn open() -> Option<Golden> {
        let folder =
            std::env::var_os("LUNETTE_GOLDEN").map_or_else(|| root().join("../shared/golden"), PathBuf::from);
        let Ok(manifest) = std::fs::read(folder.join("manifest.json")) else {
            eprintln!("SKIPPED: no golden values in {} (set LUNETTE_GOLDEN)", folder.display());
            return None;
        };
        Some(Golden { folder, manifest: serde_json::from_slice(&manifest).unwrap() })
    }

    pub fn prompt(&self, name: &str) -> (String, Vec<u32>) {
        let prompt = &self.manifest["prompts"][name];
        (prompt["prompt"].as_str().unwrap().into(), ids(&prompt["token_ids"]))
    }

    pub fn logits(&self, name: &str) -> Vec<f32> {
        let bytes = std::fs::read(self.folder.join(format!("{name}.f32ref.f32"))).unwrap();
        bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
    }

    pub fn greedy(&self, name: &str) -> Vec<u32> {
        ids(&self.manifest["prompts"][name]["variants"]["f32ref"]["greedy_ids"])
    }

    /// Token ids of the perplexity text with the reference's log-probability of each (none for the first).
    pub fn perplexity(&self) -> (Vec<u32>, Vec<f64>) {
        let file: Value =
            serde_json::from_slice(&std::fs::read(self.folder.join("ppl.f32ref.json")).unwrap()).unwrap();
        let logprobs = file["logprobs"].as_array().unwrap().iter().skip(1).map(|v| v.as_f64().unwrap());
        (ids(&file["token_ids"]), logprobs.collect())
    }
}

fn ids(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|v| v.as_u64().unwrap() as u32).collect()
}

/// KL(reference ‖ ours) in nats, from logits, in `f64`.
pub fn kl(reference: &[f32], ours: &[f32]) -> f64 {
    assert_eq!(reference.len(), ours.len());
    let (r, o) = (lunette::engine::log_sum_exp(reference), lunette::engine::log_sum_exp(ours));
    reference
        .iter()
        .zip(ours)
        .map(|(a, b)| {
            let (a, b) = (f64::from(*a) - r, f64::from(*b) - o);
            a.exp() * (a - b)
        })
        .sum()
}

/// exp of the mean negative log-probability.
pub fn perplexity(logprobs: impl ExactSizeIterator<Item = f64>) -> f64 {
    let n = logprobs.len() as f64;
    (-logprobs.sum::<f64>() / n).exp()
}
