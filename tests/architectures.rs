//! Every architecture against llama.cpp: a tiny model of random weights, its logits after prompts of several lengths, on
//! both backends. `tests/architectures/golden.json` holds llama.cpp's.

mod common;
mod gpu_support;

use common::adapters::{self, ADAPTERS};
use common::fixtures::{self, FIXTURES};
use common::golden::kl;
use common::{heads, root};
use lunette::Uninterrupted;
use lunette::engine::{Backend, Engine, LoadOptions};
use lunette::model::{ARCHITECTURES, KvType};
use lunette::quant::BlockType;
use lunette::reward::{Head, RewardModel, RewardOptions, RewardTask};
use lunette::source::MemoryModel;
use pollster::block_on;
use serde_json::{Value, json};
use std::env::var_os;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Divergence that adding up in another order may make, and that a cache in half precision may.
const BOUND: f64 = 1e-6;
const BOUND_OF_F16: f64 = 1e-4;

fn golden(fixture: &str) -> Vec<(Vec<u32>, Vec<f32>)> {
    let path = root().join("tests/architectures/golden.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let all: Value = serde_json::from_str(&text).unwrap();
    let prompts = all[fixture].as_array().unwrap_or_else(|| panic!("no golden values of {fixture}"));
    prompts.iter().map(|prompt| (numbers(&prompt["tokens"]), numbers(&prompt["logits"]))).collect()
}

fn numbers<T: serde::de::DeserializeOwned>(list: &Value) -> Vec<T> {
    serde_json::from_value(list.clone()).unwrap()
}

fn engine(fixture: &str, options: LoadOptions) -> Engine {
    let model = Rc::new(MemoryModel::new(fixtures::file(fixture, BlockType::F32)));
    pollster::block_on(Engine::load(model, &options, &mut |_| (), &Uninterrupted)).unwrap()
}

fn agrees(fixture: &str, options: LoadOptions, bound: f64) {
    let what =
        format!("{fixture} on {:?} without {:?}, {:?}", options.backend, options.disable, options.kv_type);
    let engine = engine(fixture, options);
    for (tokens, expected) in golden(fixture) {
        let logits = pollster::block_on(engine.logits(&tokens, &Uninterrupted)).unwrap();
        let divergence = kl(&expected, &logits);
        println!("{what}, {} tokens: KL {divergence:.1e}", tokens.len());
        assert!(divergence <= bound, "{what}, {} tokens: KL {divergence:e}", tokens.len());
        assert_eq!(likeliest(&logits), likeliest(&expected), "{what}, {} tokens", tokens.len());
    }
}

fn likeliest(logits: &[f32]) -> Option<usize> {
    (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b]))
}

#[test]
fn logits_on_the_cpu_are_those_of_llama_cpp() {
    for fixture in FIXTURES {
        for (kv_type, bound) in [(KvType::F32, BOUND), (KvType::F16, BOUND_OF_F16)] {
            agrees(fixture, LoadOptions { backend: Backend::Wasm, kv_type, ..Default::default() }, bound);
        }
    }
}

#[test]
fn logits_on_the_gpu_are_those_of_llama_cpp() {
    // Points the loader at lavapipe where nothing else is asked for.
    gpu_support::gpu(None, &[], KvType::F16);
    for fixture in FIXTURES {
        for disable in [&[][..], &["f16", "subgroups"]] {
            for (kv_type, bound) in [(KvType::F32, BOUND), (KvType::F16, BOUND_OF_F16)] {
                let disable = disable.iter().map(|name| name.to_string()).collect();
                let options =
                    LoadOptions { backend: Backend::Webgpu, disable, kv_type, ..Default::default() };
                agrees(fixture, options, bound);
            }
        }
    }
}

/// A response's reward and trace by the head, with the tiny model of the architecture llama, on the CPU.
fn rewarded() -> Value {
    let (input, response) =
        ("Why is the sky dark at night?", "The sun is down — 夜. It is on the other side.");
    let task = RewardTask { input: input.into(), response: response.into() };
    let head = block_on(Head::read(&MemoryModel::new(heads::usual()))).unwrap();
    let options =
        LoadOptions { backend: Backend::Wasm, head: Some(head.adapter().clone()), ..Default::default() };
    let model = Rc::new(MemoryModel::new(fixtures::file("llama", BlockType::F32)));
    let engine = block_on(Engine::load(model, &options, &mut |_| (), &Uninterrupted)).unwrap();
    let model = RewardModel::new(Rc::new(engine), head).unwrap();
    let verdict = block_on(model.reward(&task, &RewardOptions::default(), &Uninterrupted)).unwrap();
    json!({ "task": { "input": input, "response": response }, "verdict": verdict })
}

/// Where `LUNETTE_ARCHITECTURES` names a folder, the models, their adapters and a head are written there, for llama.cpp and
/// browsers to read.
#[test]
fn every_architecture_has_a_model() {
    let folder = var_os("LUNETTE_ARCHITECTURES");
    let support = std::fs::read_to_string(root().join("docs/SUPPORT.md")).unwrap();
    for architecture in ARCHITECTURES {
        let row = format!("| {architecture} | ");
        assert!(support.lines().any(|line| line.starts_with(&row)), "docs/SUPPORT.md has no row {row}");
        assert!(FIXTURES.contains(&architecture), "no fixture of {architecture}");
    }
    for (fixture, folder) in FIXTURES.into_iter().zip(folder.iter().cycle()) {
        let file = fixtures::file(fixture, BlockType::F32);
        std::fs::write(Path::new(folder).join(format!("{fixture}.gguf")), file).unwrap();
    }
    for ((fixture, name, ..), folder) in ADAPTERS.into_iter().zip(folder.iter().cycle()) {
        let path = Path::new(folder).join(format!("{fixture}.{name}.lora"));
        std::fs::write(path, adapters::file(fixture, name)).unwrap();
    }
    if let Some(folder) = folder.map(PathBuf::from) {
        std::fs::write(folder.join("llama.head"), heads::usual()).unwrap();
        std::fs::write(folder.join("llama.head.json"), rewarded().to_string()).unwrap();
    }
}
