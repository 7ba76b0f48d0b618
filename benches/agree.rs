//! Whether a real model agrees with llama.cpp: tokens, states and logits of a few prompts, and the perplexity of a text.
//!
//! `agree --model FILE --golden FILE`; `cargo xtask golden --check NAME` makes the values (tests/architectures/real.mjs) and
//! runs this.

mod common;
#[path = "../tests/common/golden.rs"]
#[allow(dead_code)]
mod golden;

use common::{fail, text};
use golden::{apart, kl};
use lunette::Uninterrupted;
use lunette::engine::{Backend, Engine, LoadOptions};
use lunette::model::KvType;
use lunette::source::FileModel;
use serde::Deserialize;
use std::error::Error;
use std::rc::Rc;

/// Divergence that is left to another order of sums, and to activations of sixteen bits in products of few rows.
const BOUND: f64 = 1e-5;
/// The same for a state, as a share of its length.
const BOUND_OF_STATES: f64 = 1e-3;
/// The same for a perplexity, as a share of it.
const BOUND_OF_PERPLEXITY: f64 = 1e-3;

#[derive(Deserialize)]
struct Golden {
    prompts: Vec<Prompt>,
    perplexity: Scored,
}

#[derive(Deserialize)]
struct Prompt {
    name: String,
    text: String,
    tokens: Vec<u32>,
    logits: Vec<f32>,
    at: Vec<usize>,
    states: Vec<f32>,
}

#[derive(Deserialize)]
struct Scored {
    tokens: Vec<u32>,
    logprobs: Vec<f64>,
}

fn main() {
    let (Some(model), Some(golden)) = (text("model"), text("golden")) else {
        fail("--model FILE and --golden FILE are needed")
    };
    if let Err(error) = pollster::block_on(run(&model, &golden)) {
        fail(&error.to_string());
    }
}

async fn run(model: &str, golden: &str) -> Result<(), Box<dyn Error>> {
    let golden: Golden = serde_json::from_slice(&std::fs::read(golden)?)?;
    let options = LoadOptions { backend: Backend::Wasm, kv_type: KvType::F32, ..Default::default() };
    let engine =
        Engine::load(Rc::new(FileModel::open(model)?), &options, &mut |_| (), &Uninterrupted).await?;
    println!("{} ({})", engine.info().name, engine.info().architecture);
    for Prompt { name, text, tokens, logits: theirs, at, states } in golden.prompts {
        let mut read: Vec<u32> = engine.tokenizer().leading().into_iter().collect();
        read.extend(engine.tokenizer().encode(&text, true)?);
        if read != tokens {
            return Err(format!("{name}: the tokens are others").into());
        }
        let ours = engine.logits(&tokens, &Uninterrupted).await?;
        let divergence = kl(&theirs, &ours);
        println!("{name}, {} tokens: KL {divergence:.1e}", tokens.len());
        if divergence > BOUND || likeliest(&ours) != likeliest(&theirs) {
            return Err(format!("{name}: the logits are others").into());
        }
        let ours = engine.states(&tokens, &at, &Uninterrupted).await?;
        let theirs = states.chunks_exact(states.len() / at.len());
        let most = ours.iter().zip(theirs).map(|(ours, theirs)| apart(theirs, ours)).fold(0.0, f64::max);
        println!("{name}: states at {at:?} within {most:.1e}");
        if most > BOUND_OF_STATES {
            return Err(format!("{name}: the states are others").into());
        }
    }
    let Scored { tokens, logprobs: theirs } = golden.perplexity;
    let ours = engine.logprobs(&tokens, &Uninterrupted).await?;
    let (ours, theirs) = (perplexity(ours.iter().map(|p| f64::from(*p))), perplexity(theirs.into_iter()));
    println!("perplexity of {} tokens: {ours:.4}, llama.cpp's {theirs:.4}", tokens.len());
    match (ours / theirs - 1.0).abs() <= BOUND_OF_PERPLEXITY {
        true => Ok(()),
        false => Err("the perplexity is another".into()),
    }
}

fn likeliest(logits: &[f32]) -> Option<usize> {
    (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b]))
}

fn perplexity(logprobs: impl ExactSizeIterator<Item = f64>) -> f64 {
    let n = logprobs.len() as f64;
    (-logprobs.sum::<f64>() / n).exp()
}
