//! What llama.cpp computed from the default model (tests/golden/README.md). Where a value is missing, the test fails.

use serde_json::Value;
use std::path::PathBuf;

/// The repository; where the programs were carried to another machine, what `LUNETTE_ROOT` says.
pub fn root() -> PathBuf {
    std::env::var_os("LUNETTE_ROOT").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from)
}

fn folder() -> PathBuf {
    root().join("tests/golden")
}

fn read(name: &str) -> Vec<u8> {
    let path = folder().join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The values of one prompt, or of the text that perplexity is measured on.
fn values(name: &str) -> Value {
    let mut all: Value = serde_json::from_slice(&read("golden.json")).unwrap();
    all[name].take()
}

fn ids(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
}

pub fn text(name: &str) -> String {
    String::from_utf8(read(&format!("prompts/{name}.txt"))).unwrap()
}

pub fn tokens(name: &str) -> Vec<u32> {
    ids(&values(name)["tokens"])
}

/// Next-token logits, from weights dequantized exactly, with `f32` activations and KV cache.
pub fn logits(name: &str) -> Vec<f32> {
    floats(&format!("{name}.f32"))
}

/// The states at [`places`], one behind the other.
pub fn states(name: &str) -> Vec<f32> {
    floats(&format!("{name}.states.f32"))
}

/// The places in a prompt that there are states of.
pub fn places(tokens: &[u32]) -> [usize; 3] {
    [0, tokens.len() / 2, tokens.len() - 1]
}

/// How far a state is from its reference, as a share of that one's length.
pub fn apart(reference: &[f32], ours: &[f32]) -> f64 {
    assert_eq!(reference.len(), ours.len());
    let square = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>();
    let off = square(&mut reference.iter().zip(ours).map(|(a, b)| f64::from(*a) - f64::from(*b)));
    (off / square(&mut reference.iter().map(|v| f64::from(*v)))).sqrt()
}

/// The same as llama.cpp computes them by itself: activations of one byte, the cache in half precision.
pub fn usual_logits(name: &str) -> Vec<f32> {
    floats(&format!("{name}.usual.f32"))
}

fn floats(name: &str) -> Vec<f32> {
    read(name).chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

/// The likeliest tokens after a prompt, up to the end of the turn.
pub fn greedy(name: &str) -> Vec<u32> {
    ids(&values(name)["greedy"])
}

/// Token ids of the perplexity text, with the log-probability of each but the first.
pub fn perplexity() -> (Vec<u32>, Vec<f64>) {
    let values = values("perplexity");
    let logprobs = values["logprobs"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
    (ids(&values["tokens"]), logprobs)
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
