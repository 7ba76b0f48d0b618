//! Generation: the options, the same results on both backends, and steps ahead of the read-back that cannot be told
//! from steps one by one.

mod common;

use common::tiny;
use futures::future::{LocalBoxFuture, join_all};
use lunette::engine::{
    Backend, Engine, GenerateOptions, Generation, LoadOptions, Prompt, Usage, log_sum_exp,
};
use lunette::quant::BlockType;
use lunette::source::MemoryModel;
use lunette::{Control, Error, Uninterrupted};
use pollster::block_on;
use std::cell::Cell;
use std::rc::Rc;

const BACKENDS: [Backend; 2] = [Backend::Wasm, Backend::Webgpu];

/// Lets the other calls of the thread go on at every pause, as a browser does, and aborts at the `after`-th.
struct Pausing {
    pauses: Cell<usize>,
    after: usize,
}

fn pausing(after: usize) -> Pausing {
    Pausing { pauses: Cell::new(0), after }
}

impl Control for Pausing {
    fn aborted(&self) -> bool {
        self.pauses.get() >= self.after
    }

    fn pause(&self) -> LocalBoxFuture<'_, ()> {
        self.pauses.set(self.pauses.get() + 1);
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

fn engine(backend: Backend, steps_ahead: usize, context: usize) -> Engine {
    let model = Rc::new(MemoryModel::new(tiny::file(BlockType::Q8_0)));
    let options = LoadOptions {
        backend,
        context_length: Some(context),
        max_batch: Some(4),
        steps_ahead: Some(steps_ahead),
        ..Default::default()
    };
    block_on(Engine::load(model, &options, &mut |_| (), &Uninterrupted)).unwrap()
}

fn prompt(text: u32, len: usize) -> Vec<u32> {
    (0..len as u32).map(|i| 3 + (text * 31 + i * i * 7) % 250).collect()
}

/// What a call gave, with the pieces of text that it gave out put together.
fn generate(engine: &Engine, prompt: &[u32], options: &GenerateOptions) -> (Generation, String) {
    let mut streamed = String::new();
    let tokens = Prompt::Tokens(prompt.to_vec());
    let done =
        block_on(engine.generate(tokens, options, &mut |text| streamed.push_str(text), &Uninterrupted));
    (done.unwrap(), streamed)
}

fn warm(seed: u64) -> GenerateOptions {
    GenerateOptions { temperature: 1.0, top_p: 0.95, seed, max_tokens: 24, ..Default::default() }
}

/// All but the time that it took.
type Outcome = (String, Vec<u32>, Option<Vec<f32>>, Vec<Vec<(u32, f32)>>, String, Usage, String);

fn outcome((done, streamed): (Generation, String)) -> Outcome {
    let top = done.top_logprobs.unwrap_or_default();
    let top = top.iter().map(|t| t.iter().map(|t| (t.token, t.logprob)).collect()).collect();
    let finish = format!("{:?}", done.finish_reason);
    (done.text, done.tokens, done.logprobs, top, finish, done.usage, streamed)
}

#[test]
fn steps_ahead_change_nothing() {
    for backend in BACKENDS {
        let reference = generate(&engine(backend, 1, 128), &prompt(0, 20), &warm(3)).0;
        let letters: Vec<char> = reference.text.chars().collect();
        let stop: String = letters[letters.len() / 2..][..2].iter().collect();
        let table = [
            GenerateOptions { max_tokens: 24, ..Default::default() },
            GenerateOptions { max_tokens: 1, ..warm(3) },
            GenerateOptions { max_tokens: 7, logprobs: true, top_logprobs: 3, ..warm(3) },
            GenerateOptions { stop: vec![stop.clone()], ..warm(3) },
            // Until the context is full.
            GenerateOptions { max_tokens: 1000, ..warm(4) },
        ];
        let run = |ahead| {
            let engine = engine(backend, ahead, 128);
            table.each_ref().map(|options| outcome(generate(&engine, &prompt(0, 20), options)))
        };
        let expected = run(1);
        for ahead in [2, 3, 8] {
            for ((got, expected), options) in run(ahead).iter().zip(&expected).zip(&table) {
                assert_eq!(got, expected, "{backend:?}, {ahead} steps, {options:?}");
            }
        }
        let stopped = generate(&engine(backend, 8, 128), &prompt(0, 20), &table[3]).0;
        assert!(!stopped.text.contains(&stop) && stopped.tokens.len() < reference.tokens.len());
    }
}

/// A sequence that was cut off goes on as if nothing had been computed past the cut.
#[test]
fn nothing_is_kept_past_a_cut() {
    for backend in BACKENDS {
        let prompt = prompt(1, 13);
        let by_one = engine(backend, 1, 128);
        let reference = generate(&by_one, &prompt, &warm(5)).0.tokens;
        for max_tokens in [1, 4, 5, 11, 20] {
            let engine = engine(backend, 8, 128);
            let mut sequence = engine.sequence();
            let options = GenerateOptions { max_tokens, ..warm(5) };
            let on_text = &mut |_: &str| ();
            let run = engine.generate_from(&mut sequence, &prompt, &options, on_text, &Uninterrupted);
            let tokens = block_on(run).unwrap().tokens;
            assert_eq!(tokens, reference[..max_tokens]);
            // As it was drawn, and otherwise from a place on that may have been computed ahead.
            let other = [&prompt[..], &tokens[..max_tokens / 2], &[9, 8, 7]].concat();
            let same = [&prompt[..], &tokens[..], &[11]].concat();
            for text in [same, other] {
                let fork = block_on(engine.logits(&text, &Uninterrupted)).unwrap();
                let own = block_on(engine.advance(&mut sequence, &text, &Uninterrupted)).unwrap().0;
                let fresh = block_on(by_one.logits(&text, &Uninterrupted)).unwrap();
                assert_eq!(sequence.tokens(), text);
                assert!(close(&own, &fresh) && close(&fork, &fresh), "{backend:?}, {max_tokens}");
            }
        }
    }
}

fn close(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-3)
}

/// Calls of various lengths that overlap, some of which are aborted, on a cache that is too small for all of them.
#[test]
fn batches_and_aborts_leave_the_others_alone() {
    for backend in BACKENDS {
        let calls: Vec<(Vec<u32>, GenerateOptions)> = (0..7)
            .map(|i| {
                (
                    prompt(i % 3, 5 + 9 * i as usize),
                    GenerateOptions { max_tokens: 6 + 3 * i as usize, ..warm(u64::from(i)) },
                )
            })
            .collect();
        let by_one = engine(backend, 1, 192);
        let alone: Vec<_> = calls.iter().map(|(p, o)| generate(&by_one, p, o).0.tokens).collect();
        for ahead in [1, 4] {
            let engine = engine(backend, ahead, 192);
            // Nobody, then every other call, goes away in the middle.
            for (round, after) in [usize::MAX, 4, 9, usize::MAX].into_iter().enumerate() {
                let controls: Vec<_> =
                    (0..calls.len()).map(|i| pausing(if i % 2 == 0 { after } else { usize::MAX })).collect();
                let all = calls.iter().zip(&controls).map(|((prompt, options), control)| {
                    let engine = &engine;
                    async move {
                        let prompt = Prompt::Tokens(prompt.clone());
                        engine.generate(prompt, options, &mut |_| (), control).await
                    }
                });
                for (i, done) in block_on(join_all(all)).into_iter().enumerate() {
                    match done {
                        Ok(done) => assert_eq!(done.tokens, alone[i], "{backend:?}, round {round}, call {i}"),
                        Err(error) => assert!(error == Error::Aborted && i % 2 == 0, "call {i}: {error}"),
                    }
                }
            }
        }
    }
}

fn gather(engine: &Engine, text: &[u32], ids: &[u32]) -> lunette::Result<Vec<f32>> {
    let mut sequence = engine.sequence();
    block_on(engine.gather(&mut sequence, text, ids, &Uninterrupted)).map(|(logprobs, _)| logprobs)
}

/// More sequences in a batch than a plan has outputs for.
#[test]
fn large_batches_go_step_by_step() {
    let model = || Rc::new(MemoryModel::new(tiny::file(BlockType::Q8_0)));
    for backend in BACKENDS {
        let (context_length, max_batch, steps_ahead) = (Some(1024), Some(20), Some(4));
        let options = LoadOptions { backend, context_length, max_batch, steps_ahead, ..Default::default() };
        let engine = block_on(Engine::load(model(), &options, &mut |_| (), &Uninterrupted)).unwrap();
        let options = GenerateOptions { max_tokens: 9, ..warm(6) };
        let control = pausing(usize::MAX);
        let all = (0..19).map(|i| {
            let (engine, options, control) = (&engine, &options, &control);
            let prompt = Prompt::Tokens(prompt(i, 5));
            async move { engine.generate(prompt, options, &mut |_| (), control).await.unwrap().tokens }
        });
        let together = block_on(join_all(all));
        let by_one = self::engine(backend, 1, 128);
        for (i, tokens) in (0..).zip(together) {
            assert_eq!(tokens, generate(&by_one, &prompt(i, 5), &options).0.tokens, "{backend:?}, call {i}");
        }
    }
}

#[test]
fn log_probabilities_are_those_of_the_logits() {
    for backend in BACKENDS {
        let engine = engine(backend, 1, 128);
        let prompt = prompt(2, 30);
        let options = GenerateOptions { logprobs: true, top_logprobs: 4, max_tokens: 3, ..warm(1) };
        let done = generate(&engine, &prompt, &options).0;
        let (logprobs, top) = (done.logprobs.unwrap(), done.top_logprobs.unwrap());
        let mut text = prompt.clone();
        for (i, token) in done.tokens.into_iter().enumerate() {
            let logits = block_on(engine.logits(&text, &Uninterrupted)).unwrap();
            let total = log_sum_exp(&logits);
            let expected = |token: u32| (f64::from(logits[token as usize]) - total) as f32;
            let mut ids: Vec<u32> = (0..logits.len() as u32).collect();
            ids.sort_by(|a, b| logits[*b as usize].total_cmp(&logits[*a as usize]));
            assert_eq!(top[i].iter().map(|t| t.token).collect::<Vec<_>>(), ids[..4]);
            let all = top[i].iter().map(|t| (t.token, t.logprob)).chain([(token, logprobs[i])]);
            for (token, logprob) in all {
                let expected = expected(token);
                // The logits come from a prefill, whose products are rounded in another way than those of a decode step.
                assert!((logprob - expected).abs() < 1e-3, "{backend:?}: {logprob}, {expected}");
            }
            // A few tokens, more than a backend gathers at once, and each token of a text.
            for ids in [vec![token, 5], ids] {
                let gathered = gather(&engine, &text, &ids).unwrap();
                let expected: Vec<f32> = ids.iter().map(|id| expected(*id)).collect();
                assert!(gathered.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-4), "{backend:?}");
            }
            text.push(token);
            let each = block_on(engine.logprobs(&text, &Uninterrupted)).unwrap();
            assert_eq!(each.len(), text.len() - 1);
            assert!((each[each.len() - 1] - expected(token)).abs() < 1e-4, "{backend:?}");
        }
    }
}

#[test]
fn a_seed_repeats_on_any_backend() {
    let run = |backend, seed| generate(&engine(backend, 1, 128), &prompt(4, 20), &warm(seed)).0.tokens;
    let [cpu, gpu] = BACKENDS.map(|backend| [run(backend, 1), run(backend, 2)]);
    assert_eq!(cpu, gpu);
    assert_ne!(cpu[0], cpu[1]);
}

#[test]
fn what_cannot_be_asked_for_is_a_typed_error() {
    let engine = engine(Backend::Wasm, 1, 64);
    let options = GenerateOptions { top_logprobs: 21, ..Default::default() };
    let tokens = Prompt::Tokens(vec![5]);
    let error = block_on(engine.generate(tokens, &options, &mut |_| (), &Uninterrupted)).unwrap_err();
    assert!(error.code() == "invalid-argument" && error.to_string().contains("topLogprobs"), "{error}");
    assert_eq!(gather(&engine, &[5], &[1 << 20]).unwrap_err().code(), "invalid-argument");
}
