//! The whole model against llama.cpp (weights dequantized exactly, `f32` activations and KV): logits on the CPU (those of
//! the GPU are in gpu_model.rs), text and perplexity on both.

mod common;

use common::golden::{self, kl};
use common::{load, perplexity};
use lunette::Uninterrupted;
use lunette::engine::{Backend, Engine, GenerateOptions, LoadOptions, Prompt};
use lunette::model::KvType;

fn engine(backend: Backend, kv_type: KvType) -> Engine {
    load(&LoadOptions { backend, kv_type, context_length: Some(2048), ..Default::default() }).unwrap()
}

#[test]
fn tokens_are_those_of_llama_cpp() {
    let engine = engine(Backend::Wasm, KvType::F16);
    for name in ["short", "short2", "judge", "long"] {
        let (text, ids) = (golden::text(name), golden::tokens(name));
        assert_eq!(engine.tokenizer().encode(&text, true).unwrap(), ids, "{name}");
        assert_eq!(engine.tokenizer().decode(&ids).unwrap(), text, "{name}");
    }
}

#[test]
fn logits_are_those_of_llama_cpp() {
    for (kv_type, names, bound) in [
        (KvType::F32, ["short", "short2", "judge"].as_slice(), 1e-4),
        (KvType::F16, &["short", "short2", "judge", "long"], 5e-4),
    ] {
        let engine = engine(Backend::Wasm, kv_type);
        for name in names {
            let ids = golden::tokens(name);
            let logits = pollster::block_on(engine.logits(&ids, &Uninterrupted)).unwrap();
            let divergence = kl(&golden::logits(name), &logits);
            println!("{name}, {kv_type:?}: KL {divergence:.2e}");
            assert!(divergence <= bound, "{name}, {kv_type:?}: KL {divergence}");
        }
    }
}

/// What is cached, and how a text was cut into steps, changes no bit.
#[test]
fn the_same_call_gives_the_same_bits() {
    let ids = golden::tokens("judge");
    let engine = engine(Backend::Wasm, KvType::F16);
    let run = |ids: &[u32]| pollster::block_on(engine.logits(ids, &Uninterrupted)).unwrap();
    for len in [20, 33, 130, 258] {
        assert_eq!(run(&ids[..len]), run(&ids[..len]), "{len} tokens");
    }
}

#[test]
fn greedy_tokens_are_those_of_llama_cpp() {
    let expected = golden::greedy("short2");
    for (backend, steps_ahead) in [(Backend::Wasm, None), (Backend::Webgpu, None), (Backend::Webgpu, Some(5))]
    {
        let prompt = Prompt::Tokens(golden::tokens("short2"));
        let options = GenerateOptions { max_tokens: expected.len(), ..Default::default() };
        let context_length = Some(2048);
        let engine =
            load(&LoadOptions { backend, steps_ahead, context_length, ..Default::default() }).unwrap();
        let generation = pollster::block_on(engine.generate(prompt, &options, &mut |_| (), &Uninterrupted));
        assert_eq!(generation.unwrap().tokens, expected, "{backend:?}, {steps_ahead:?} steps ahead");
    }
}

/// Tokens of the text that are read: a software adapter takes its time.
const PERPLEXITY: usize = 192;

#[test]
fn perplexity_is_that_of_llama_cpp() {
    let (ids, reference) = golden::perplexity();
    let reference = perplexity(reference[..PERPLEXITY - 1].iter().copied());
    for backend in [Backend::Wasm, Backend::Webgpu] {
        let engine = engine(backend, KvType::F16);
        let ours = pollster::block_on(engine.logprobs(&ids[..PERPLEXITY], &Uninterrupted)).unwrap();
        let ours = perplexity(ours.iter().map(|l| f64::from(*l)));
        println!("{backend:?}: perplexity {ours:.4}, llama.cpp {reference:.4}");
        assert!((ours / reference - 1.0).abs() < 1e-3, "{backend:?}: {ours} where llama.cpp has {reference}");
    }
}

/// The comparison sees a single wrong number: a test that compares with these cannot pass by accident.
#[test]
fn a_broken_value_is_noticed() {
    let right = golden::logits("short2");
    assert_eq!(kl(&right, &right), 0.0);
    let likeliest = right.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0;
    let mut broken = right.clone();
    broken[likeliest] -= 0.5;
    assert!(kl(&broken, &right) > 5e-4, "{}", kl(&broken, &right));
}
