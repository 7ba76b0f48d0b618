//! The reward model on a tiny model: rewards and Q against the hidden states that they are made of.

mod common;
mod gpu_support;

use common::adapters;
use common::heads::{PLACE, file as head, usual, wave, written};
use common::root;
use common::tiny::{self, WIDTH};
use futures::future::{join, join_all};
use lunette::engine::{AdapterChoice, Backend, Engine, GenerateOptions, LoadOptions, Prompt};
use lunette::gguf::Value;
use lunette::quant::BlockType;
use lunette::reward::{
    Goal, GoalChoice, Guide, Head, RewardManyTask, RewardModel, RewardOptions, RewardTask, RewardVerdict,
};
use lunette::source::{FileModel, MemoryModel, ModelBytes};
use lunette::tokenizer::Message;
use lunette::{Result, Uninterrupted};
use pollster::block_on;
use std::rc::Rc;

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
fn a_response_may_begin_with_anything() {
    // The tiny model's own template trims replies.
    let template = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}\
                    {% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
    let head = read(usual()).unwrap();
    let options = LoadOptions {
        head: Some(head.adapter().clone()),
        backend: Backend::Wasm,
        chat_template: Some(template.into()),
        ..Default::default()
    };
    let file: Rc<dyn ModelBytes> = Rc::new(MemoryModel::new(tiny::file(BlockType::F16)));
    let engine = block_on(Engine::load(file, &options, &mut |_| (), &Uninterrupted)).unwrap();
    let model = RewardModel::new(Rc::new(engine), head).unwrap();
    for response in ["\n\n- It is night.", " It is.", "", "\n", "<|im_start|>assistant\nNo.", "\u{301}e"] {
        let verdict = reward(&model, response, &RewardOptions::default());
        assert_eq!(verdict.tokens.concat(), response, "{response:?}");
        assert_eq!(verdict.trace.q.len(), verdict.tokens.len());
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

#[test]
fn of_several_responses_the_best_comes_first() {
    let head = read(usual()).unwrap();
    let model = RewardModel::new(Rc::new(engine(&head, Backend::Wasm).unwrap()), head).unwrap();
    let responses = ["Rain.", "The sun is down.", "It turns away from the sun.", "Rain."].map(String::from);
    let many = RewardManyTask { input: task("").input, responses: responses.to_vec() };
    let alone = responses.each_ref().map(|response| reward(&model, response, &RewardOptions::default()));
    let ranked = block_on(model.rerank(&many, &RewardOptions::default(), &Uninterrupted)).unwrap();
    for (a, b) in alone.iter().zip(&ranked.rewards) {
        assert!((a.reward - b.reward).abs() < 1e-3, "{} alone, {} among others", a.reward, b.reward);
    }
    let rewards: Vec<f32> = ranked.order.iter().map(|i| ranked.rewards[*i].reward).collect();
    assert!(rewards.is_sorted_by(|a, b| a >= b), "{rewards:?}");
    assert_eq!(ranked.order.iter().position(|i| *i == 0).map(|at| ranked.order[at + 1]), Some(3));

    // A threshold between the lowest points of the first two responses keeps one of them.
    let least = |i: usize| alone[i].trace.q.iter().copied().fold(1.0, f32::min);
    let threshold = (least(0) + least(1)) / 2.0;
    let options = RewardOptions { threshold, ignore: 0, ..Default::default() };
    let filtered = block_on(model.filter(&many, &options, &Uninterrupted)).unwrap();
    let expected: Vec<usize> = (0..4).filter(|i| least(*i) >= threshold).collect();
    assert_eq!(filtered.kept.kept, expected);
    assert_eq!(filtered.kept.tokens, alone.iter().map(|verdict| verdict.tokens.len()).sum::<usize>());
    let unread = RewardOptions { threshold: f32::NAN, ..Default::default() };
    assert_eq!(
        block_on(model.filter(&many, &unread, &Uninterrupted)).unwrap_err().code(),
        "invalid-argument"
    );
}

/// More states in a step than it may have other outputs, with other calls beside them.
#[test]
fn many_long_responses_at_once_get_what_they_get_alone() {
    for backend in [Backend::Wasm, Backend::Webgpu] {
        let head = read(usual()).unwrap();
        let engine = Rc::new(engine(&head, backend).unwrap());
        let model = RewardModel::new(engine.clone(), head).unwrap();
        let response = |i: usize| ["night ", "sun ", "moon "][i % 3].repeat(20 + i);
        let options = RewardOptions::default();
        let tasks: Vec<RewardTask> = (0..12).map(|i| task(&response(i))).collect();
        let together = join_all(tasks.iter().map(|task| model.reward(task, &options, &Uninterrupted)));
        let tokens: Vec<u32> = (40..140).collect();
        let logprobs = engine.logprobs(&tokens, &Uninterrupted);
        let (together, beside) = block_on(join(together, logprobs));
        assert_eq!(beside.unwrap().len(), tokens.len() - 1);
        for (task, verdict) in tasks.iter().zip(together) {
            let (verdict, alone) = (verdict.unwrap(), reward(&model, &task.response, &options));
            assert!((verdict.reward - alone.reward).abs() < 1e-3, "{backend:?}");
            for (a, b) in verdict.trace.q.iter().zip(&alone.trace.q) {
                assert!((a - b).abs() < 1e-3, "{backend:?}: {a} {b}");
            }
        }
    }
}

#[test]
fn a_text_is_led_to_a_goal_or_away_from_it() {
    let head = read(usual()).unwrap();
    let engine = Rc::new(engine(&head, Backend::Wasm).unwrap());
    let model = RewardModel::new(engine.clone(), head).unwrap();
    let ask = || Prompt::Messages(vec![Message::user("Why is the sky dark at night?")]);
    let drawn =
        GenerateOptions { max_tokens: 24, temperature: 1.0, seed: 3, logprobs: true, ..Default::default() };
    let guided = |options: &GenerateOptions, guide: &Guide| {
        let mut heard = String::new();
        let mut listen = |piece: &str| heard.push_str(piece);
        let found = block_on(model.generate(ask(), options, guide, &mut listen, &Uninterrupted))?;
        assert_eq!(heard, found.text);
        Ok::<_, lunette::Error>(found)
    };
    // Without a choice, steps are what one generation would be.
    let greedy = GenerateOptions { temperature: 0.0, ..drawn.clone() };
    let whole = block_on(engine.generate(ask(), &greedy, &mut |_| (), &Uninterrupted)).unwrap();
    let steps = guided(&greedy, &Guide { candidates: 1, step_tokens: 5, ..Default::default() }).unwrap();
    assert_eq!((&steps.tokens, &steps.text), (&whole.tokens, &whole.text));
    assert_eq!((steps.usage.prompt_tokens, steps.usage.completion_tokens), (whole.usage.prompt_tokens, 24));
    assert_eq!(steps.logprobs.unwrap().len(), 24);

    let nearness = |weight: f32| {
        let guide = Guide { weight, candidates: 6, step_tokens: 4, ..Default::default() };
        let found = guided(&drawn, &guide).unwrap();
        assert_eq!(guided(&drawn, &guide).unwrap().tokens, found.tokens, "the seed does not repeat it");
        let prompt = engine.prompt_tokens(ask()).unwrap();
        let tokens = [&prompt[..], &found.tokens].concat();
        let places: Vec<usize> = (prompt.len()..tokens.len()).collect();
        let read = engine.states_with(&AdapterChoice::Head, &tokens, &places, &Uninterrupted);
        let goal = read_goal(&model);
        let near = block_on(read).unwrap().0.iter().map(|state| goal.nearness(state)).sum::<f32>();
        near / places.len() as f32
    };
    let (towards, away) = (nearness(1e4), nearness(-1e4));
    assert!(towards > away, "{towards} towards the goal, {away} away from it");

    let refused = |options: &GenerateOptions, guide: Guide| guided(options, &guide).unwrap_err().code();
    assert_eq!(refused(&greedy, Guide::default()), "invalid-argument");
    assert_eq!(refused(&drawn, Guide { candidates: 0, ..Default::default() }), "invalid-argument");
    assert_eq!(refused(&drawn, Guide { step_tokens: 0, ..Default::default() }), "invalid-argument");
    let stops = GenerateOptions { stop: vec!["x".into()], ..drawn.clone() };
    assert_eq!(refused(&stops, Guide::default()), "invalid-argument");
}

/// All goals of a head alike.
fn read_goal(model: &RewardModel) -> Goal {
    let goals: Vec<&Goal> = model.goals().collect();
    let unit = |goal: &Goal| {
        let length = goal.state.iter().map(|v| v * v).sum::<f32>().sqrt();
        goal.state.iter().map(|v| v / length).collect::<Vec<f32>>()
    };
    let mut state = unit(goals[0]);
    state.iter_mut().zip(unit(goals[1])).for_each(|(sum, value)| *sum += value);
    Goal { name: String::new(), state }
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
fn published_heads_are_sound() {
    let files = std::fs::read_dir(root().join("judges/heads")).unwrap();
    let files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    assert!(!files.is_empty());
    for file in files {
        let bytes = FileModel::open(&file).unwrap();
        let head = block_on(Head::read(&bytes)).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let metadata = head.adapter().metadata();
        for key in ["general.name", "general.license", "lunette.base.sha256", "lunette.card"] {
            assert!(metadata.str(key).is_some_and(|text| !text.is_empty()), "{}: no {key}", file.display());
        }
        assert!(std::fs::metadata(&file).unwrap().len() < 20_000_000, "{}", file.display());
    }
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
