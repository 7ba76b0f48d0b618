//! Overlapping calls on a small cache give what each alone gives on a fresh engine.

mod common;

use common::tiny;
use futures::future::LocalBoxFuture;
use futures::future::join_all;
use lunette::engine::{Backend, Engine, GenerateOptions, LoadOptions, Prompt};
use lunette::judge::{CompareTask, Judge, JudgeOptions};
use lunette::quant::BlockType;
use lunette::source::MemoryModel;
use lunette::{Control, Uninterrupted};
use proptest::prelude::*;
use serde_json::json;
use std::cell::Cell;
use std::rc::Rc;

/// Lets the other calls of the thread go on at every pause, as a browser does: else each call would run to its end alone.
struct Yielding;

impl Control for Yielding {
    fn aborted(&self) -> bool {
        false
    }

    fn pause(&self) -> LocalBoxFuture<'_, ()> {
        let mut yielded = false;
        Box::pin(std::future::poll_fn(move |context| {
            if std::mem::replace(&mut yielded, true) {
                return std::task::Poll::Ready(());
            }
            context.waker().wake_by_ref();
            std::task::Poll::Pending
        }))
    }
}

fn engine(context: usize, max_batch: usize) -> Engine {
    let model = Rc::new(MemoryModel::new(tiny::file(BlockType::Q8_0)));
    let (context_length, max_batch) = (Some(context), Some(max_batch));
    let options = LoadOptions { backend: Backend::Wasm, context_length, max_batch, ..Default::default() };
    pollster::block_on(Engine::load(model, &options, &mut |_| (), &Uninterrupted)).unwrap()
}

/// `len` tokens of text `text`: texts with the same number begin alike.
fn tokens(text: u32, len: usize) -> Vec<u32> {
    (0..len as u32).map(|i| 3 + (text * 31 + i * i * 7) % 250).collect()
}

/// A prompt that begins as text `a` for `shared` tokens and goes on as text `b`.
fn prompt(a: u32, shared: usize, b: u32, len: usize) -> Vec<u32> {
    let mut prompt = tokens(a, shared.min(len));
    prompt.extend(tokens(b, len - prompt.len()));
    prompt
}

fn close(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-3)
}

fn fresh(context: usize, tokens: &[u32]) -> Vec<f32> {
    pollster::block_on(engine(context, 1).logits(tokens, &Uninterrupted)).unwrap()
}

/// Where a call's sequence comes from.
#[derive(Debug, Clone, Copy)]
enum Start {
    Fresh,
    /// The sequence that an earlier call left, or a fork of it.
    Fork,
}

/// Calls that are made at once; the first one's sequence is kept for later calls.
type Round = Vec<(Start, u32, usize, u32, usize)>;

fn rounds() -> impl Strategy<Value = Vec<Round>> {
    let start = prop_oneof![Just(Start::Fresh), Just(Start::Fork)];
    let call = (start, 0u32..3, 0usize..60, 0u32..3, 1usize..90);
    proptest::collection::vec(proptest::collection::vec(call, 1..6), 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// The cache holds 12 blocks, six sequences may want 36: they are preempted, queued again and computed again.
    #[test]
    fn interleavings_give_the_logits_of_a_fresh_run(rounds in rounds()) {
        const CONTEXT: usize = 192;
        let engine = engine(CONTEXT, 3);
        let mut kept = engine.sequence();
        for round in rounds {
            let calls = round.into_iter().enumerate().map(|(i, (start, a, shared, b, len))| {
                let mut sequence = match start {
                    Start::Fresh => engine.sequence(),
                    Start::Fork => kept.fork(),
                };
                let engine = &engine;
                async move {
                    let prompt = prompt(a, shared, b, len);
                    let result = engine.advance(&mut sequence, &prompt, &Yielding).await;
                    assert!(result.is_err() || sequence.tokens() == prompt);
                    // What is held between calls must leave room for the others.
                    ((i == 0).then_some(sequence), prompt, result)
                }
            });
            let calls: Vec<_> = calls.collect();
            kept = engine.sequence();
            for (sequence, prompt, result) in pollster::block_on(join_all(calls)) {
                let (logits, cached) = result.unwrap();
                prop_assert!(cached < prompt.len());
                prop_assert!(close(&logits, &fresh(CONTEXT, &prompt)));
                kept = sequence.unwrap_or(kept);
            }
        }
    }
}

#[test]
fn a_shared_prefix_is_computed_once_even_when_all_ask_at_once() {
    let engine = engine(1024, 8);
    let prompts: Vec<Vec<u32>> = (0..8).map(|i| prompt(0, 320, 1 + i, 340)).collect();
    let calls = prompts.iter().map(|prompt| {
        let engine = &engine;
        async move { engine.advance(&mut engine.sequence(), prompt, &Yielding).await.unwrap() }
    });
    let results = pollster::block_on(join_all(calls));
    let computed: usize =
        results.iter().zip(&prompts).map(|((_, cached), prompt)| prompt.len() - cached).sum();
    assert_eq!(computed, 340 + 7 * 20);
    for ((logits, _), prompt) in results.iter().zip(&prompts) {
        assert!(close(logits, &fresh(1024, prompt)));
    }
}

/// Yields, and says stop after so many pauses.
struct Patience(Cell<usize>);

impl Control for Patience {
    fn aborted(&self) -> bool {
        self.0.get() == 0
    }

    fn pause(&self) -> LocalBoxFuture<'_, ()> {
        self.0.set(self.0.get().saturating_sub(1));
        Yielding.pause()
    }
}

/// Twelve texts of 22 blocks on a cache of 25: they take turns, and each comes to its end.
#[test]
fn long_texts_that_do_not_fit_together_all_end() {
    let engine = engine(400, 12);
    let patience = Patience(Cell::new(20_000));
    let options = GenerateOptions { max_tokens: 60, temperature: 1.0, seed: 3, ..Default::default() };
    let calls = (0..12).map(|i| {
        let (engine, options, patience) = (&engine, &options, &patience);
        async move {
            let prompt = Prompt::Tokens(tokens(i, 290));
            engine.generate(prompt, options, &mut |_| (), patience).await
        }
    });
    for generation in pollster::block_on(join_all(calls)) {
        assert!(generation.unwrap().tokens.len() > 1);
    }
}

#[test]
fn a_context_that_is_full_is_a_typed_error() {
    let engine = engine(64, 2);
    let error = pollster::block_on(engine.logits(&tokens(0, 65), &Uninterrupted)).unwrap_err();
    assert_eq!(error.code(), "context-overflow");
    assert!(error.to_string().contains("65") && error.to_string().contains("64"));
    pollster::block_on(engine.logits(&tokens(0, 64), &Uninterrupted)).unwrap();
}

/// Both orders of a comparison decode side by side: whether their prompts come from the cache changes who shares a step
/// with whom, and must not change a bit.
#[test]
fn a_comparison_repeats_bit_for_bit_whatever_was_cached() {
    let engine = engine(2048, 16);
    let task = json!({
        "input": "Say what a lunette is.",
        "responseA": "A small window in the shape of a half moon, above a door.",
        "responseB": "A little moon.",
        "criteria": "Which response is right?",
    });
    let task: CompareTask = serde_json::from_value(task).unwrap();
    let options: JudgeOptions = serde_json::from_value(json!({ "maxTokens": 24 })).unwrap();
    let compare = |engine: &Engine| {
        let mut ignore = |_, _, _: &str| ();
        let judge = Judge::new(engine, &options, &mut ignore, &Yielding);
        let verdict = pollster::block_on(judge.compare(&task)).unwrap();
        (verdict.usage.cached_tokens, (verdict.probability_a, verdict.outside, verdict.critique))
    };
    let (cold, first) = compare(&engine);
    let (warm, second) = compare(&engine);
    assert!(warm > cold, "{warm} tokens were cached, and {cold} at first");
    assert_eq!(first, second);
}
