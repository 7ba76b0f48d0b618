//! What LoRA adapters cost: prefill and decode of a model with adapters of random values beside all of its matrices, by calls
//! with none of them and by calls with the first, in turn.
//!
//! `cargo bench --bench lora -- --model FILE [--backend wasm|webgpu] [--adapters 1,4] [--rank 16] [--prompt 256]
//! [--decode 32] [--reps 3]`

mod common;

use common::{fail, list, number, sample, text};
use lunette::engine::{AdapterChoice, Backend, Engine, GenerateOptions, LoadOptions, Prompt};
use lunette::gguf::{Header, Value, Writer};
use lunette::model::{Adapter, Incoming};
use lunette::quant::BlockType;
use lunette::source::{FileModel, MemoryModel};
use lunette::{Result, Uninterrupted};
use std::rc::Rc;

fn main() {
    let Some(path) = text("model") else { fail("--model FILE is missing") };
    let backend = match text("backend").as_deref() {
        Some("webgpu") => Backend::Webgpu,
        _ => Backend::Wasm,
    };
    for adapters in list("adapters", &[1, 4]) {
        if let Err(error) = pollster::block_on(run(&path, backend, adapters)) {
            fail(&error.to_string());
        }
    }
}

async fn run(path: &str, backend: Backend, count: usize) -> Result<()> {
    let model = Rc::new(FileModel::open(path)?);
    let (header, _) = Incoming::headers(&*model).await?;
    let mut adapters = Vec::new();
    for _ in 0..count {
        adapters.push(Rc::new(Adapter::read(&MemoryModel::new(random(&header, number("rank", 16)))).await?));
    }
    let options = LoadOptions { backend, adapters, ..LoadOptions::default() };
    let engine = Engine::load(model, &options, &mut |_| (), &Uninterrupted).await?;
    let info = engine.info();
    let on = if info.backend.backend == "wasm" { "native CPU" } else { "native GPU" };
    let (prompt, decode) = (number("prompt", 256), number("decode", 32));
    let none = (AdapterChoice::None, format!("none of {count}"));
    let first = (AdapterChoice::default(), format!("one of {count}"));
    for rep in 0..number("reps", 3) {
        for (adapter, name) in [&none, &first] {
            // A prompt that no cache has seen.
            let tokens = (0..prompt).map(|i| (300 + (i * (7 + rep * 2)) % 997) as u32).collect();
            let options =
                GenerateOptions { max_tokens: decode + 1, adapter: adapter.clone(), ..Default::default() };
            let done = engine.generate(Prompt::Tokens(tokens), &options, &mut |_| (), &Uninterrupted).await?;
            let report = |what: &str, tokens: f64, ms: f64| {
                sample(&format!("{what}, {name}"), on, &info.backend.adapter, "tok/s", tokens / ms * 1e3);
            };
            report(&format!("prefill {prompt}"), prompt as f64, done.timing.prefill_ms);
            report(&format!("decode {decode}"), done.tokens.len() as f64 - 1.0, done.timing.decode_ms);
        }
    }
    Ok(())
}

/// An adapter for every matrix of the model's blocks.
fn random(base: &Header, rank: usize) -> Vec<u8> {
    let mut header = Writer::default();
    let text = |text: &str| Value::String(text.into());
    header.set("general.type", text("adapter")).set("adapter.type", text("lora"));
    let architecture = base.metadata.str("general.architecture").unwrap_or_default();
    header.set("general.architecture", text(architecture));
    let matrices = base.tensors.iter().filter(|t| t.name.starts_with("blk.") && t.matrix().0 > 1);
    let mut sizes = Vec::new();
    for tensor in matrices {
        let (rows, cols) = tensor.matrix();
        for (end, dims) in [("a", [cols, rank]), ("b", [rank, rows])] {
            header.tensor(&format!("{}.lora_{end}", tensor.name), &dims.map(|n| n as u64), BlockType::F32);
            sizes.push(dims[0] * dims[1]);
        }
    }
    let mut file = header.header();
    let mut state = 1u32;
    for size in sizes {
        let start = file.len();
        file.extend((0..size).flat_map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (((state >> 8) as f32 / (1 << 24) as f32 - 0.5) * 0.01).to_le_bytes()
        }));
        file.resize(file.len() + Writer::padding((file.len() - start) as u64), 0);
    }
    file
}
