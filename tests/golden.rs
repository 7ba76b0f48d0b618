//! The whole model against llama.cpp (weights dequantized exactly, `f32` activations and KV): logits on the CPU (those of
//! the GPU are in gpu_model.rs), text and perplexity on both. Every reference value is compared: one that is wrong makes a
//! test fail.

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
fn the_number_of_threads_changes_no_bit() {
    let ids = golden::tokens("judge");
    let logits = |threads| {
        let options =
            LoadOptions { backend: Backend::Wasm, threads, context_length: Some(2048), ..Default::default() };
        pollster::block_on(load(&options).unwrap().logits(&ids, &Uninterrupted)).unwrap()
    };
    let one = logits(Some(1));
    for threads in [Some(2), Some(5), None] {
        assert_eq!(one, logits(threads), "{threads:?}");
    }
}

#[test]
fn logits_are_those_of_llama_cpp() {
    for (kv_type, names, bound, bound_each) in [
        (KvType::F32, ["short", "short2", "judge"].as_slice(), 1e-4, 0.01),
        (KvType::F16, &["short", "short2", "judge", "long"], 5e-4, 0.05),
    ] {
        let engine = engine(Backend::Wasm, kv_type);
        for name in names {
            let ids = golden::tokens(name);
            let logits = pollster::block_on(engine.logits(&ids, &Uninterrupted)).unwrap();
            let reference = golden::logits(name);
            let (divergence, most) = (kl(&reference, &logits), furthest(&reference, &logits));
            println!("{name}, {kv_type:?}: KL {divergence:.2e}, each within {most:.4}");
            assert!(divergence <= bound, "{name}, {kv_type:?}: KL {divergence}");
            // Divergence does not see a token that is very unlikely.
            assert!(most <= bound_each, "{name}, {kv_type:?}: a logit is {most} away");
        }
    }
}

#[test]
fn states_are_those_of_llama_cpp() {
    for (backend, kv_type, names, bound) in [
        (Backend::Wasm, KvType::F32, ["short", "short2", "judge"].as_slice(), 2e-5),
        (Backend::Wasm, KvType::F16, &["short", "judge", "long"], 2e-3),
        (Backend::Webgpu, KvType::F16, &["short", "judge"], 2e-3),
    ] {
        let engine = engine(backend, kv_type);
        for name in names {
            let ids = golden::tokens(name);
            let places = golden::places(&ids);
            // In any order, and one of them twice.
            let [first, middle, last] = places;
            let asked = [last, first, middle, last];
            let states = pollster::block_on(engine.states(&ids, &asked, &Uninterrupted)).unwrap();
            assert_eq!(states[0], states[3]);
            let reference = golden::states(name);
            let references = reference.chunks_exact(reference.len() / places.len());
            for (reference, (ours, place)) in references.zip([1, 2, 0].map(|i| (&states[i], asked[i]))) {
                let apart = golden::apart(reference, ours);
                println!("{name} at {place}, {backend:?}, {kv_type:?}: {apart:.1e}");
                assert!(apart <= bound, "{name} at {place}, {backend:?}, {kv_type:?}: {apart}");
            }
        }
    }
}

/// States that are asked for together with other things, in several steps, and behind what is cached.
#[test]
fn states_do_not_depend_on_what_else_is_computed() {
    let ids = &golden::tokens("judge")[..200];
    let all: Vec<usize> = (0..ids.len()).collect();
    for backend in [Backend::Wasm, Backend::Webgpu] {
        let engine = engine(backend, KvType::F16);
        let run = |at: &[usize]| pollster::block_on(engine.states(ids, at, &Uninterrupted)).unwrap();
        let each = run(&all);
        assert_eq!(each.len(), ids.len());
        let close = |ours: &[f32], place: usize| {
            let apart = golden::apart(&each[place], ours);
            assert!(apart < 1e-3, "{backend:?} at {place}: {apart}");
        };
        // The beginning is cached now, and a caller may want a state within it.
        for at in [&[199][..], &[150, 199], &[3, 77, 198]] {
            run(at).iter().zip(at).for_each(|(state, place)| close(state, *place));
        }
        let (states, (logits, logprobs)) = pollster::block_on(async {
            let others = futures::future::join(
                engine.logits(&ids[..120], &Uninterrupted),
                engine.logprobs(&ids[..90], &Uninterrupted),
            );
            futures::future::join(engine.states(ids, &[10, 199], &Uninterrupted), others).await
        });
        assert_eq!((logits.unwrap().len(), logprobs.unwrap().len()), (49_152, 89));
        states.unwrap().iter().zip([10, 199]).for_each(|(state, place)| close(state, place));
        assert!(run(&[]).is_empty());
        let beyond = pollster::block_on(engine.states(ids, &[200], &Uninterrupted)).unwrap_err();
        assert_eq!(beyond.code(), "invalid-argument");
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

/// The whole text on the CPU, its beginning on the GPU: a software adapter takes its time.
#[test]
fn perplexity_is_that_of_llama_cpp() {
    let (ids, reference) = golden::perplexity();
    for (backend, count) in [(Backend::Wasm, ids.len()), (Backend::Webgpu, 192)] {
        let engine = engine(backend, KvType::F16);
        let ours = pollster::block_on(engine.logprobs(&ids[..count], &Uninterrupted)).unwrap();
        let reference: Vec<f32> = reference[..count - 1].iter().map(|l| *l as f32).collect();
        let most = furthest(&reference, &ours);
        let [ours, reference] = [ours, reference].map(|l| perplexity(l.iter().map(|l| f64::from(*l))));
        println!("{backend:?}: perplexity {ours:.4}, llama.cpp {reference:.4}, each within {most:.4}");
        assert!((ours / reference - 1.0).abs() < 1e-3, "{backend:?}: {ours} where llama.cpp has {reference}");
        assert!(most <= 0.05, "{backend:?}: a log-probability is {most} away");
    }
}

/// How far the value is that is furthest from its reference.
fn furthest(reference: &[f32], ours: &[f32]) -> f32 {
    assert_eq!(reference.len(), ours.len());
    reference.iter().zip(ours).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// The comparisons see a single wrong number, so that no test passes by accident.
#[test]
fn a_broken_value_is_noticed() {
    let right = golden::logits("short2");
    assert_eq!((kl(&right, &right), furthest(&right, &right)), (0.0, 0.0));
    let mut order: Vec<usize> = (0..right.len()).collect();
    order.sort_by(|a, b| right[*a].total_cmp(&right[*b]));
    for token in [order[0], order[order.len() / 2], order[order.len() - 1]] {
        let mut broken = right.clone();
        broken[token] -= 0.5;
        assert_eq!(furthest(&broken, &right), 0.5, "token {token}");
    }
    let mut broken = right.clone();
    broken[order[order.len() - 1]] -= 0.5;
    assert!(kl(&broken, &right) > 5e-4, "{}", kl(&broken, &right));
}
