//! Devices that are lost at any time: calls in flight complete, with the results that they would have had.

mod common;
mod gpu_support;

use common::tiny;
use futures::future::{LocalBoxFuture, join_all};
use lunette::engine::{
    Backend, Engine, GenerateOptions, Generation, LoadOptions, OnRecovery, Prompt, Recovery, RecoveryPhase,
};
use lunette::gpu::KvType;
use lunette::quant::BlockType;
use lunette::source::{ByteStream, FileModel, MemoryModel, ModelBytes};
use lunette::{Control, Error, Result, Uninterrupted};
use pollster::block_on;
use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

/// An engine on the GPU that the tests run on, and what it tells of its devices.
struct Case {
    engine: Engine,
    events: Rc<RefCell<Vec<Recovery>>>,
}

impl Case {
    fn load(model: impl ModelBytes + 'static, options: LoadOptions) -> Case {
        // Points the loader at lavapipe where nothing else is asked for.
        drop(gpu_support::gpu(None, &[], KvType::F16));
        let events: Rc<RefCell<Vec<Recovery>>> = Rc::default();
        let heard = events.clone();
        let on_recovery = OnRecovery::new(move |event| heard.borrow_mut().push(event.clone()));
        let options = LoadOptions { backend: Backend::Webgpu, on_recovery: Some(on_recovery), ..options };
        let engine = block_on(Engine::load(Rc::new(model), &options, &mut |_| (), &Uninterrupted)).unwrap();
        Case { engine, events }
    }

    fn tiny(context: usize) -> Case {
        let options = LoadOptions { context_length: Some(context), ..Default::default() };
        Case::load(MemoryModel::new(tiny::file(BlockType::Q8_0)), options)
    }

    fn phases(&self) -> Vec<RecoveryPhase> {
        self.events.borrow().iter().map(|event| event.phase).collect()
    }

    /// Destroys the device, if there is one at the moment.
    fn destroy(&self) -> bool {
        let device = self.engine.gpu().filter(|gpu| gpu.check().is_ok());
        device.inspect(|gpu| gpu.destroy()).is_some()
    }
}

/// Lets the other calls of the thread go on at every pause. Destroys the device whenever it was looked at so many times.
struct Saboteur<'a> {
    case: &'a Case,
    /// Looks between one loss and the next.
    waits: RefCell<VecDeque<usize>>,
    looks: Cell<usize>,
}

impl<'a> Saboteur<'a> {
    fn new(case: &'a Case, waits: impl IntoIterator<Item = usize>) -> Saboteur<'a> {
        Saboteur { case, waits: RefCell::new(waits.into_iter().collect()), looks: Cell::new(0) }
    }

    fn look(&self) {
        self.looks.set(self.looks.get() + 1);
        let mut waits = self.waits.borrow_mut();
        if waits.front().is_some_and(|wait| self.looks.get() >= *wait) && self.case.destroy() {
            waits.pop_front();
            self.looks.set(0);
        }
    }
}

impl Control for Saboteur<'_> {
    fn aborted(&self) -> bool {
        self.look();
        false
    }

    fn pause(&self) -> LocalBoxFuture<'_, ()> {
        self.look();
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

fn tokens(text: u32, len: usize) -> Vec<u32> {
    (0..len as u32).map(|i| 3 + (text * 31 + i * i * 7) % 250).collect()
}

/// What a caller sees of a generation, its log-probabilities to the bit.
fn seen(generation: &Generation) -> (Vec<u32>, Vec<u32>) {
    let bits = generation.logprobs.iter().flatten().map(|logprob| logprob.to_bits()).collect();
    (generation.tokens.clone(), bits)
}

fn sampled(seed: u64) -> GenerateOptions {
    GenerateOptions { max_tokens: 24, temperature: 0.9, seed, logprobs: true, ..Default::default() }
}

/// A call alone: the bits of an undisturbed run, wherever in its prompt or in its text the device goes.
#[test]
fn a_call_ends_as_if_its_device_had_stayed() {
    let case = Case::tiny(1024);
    let run = |control: &dyn Control| {
        let prompt = Prompt::Tokens(tokens(1, 400));
        seen(&block_on(case.engine.generate(prompt, &sampled(8), &mut |_| (), control)).unwrap())
    };
    let undisturbed = run(&Uninterrupted);
    assert!(undisturbed.0.len() > 8);
    let mut random = StdRng::seed_from_u64(5);
    for losses in 1..=3 {
        // What was computed before must not help.
        case.destroy();
        let saboteur = Saboteur::new(&case, (0..losses).map(|_| random.random_range(1..60)));
        assert_eq!(run(&saboteur), undisturbed);
    }
    let phases = case.phases();
    let lost = phases.iter().filter(|phase| **phase == RecoveryPhase::Lost).count();
    assert!(lost >= 6, "{phases:?}");
    assert_eq!(phases.last(), Some(&RecoveryPhase::Recovered));
    assert!(!phases.contains(&RecoveryPhase::Fallback));
}

#[test]
fn a_device_that_goes_while_nobody_calls_is_replaced_by_the_next_call() {
    let case = Case::tiny(256);
    let before = block_on(case.engine.logprobs(&tokens(2, 100), &Uninterrupted)).unwrap();
    case.destroy();
    assert_eq!(case.phases(), []);
    assert_eq!(block_on(case.engine.logprobs(&tokens(2, 100), &Uninterrupted)).unwrap(), before);
    assert_eq!(case.phases(), [RecoveryPhase::Lost, RecoveryPhase::Recovered]);
    assert_eq!(case.events.borrow()[1].losses, 1);
    assert_eq!(case.engine.info().backend.backend, "webgpu");
}

/// Twenty rows at once, on the default model; ten losses at random times, be it while another device is filled.
#[test]
fn no_row_is_lost_with_ten_devices() {
    let options = LoadOptions { context_length: Some(1024), ..Default::default() };
    let case = Case::load(FileModel::open(common::model_path()).unwrap(), options);
    let rows: Vec<Vec<u32>> = (0..20).map(|row| [tokens(0, 16), tokens(1 + row, 3)].concat()).collect();
    let run = |control: &dyn Control| {
        let calls = rows.iter().map(|row| async {
            case.engine.gather(&mut case.engine.sequence(), row, &[10, 20, 30], control).await.unwrap().0
        });
        block_on(join_all(calls))
    };
    let calm = Saboteur::new(&case, []);
    let undisturbed = run(&calm);
    // What was computed before must not help.
    case.destroy();
    let most = calm.looks.get() / 10;
    let mut random = StdRng::seed_from_u64(11);
    let disturbed = run(&Saboteur::new(&case, (0..9).map(|_| random.random_range(1..=most))));
    let lost = case.phases().iter().filter(|phase| **phase == RecoveryPhase::Lost).count();
    for (row, (got, expected)) in disturbed.iter().zip(&undisturbed).enumerate() {
        assert!(
            got.iter().zip(expected).all(|(a, b)| (a.exp() - b.exp()).abs() < 1e-6),
            "row {row}: {got:?} {expected:?}"
        );
    }
    assert_eq!(lost, 10);
    assert!(!case.phases().contains(&RecoveryPhase::Fallback));
}

/// What a device does whose driver fails: it is lost, and nobody has destroyed it. No test can have a driver fail, but bytes
/// that do not come while the device is filled are lost time in the same way.
struct Failing {
    model: MemoryModel,
    opens: Cell<usize>,
    fails: Cell<bool>,
}

impl ModelBytes for Failing {
    fn parts(&self) -> usize {
        1
    }

    fn open(&self, part: usize) -> LocalBoxFuture<'_, Result<Box<dyn ByteStream>>> {
        self.opens.set(self.opens.get() + 1);
        match self.fails.get() {
            true => Box::pin(std::future::ready(Err(Error::Source("the network is down".into())))),
            false => self.model.open(part),
        }
    }
}

#[test]
fn a_source_that_fails_is_an_error_and_the_next_call_tries_again() {
    let model = Rc::new(Failing {
        model: MemoryModel::new(tiny::file(BlockType::Q8_0)),
        opens: Cell::new(0),
        fails: Cell::new(false),
    });
    struct Held(Rc<Failing>);
    impl ModelBytes for Held {
        fn parts(&self) -> usize {
            self.0.parts()
        }

        fn open(&self, part: usize) -> LocalBoxFuture<'_, Result<Box<dyn ByteStream>>> {
            self.0.open(part)
        }
    }
    let case = Case::load(Held(model.clone()), Default::default());
    let read = || block_on(case.engine.logits(&tokens(3, 40), &Uninterrupted));
    let before = read().unwrap();
    assert_eq!(model.opens.get(), 1);
    model.fails.set(true);
    case.destroy();
    for _ in 0..2 {
        assert_eq!(read().unwrap_err(), Error::Source("the network is down".into()));
    }
    model.fails.set(false);
    assert_eq!(read().unwrap(), before);
    assert_eq!(model.opens.get(), 4);
    assert_eq!(case.phases(), [RecoveryPhase::Lost, RecoveryPhase::Recovered]);
}

/// Devices that are destroyed again and again: in the end the CPU takes over the calls in flight.
#[test]
fn a_model_whose_devices_never_last_goes_on_on_the_cpu() {
    let case = Case::tiny(512);
    let prompt = || Prompt::Tokens(tokens(4, 200));
    let greedy = GenerateOptions { max_tokens: 8, ..Default::default() };
    let expected =
        block_on(case.engine.generate(prompt(), &greedy, &mut |_| (), &Uninterrupted)).unwrap().tokens;
    let saboteur = Saboteur::new(&case, std::iter::repeat_n(2, 1000));
    let got = block_on(case.engine.generate(prompt(), &greedy, &mut |_| (), &saboteur)).unwrap().tokens;
    assert_eq!(got, expected);
    let (phases, info) = (case.phases(), case.engine.info());
    assert_eq!(phases.last(), Some(&RecoveryPhase::Fallback), "{phases:?}");
    assert_eq!(phases.iter().filter(|phase| **phase == RecoveryPhase::Lost).count(), 12);
    assert_eq!((&info.backend.backend[..], info.backend.gpu_bytes), ("wasm", 0));
    assert!(case.engine.gpu().is_none());
    assert_eq!(case.events.borrow().last().map(|event| event.backend), Some("wasm"));
}

/// A call of a round: which text, how long, after how many of its polls it is given up.
type Call = (u32, usize, Option<usize>);

fn rounds() -> impl Strategy<Value = Vec<(Vec<Call>, Vec<usize>)>> {
    let call = (0u32..3, 1usize..120, proptest::option::weighted(0.3, 1usize..12));
    let losses = proptest::collection::vec(1usize..40, 0..2);
    proptest::collection::vec((proptest::collection::vec(call, 1..6), losses), 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, max_shrink_iters: 8, ..ProptestConfig::default() })]

    /// Calls that overlap, some of them given up in the middle of whatever they do, while devices come and go.
    #[test]
    fn interleavings_with_losses_give_the_logits_of_a_fresh_run(rounds in rounds()) {
        let (case, fresh) = (Case::tiny(512), Case::tiny(512));
        let mut kept = case.engine.sequence();
        for (calls, losses) in rounds {
            let saboteur = Saboteur::new(&case, losses);
            let calls = calls.into_iter().map(|(text, len, patience)| {
                let (mut sequence, saboteur, engine) = (kept.fork(), &saboteur, &case.engine);
                async move {
                    let prompt = tokens(text, len);
                    let advance = engine.advance(&mut sequence, &prompt, saboteur);
                    let result = given_up_after(patience, advance).await;
                    (prompt, result.map(|result| (result, sequence)))
                }
            });
            for (prompt, result) in block_on(join_all(calls.collect::<Vec<_>>())) {
                let Some((result, sequence)) = result else { continue };
                let expected = block_on(fresh.engine.logits(&prompt, &Uninterrupted)).unwrap();
                let got = result.unwrap().0;
                prop_assert!(got.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-3));
                kept = sequence;
            }
        }
    }
}

/// The future's answer, if it comes within so many polls.
async fn given_up_after<T>(polls: Option<usize>, future: impl Future<Output = T>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    let mut left = polls.unwrap_or(usize::MAX);
    std::future::poll_fn(|context| match future.as_mut().poll(context) {
        std::task::Poll::Ready(answer) => std::task::Poll::Ready(Some(answer)),
        std::task::Poll::Pending if left == 0 => std::task::Poll::Ready(None),
        std::task::Poll::Pending => {
            left -= 1;
            std::task::Poll::Pending
        }
    })
    .await
}
