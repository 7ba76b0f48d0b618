//! Speed of a whole model, natively: prefill, decode, and decode of several sequences at once.
//!
//! `cargo bench --bench model -- --model FILE [--backend wasm|webgpu] [--prompt 512,1024] [--decode 64]
//! [--batch 1,4,8,16] [--reps 3] [--ahead N] [--threads N] [--hardware]`; the backend "wasm" is the CPU here; `--hardware` refuses
//! software adapters. `cargo xtask bench model` runs this; the program runs without cargo too.

mod common;

use common::{adapter_wanted, fail, flag, list, number, sample, text};
use futures::future::{LocalBoxFuture, join_all};
use lunette::engine::{Backend, Engine, GenerateOptions, Generation, LoadOptions, Prompt};
use lunette::gpu::{Gpu, GpuOptions};
use lunette::source::FileModel;
use lunette::{Control, Result};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

fn main() {
    let Some(path) = text("model") else { fail("--model FILE is missing") };
    let backend = match text("backend").as_deref() {
        None | Some("wasm") => Backend::Wasm,
        Some("webgpu") => Backend::Webgpu,
        Some(other) => fail(&format!("there is no backend \"{other}\"")),
    };
    if let Err(error) = pollster::block_on(run(&path, backend)) {
        fail(&error.to_string());
    }
}

async fn run(path: &str, backend: Backend) -> Result<()> {
    if backend == Backend::Webgpu && flag("hardware") {
        let gpu = Gpu::request(&GpuOptions::default()).await?;
        adapter_wanted(&gpu.adapter_name(), gpu.is_software());
    }
    let start = Instant::now();
    let steps_ahead = text("ahead").map(|_| number("ahead", 1));
    let threads = text("threads").map(|_| number("threads", 1));
    let options = LoadOptions { backend, steps_ahead, threads, ..LoadOptions::default() };
    let model = Rc::new(FileModel::open(path)?);
    let engine = Engine::load(model, &options, &mut |_| (), &Yielding).await?;
    let info = engine.info();
    let backend = if info.backend.backend == "wasm" { "native CPU" } else { "native GPU" };
    let report = |name: &str, unit: &str, value| sample(name, backend, &info.backend.adapter, unit, value);
    eprintln!("▸ {} {} on {}", info.name, info.quantization, info.backend.adapter);
    report("load", "ms", start.elapsed().as_secs_f64() * 1e3);

    // What computes a GPU's work on the CPU is too slow for the usual lengths.
    let software = ["llvmpipe", "SwiftShader"].iter().any(|name| info.backend.adapter.contains(name));
    let (usual, steps) = if software { ([64, 128], 4) } else { ([512, 1024], 64) };
    let (prompts, decode) = (list("prompt", &usual), number("decode", steps));
    let mut random = Random { state: 1, vocabulary: info.vocabulary_size };
    for rep in 0..number("reps", 3) {
        eprintln!("▸ repetition {}", rep + 1);
        for &n in &prompts {
            let done = generate(&engine, random.tokens(n), 1).await?;
            report(&format!("prefill {n}"), "tok/s", n as f64 / done.timing.prefill_ms * 1e3);
        }
        for batch in list("batch", &[1, 4, 8, 16]) {
            let rate = decode_rate(&engine, &mut random, prompts[0], batch, decode).await?;
            report(&name(decode, prompts[0], batch), "tok/s", rate);
        }
    }
    Ok(())
}

fn name(decode: usize, context: usize, batch: usize) -> String {
    match batch {
        1 => format!("decode {decode} after {context}"),
        _ => format!("decode {decode} after {context}, batch {batch}"),
    }
}

/// Tokens a second that `batch` sequences gain together, each behind `context` tokens and a few of its own: what they
/// share is computed before, so that all have their first token at about the same time.
async fn decode_rate(
    engine: &Engine,
    random: &mut Random,
    context: usize,
    batch: usize,
    decode: usize,
) -> Result<f64> {
    let shared = random.tokens(context);
    generate(engine, shared.clone(), 1).await?;
    let prompts: Vec<_> = (0..batch).map(|_| [&shared[..], &random.tokens(4)].concat()).collect();
    let all = join_all(prompts.into_iter().map(|prompt| async {
        let done = generate(engine, prompt, decode + 1).await?;
        Ok((done, Instant::now()))
    }));
    let all = all.await.into_iter().collect::<Result<Vec<_>>>()?;
    // From the first sequence that has its first token to the last that has its last.
    let first =
        |(done, end): &(Generation, Instant)| *end - Duration::from_secs_f64(done.timing.decode_ms / 1e3);
    let from = all.iter().map(first).min();
    let to = all.iter().map(|(_, end)| *end).max();
    let steps: usize = all.iter().map(|(done, _)| done.tokens.len() - 1).sum();
    Ok(to.zip(from).map_or(0.0, |(to, from)| steps as f64 / (to - from).as_secs_f64()))
}

async fn generate(engine: &Engine, tokens: Vec<u32>, max_tokens: usize) -> Result<Generation> {
    let options = GenerateOptions { max_tokens, ..GenerateOptions::default() };
    engine.generate(Prompt::Tokens(tokens), &options, &mut |_| (), &Yielding).await
}

/// Lets the other calls of this thread put their work in the queue before a step is composed, as a browser's event loop
/// does: without, a call that never waits would run to its end alone.
struct Yielding;

impl Control for Yielding {
    fn aborted(&self) -> bool {
        false
    }

    fn pause(&self) -> LocalBoxFuture<'_, ()> {
        let mut yielded = false;
        Box::pin(poll_fn(move |context| {
            if std::mem::replace(&mut yielded, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        }))
    }
}

/// Prompts that no cache has seen: tokens of plain text, which begin behind the bytes of a vocabulary.
struct Random {
    state: u32,
    vocabulary: usize,
}

impl Random {
    fn tokens(&mut self, n: usize) -> Vec<u32> {
        (0..n)
            .map(|_| {
                self.state = self.state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                300 + (self.state >> 8) % (self.vocabulary.clamp(301, 30_300) as u32 - 300)
            })
            .collect()
    }
}
