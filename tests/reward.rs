//! The reward model on a tiny model: rewards and Q against the hidden states that they are made of.

mod common;
mod gpu_support;

use common::adapters;
use common::tiny::{self, WIDTH};
use lunette::engine::{AdapterChoice, Backend, Engine, LoadOptions};
use lunette::gguf::{Value, Writer};
use lunette::quant::BlockType;
use lunette::reward::{GoalChoice, Head, RewardModel, RewardOptions, RewardTask, RewardVerdict};
use lunette::source::{MemoryModel, ModelBytes};
use lunette::tokenizer::Message;
use lunette::{Result, Uninterrupted};
use pollster::block_on;
use std::rc::Rc;

const RANK: u64 = 4;
/// The element of a state that the linear head below returns twice.
const PLACE: usize = 7;

fn wave(count: u64, step: f32) -> Vec<f32> {
    (0..count).map(|i| (i as f32 * step).sin() * 0.3).collect()
}

/// A head of these layers, `[rows, cols]` with their values, and two goals.
fn head(layers: &[(u64, u64, Vec<f32>)], goals: &[(&str, Vec<f32>)]) -> Vec<u8> {
    let mut header = adapters::metadata("llama", "head");
    header.set("lunette.reward.layers", Value::Unsigned(layers.len() as u64));
    let q = "blk.1.attn_q.weight";
    let mut tensors = vec![
        (format!("{q}.lora_a"), vec![WIDTH, RANK], wave(WIDTH * RANK, 0.7)),
        (format!("{q}.lora_b"), vec![RANK, WIDTH], wave(WIDTH * RANK, 0.9)),
    ];
    for (i, (rows, cols, values)) in layers.iter().enumerate() {
        tensors.push((format!("reward.{i}.weight"), vec![*cols, *rows], values.clone()));
    }
    for (name, state) in goals {
        tensors.push((format!("goal.{name}"), vec![state.len() as u64, 1], state.clone()));
    }
    written(header, &tensors)
}

fn written(mut header: Writer, tensors: &[(String, Vec<u64>, Vec<f32>)]) -> Vec<u8> {
    for (name, dims, _) in tensors {
        header.tensor(name, dims, BlockType::F32);
    }
    let mut data = header.start(Vec::new()).unwrap();
    for (_, _, values) in tensors {
        data.write(bytemuck::cast_slice(values)).unwrap();
    }
    data.finish().unwrap()
}

fn usual() -> Vec<u8> {
    let mut row = vec![0.0; WIDTH as usize];
    row[PLACE] = 2.0;
    head(&[(1, WIDTH, row)], &[("kind", wave(WIDTH, 0.4)), ("short", wave(WIDTH, 1.3))])
}

fn read(file: Vec<u8>) -> Result<Head> {
    block_on(Head::read(&MemoryModel::new(file)))
}

fn engine(head: &Head, backend: Backend) -> Result<Engine> {
    let options = LoadOptions { head: Some(head.adapter().clone()), backend, ..Default::default() };
    let model: Rc<dyn ModelBytes> = Rc::new(MemoryModel::new(tiny::file(BlockType::F16)));
    block_on(Engine::load(model, &options, &mut |_| (), &Uninterrupted))
}

fn task(response: &str) -> RewardTask {
    RewardTask { input: "Why is the sky dark at night?".into(), response: response.into() }
}

fn reward(model: &RewardModel, response: &str, options: &RewardOptions) -> RewardVerdict {
    block_on(model.reward(&task(response), options, &Uninterrupted)).unwrap()
}

#[test]
fn rewards_and_q_are_made_of_the_states() {
    for backend in [Backend::Wasm, Backend::Webgpu] {
        let head = read(usual()).unwrap();
        let engine = Rc::new(engine(&head, backend).unwrap());
        let model = RewardModel::new(engine.clone(), head).unwrap();
        let response = "The sun is down — 夜. <|im_end|>";
        let verdict = reward(&model, response, &RewardOptions::default());
        assert_eq!(verdict.tokens.concat(), response);
        assert_eq!(verdict.trace.q.len(), verdict.tokens.len());
        assert_eq!(verdict.usage.cached_tokens, 0);
        let again = reward(&model, "It is night.", &RewardOptions::default()).usage;
        assert!(again.cached_tokens > 0, "{backend:?}: the input was not shared");

        // The same by hand: the conversation up to the reply's end.
        let messages = [
            Message::user("Why is the sky dark at night?"),
            Message { role: "assistant".into(), content: response.into() },
        ];
        let start = engine.chat_prompt(&messages[..1], "").unwrap().len();
        let tokens = engine.chat_prompt(&messages, "").unwrap()[..start + verdict.tokens.len() + 1].to_vec();
        assert!(engine.tokenizer().is_end(*tokens.last().unwrap()));
        let all: Vec<usize> = (0..tokens.len()).collect();
        let states = |choice| block_on(engine.states_with(choice, &tokens, &all, &Uninterrupted)).unwrap().0;
        let (adapted, plain) = (states(&AdapterChoice::Head), states(&AdapterChoice::default()));
        assert_eq!(verdict.reward, 2.0 * adapted.last().unwrap()[PLACE], "{backend:?}");
        assert_ne!(adapted.last(), plain.last(), "the head's adapter does nothing");

        // Beside the goal that this very response is, it ends where it should, and goes there all the way.
        let goal = block_on(model.goal_from("mine", &[task(response)], &Uninterrupted)).unwrap();
        let options = RewardOptions { goal: GoalChoice::State(goal.state), threshold: 0.99, ignore: 2 };
        let verdict = reward(&model, response, &options);
        assert!((verdict.end - 1.0).abs() < 1e-5, "{backend:?}: {}", verdict.end);
        let minimum = verdict.trace.minimum.unwrap();
        assert!(minimum.at >= 2 && verdict.trace.q[minimum.at] == minimum.q);
        let fall = verdict.trace.q.iter().skip(2).position(|q| *q < 0.99).map(|at| at + 2);
        assert_eq!(verdict.trace.fall, fall);
    }
}

#[test]
fn goals_are_chosen_and_mixed() {
    let head = read(usual()).unwrap();
    let model = RewardModel::new(Rc::new(engine(&head, Backend::Wasm).unwrap()), head).unwrap();
    assert_eq!(model.goals().map(|goal| &goal.name[..]).collect::<Vec<_>>(), ["kind", "short"]);
    let end = |goal| reward(&model, "Rain.", &RewardOptions { goal, ..Default::default() }).end;
    let (kind, short) = (end(GoalChoice::Named("kind".into())), end(GoalChoice::Named("short".into())));
    let mixed = |a: f32, b: f32| end(GoalChoice::Mixed([("kind".into(), a), ("short".into(), b)].into()));
    assert!(
        kind != short && (mixed(1.0, 0.0) - kind).abs() < 1e-6 && (mixed(0.0, -1.0) + short).abs() < 1e-6
    );
    assert_eq!(end(GoalChoice::All), mixed(1.0, 1.0));
    let options = RewardOptions { goal: GoalChoice::Named("long".into()), ..Default::default() };
    let error = block_on(model.reward(&task("Rain."), &options, &Uninterrupted)).unwrap_err();
    assert_eq!((error.code(), error.to_string().contains("kind")), ("invalid-argument", true));
}

/// ReLU between the layers: of opposite rows one remains, so the reward is the size of an element.
#[test]
fn a_head_may_have_layers() {
    let mut rows = vec![0.0; 2 * WIDTH as usize];
    (rows[PLACE], rows[WIDTH as usize + PLACE]) = (1.0, -1.0);
    let goals = [("kind", wave(WIDTH, 0.4))];
    let deep = read(head(&[(2, WIDTH, rows), (1, 2, vec![1.0, 1.0])], &goals)).unwrap();
    let flat = read(usual()).unwrap();
    let [deep, flat] = [deep, flat].map(|head| {
        let model = RewardModel::new(Rc::new(engine(&head, Backend::Wasm).unwrap()), head).unwrap();
        reward(&model, "Rain.", &RewardOptions::default()).reward
    });
    assert_eq!(deep, (flat / 2.0).abs());
}

#[test]
fn other_calls_do_not_see_the_head() {
    let head = read(usual()).unwrap();
    let with = engine(&head, Backend::Wasm).unwrap();
    let model: Rc<dyn ModelBytes> = Rc::new(MemoryModel::new(tiny::file(BlockType::F16)));
    let options = LoadOptions { backend: Backend::Wasm, ..Default::default() };
    let without = Rc::new(block_on(Engine::load(model, &options, &mut |_| (), &Uninterrupted)).unwrap());
    let tokens: Vec<u32> = (40..90).collect();
    let logits = |engine: &Engine| block_on(engine.logits(&tokens, &Uninterrupted)).unwrap();
    assert_eq!(logits(&with), logits(&without));
    assert!(with.info().lora_adapters.is_empty());
    let error = RewardModel::new(without, head).err().unwrap();
    assert!(error.to_string().contains("`head`"), "{error}");
}

#[test]
fn heads_that_are_none_say_so() {
    let goals = [("kind", wave(WIDTH, 0.4))];
    let row = || vec![1.0; WIDTH as usize];
    let code = |file| read(file).err().map(|error| error.code());
    // An adapter without a head, layers that do not fit, and values that are no numbers.
    assert_eq!(code(adapters::file("llama", "wide")), Some("invalid-argument"));
    assert_eq!(code(head(&[(1, WIDTH, row()), (1, 2, vec![1.0; 2])], &goals)), Some("invalid-file"));
    assert_eq!(code(head(&[(2, WIDTH, [row(), row()].concat())], &goals)), Some("invalid-file"));
    assert_eq!(code(head(&[(1, WIDTH, vec![f32::NAN; WIDTH as usize])], &goals)), Some("invalid-file"));
    assert_eq!(code(head(&[(1, WIDTH, row())], &[])), Some("invalid-file"));
    assert_eq!(code(head(&[(1, WIDTH, row())], &[("kind", vec![1.0; 3])])), Some("invalid-file"));
    let mut many = adapters::metadata("llama", "head");
    many.set("lunette.reward.layers", Value::Unsigned(u64::MAX));
    assert_eq!(code(written(many, &[])), Some("invalid-file"));
    // Sound, but for a wider model.
    let goals = [("kind", vec![1.0; 2 * WIDTH as usize])];
    let wide = read(head(&[(1, 2 * WIDTH, [row(), row()].concat())], &goals)).unwrap();
    let engine = Rc::new(engine(&wide, Backend::Wasm).unwrap());
    assert_eq!(RewardModel::new(engine, wide).err().unwrap().code(), "invalid-argument");
}
