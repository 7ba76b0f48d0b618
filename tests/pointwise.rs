//! Comparisons by single readings, with the default model on the CPU.

mod common;

use common::{adapters, load, tiny};
use lunette::engine::{Backend, Engine, LoadOptions};
use lunette::gguf::Value as Metadata;
use lunette::judge::{
    ClassTask, ClassVerdict, CompareTask, Judge, JudgeOptions, PreferenceVerdict, RankTask, Winner,
};
use lunette::model::Adapter;
use lunette::quant::BlockType;
use lunette::source::MemoryModel;
use lunette::{Error, Result, Uninterrupted};
use pollster::block_on;
use serde_json::{Value, json};
use std::rc::Rc;

fn engine(adapters: Vec<Rc<Adapter>>) -> Engine {
    let context_length = Some(2048);
    load(&LoadOptions { backend: Backend::Wasm, context_length, adapters, ..Default::default() }).unwrap()
}

fn with_judge<T>(engine: &Engine, options: Value, run: impl FnOnce(&Judge) -> T) -> T {
    let options: JudgeOptions = serde_json::from_value(options).unwrap();
    run(&Judge::new(engine, &options, &mut |_, _, _| (), &Uninterrupted))
}

const CRITERIA: &str = "Which response answers the question?";

fn compare(engine: &Engine, a: &str, b: &str, options: Value) -> Result<PreferenceVerdict> {
    let task =
        json!({ "input": "Name a primary colour.", "responseA": a, "responseB": b, "criteria": CRITERIA });
    let task: CompareTask = serde_json::from_value(task).unwrap();
    with_judge(engine, options, |judge| block_on(judge.compare(&task)))
}

fn classify(engine: &Engine, response: &str) -> ClassVerdict {
    let labels = json!({
        "Good": "By this, the response is better than most others would be.",
        "Poor": "By this, most others would be better.",
    });
    let rubric = json!({ "objective": CRITERIA, "labels": labels });
    let task = json!({ "input": "Name a primary colour.", "response": response, "rubric": rubric });
    let task: ClassTask = serde_json::from_value(task).unwrap();
    with_judge(engine, json!({ "critique": false }), |judge| block_on(judge.classify(&task))).unwrap()
}

#[test]
fn the_log_odds_of_single_readings_are_compared() {
    let engine = engine(vec![]);
    let options = || json!({ "critique": false, "method": "pointwise" });
    let (red, brown) = ("Red is one.", "Brown, I think, or else something like green.");
    let verdict = compare(&engine, red, brown, options()).unwrap();
    let (one, other) = (classify(&engine, red), classify(&engine, brown));
    let odds = |verdict: &ClassVerdict| (verdict.distribution[0].1 / verdict.distribution[1].1).ln();
    let expected = 1.0 / (1.0 + (odds(&other) - odds(&one)).exp());
    assert!((verdict.probability_a - expected).abs() < 1e-9, "{} and {expected}", verdict.probability_a);
    assert!((verdict.outside - (one.outside + other.outside) / 2.0).abs() < 1e-9);
    assert_eq!(verdict.consistent, Some(true));
    let firsts: Vec<Winner> = verdict.orders.iter().map(|order| order.first).collect();
    assert_eq!(firsts, [Winner::A, Winner::B]);
    let good = verdict.orders[0].good.unwrap();
    assert!(((good / (1.0 - good)).ln() - odds(&one)).abs() < 1e-9);

    // No response stands first, so swapping them changes nothing but their names.
    let swapped = compare(&engine, brown, red, options()).unwrap();
    assert_ne!(verdict.winner, swapped.winner);
    assert!((verdict.probability_a + swapped.probability_a - 1.0).abs() < 1e-12);
    let same = compare(&engine, red, red, options()).unwrap();
    assert_eq!((same.winner, same.probability_a), (Winner::Tie, 0.5));
}

#[test]
fn each_response_has_a_critique_and_a_prompt_of_its_own() {
    let engine = engine(vec![]);
    let options = json!({ "maxTokens": 8, "method": "pointwise" });
    let verdict = compare(&engine, "Red.", "A colour is what one sees.", options.clone()).unwrap();
    let [of_a, of_b] = &verdict.orders[..] else { panic!("{:?}", verdict.orders) };
    let winner = if verdict.winner == Winner::A { of_a } else { of_b };
    assert!(verdict.critique.is_some() && verdict.critique == winner.critique);
    let task = json!({ "input": "?", "responseA": "Alpha.", "responseB": "Omega.", "criteria": CRITERIA });
    let task: CompareTask = serde_json::from_value(task).unwrap();
    let prompts = with_judge(&engine, options, |judge| judge.compare_prompts(&task)).unwrap();
    let holds: Vec<[bool; 2]> =
        prompts.iter().map(|prompt| ["Alpha.", "Omega."].map(|text| prompt.text.contains(text))).collect();
    assert_eq!(holds, [[true, false], [false, true]]);
}

#[test]
fn responses_are_ranked_by_it() {
    let engine = engine(vec![]);
    let responses = ["Red.", "Brown.", "A colour is what one sees."];
    let task = json!({ "input": "Name a primary colour.", "responses": responses, "criteria": CRITERIA });
    let task: RankTask = serde_json::from_value(task).unwrap();
    let options = json!({ "critique": false, "method": "pointwise" });
    let verdict = with_judge(&engine, options, |judge| block_on(judge.rank(&task))).unwrap();
    let odds = responses
        .map(|response| classify(&engine, response))
        .map(|v| v.distribution[0].1 / v.distribution[1].1);
    for comparison in &verdict.comparisons {
        let better = if odds[comparison.a] > odds[comparison.b] { Winner::A } else { Winner::B };
        assert_eq!(comparison.winner, better);
    }
}

/// An adapter that hardly changes the default model, and says how it was trained to compare.
fn trained(method: &str) -> Rc<Adapter> {
    let mut header = adapters::metadata("llama", "judge");
    header.set("lunette.judge.method", Metadata::String(method.into()));
    header.set("adapter.lora.alpha", Metadata::Float(1e-6));
    let (width, rank) = (576, 1);
    let tensors = [("lora_a", vec![width, rank]), ("lora_b", vec![rank, width])]
        .map(|(name, dims)| (format!("blk.0.attn_q.weight.{name}"), dims, BlockType::F32));
    Rc::new(block_on(Adapter::read(&MemoryModel::new(tiny::write(header, &tensors)))).unwrap())
}

#[test]
fn an_adapter_says_how_it_compares() {
    let ask = |engine: &Engine, options| compare(engine, "Red.", "Brown is one of them.", options);
    let engine_of = |method| engine(vec![trained(method)]);
    let probability = |engine: &Engine, options| ask(engine, options).unwrap().probability_a;
    let pointwise = engine_of("pointwise");
    let by_default = probability(&pointwise, json!({ "critique": false }));
    assert_eq!(by_default, probability(&pointwise, json!({ "critique": false, "method": "pointwise" })));
    assert_ne!(by_default, probability(&pointwise, json!({ "critique": false, "method": "pairwise" })));
    // Without the adapter nobody has said anything.
    let without = ask(&pointwise, json!({ "critique": false, "adapter": null })).unwrap();
    assert_ne!(without.orders[0].probability_a, without.orders[1].probability_a);
    let error = ask(&engine_of("by dice"), json!({ "critique": false })).unwrap_err();
    assert!(
        matches!(&error, Error::InvalidFile(why) if why.contains("by dice") && why.contains("`method`")),
        "{error}"
    );
}
