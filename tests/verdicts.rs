//! Verdicts against llama.cpp: 20 tasks whose distributions were computed from its full logits, over the weights
//! dequantized exactly, with `f32` activations and KV cache (tests/verdicts/README.md). `LUNETTE_OTHER_MODEL` and
//! `LUNETTE_GOLDEN` name another model and its values (`cargo xtask golden --check NAME --verdicts`): each task then has
//! both templates.

mod common;

use common::{load, model_path, root};
use lunette::Uninterrupted;
use lunette::engine::{Backend, Engine, LoadOptions};
use lunette::judge::{Judge, JudgeOptions, RenderedPrompt, TemplateChoice};
use pollster::block_on;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// In every probability. 0.01 is what is promised; many a label here has not much more than that.
const BOUND: f64 = 0.003;

#[derive(Clone, Deserialize)]
struct Case {
    name: String,
    kind: String,
    template: String,
    task: Value,
}

/// What llama.cpp makes of one prompt.
#[derive(Deserialize)]
struct Golden {
    tokens: Vec<u32>,
    distribution: BTreeMap<String, f64>,
    outside: f64,
}

fn read<T: for<'a> Deserialize<'a>>(name: &str) -> T {
    let path = root().join("tests/verdicts").join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Another model than the default one, if the environment names it.
fn other_model() -> Option<PathBuf> {
    std::env::var_os("LUNETTE_OTHER_MODEL").map(PathBuf::from)
}

fn cases() -> Vec<Case> {
    let cases: Vec<Case> = read("tasks.json");
    if other_model().is_none() {
        return cases;
    }
    let templates = ["selene", "rubric-first"];
    let both = |case: Case| {
        templates.map(|template| Case {
            name: format!("{}, {template}", case.name),
            template: template.into(),
            ..case.clone()
        })
    };
    cases.into_iter().flat_map(both).collect()
}

fn goldens() -> BTreeMap<String, Vec<Golden>> {
    match std::env::var_os("LUNETTE_GOLDEN") {
        Some(path) => serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap(),
        None => read("golden.json"),
    }
}

fn engine(backend: Backend) -> Engine {
    let options = LoadOptions { backend, context_length: Some(2048), ..Default::default() };
    match other_model() {
        Some(path) => common::load_file(&path, &options).unwrap(),
        None => load(&options).unwrap(),
    }
}

fn parse<T: for<'a> Deserialize<'a>>(case: &Case) -> T {
    T::deserialize(&case.task).unwrap_or_else(|error| panic!("{}: {error}", case.name))
}

/// A judge without critiques, that uses the template of `case`.
fn with_judge<T>(engine: &Engine, case: &Case, run: impl FnOnce(&Judge) -> T) -> T {
    let template = TemplateChoice::Text(case.template.clone());
    let options = JudgeOptions { critique: false, template, ..Default::default() };
    run(&Judge::new(engine, &options, &mut |_, _, _| (), &Uninterrupted))
}

fn prompts(engine: &Engine, case: &Case) -> Vec<RenderedPrompt> {
    with_judge(engine, case, |judge| match case.kind.as_str() {
        "score" => judge.score_prompts(&parse(case)),
        "classify" => judge.classify_prompts(&parse(case)),
        "compare" => judge.compare_prompts(&parse(case)),
        other => panic!("{}: there is no task {other:?}", case.name),
    })
    .unwrap()
}

/// Our probabilities, by the names of the golden ones; with those outside.
fn verdict(engine: &Engine, case: &Case) -> Vec<(String, f64)> {
    let outside = |p| ("outside".to_string(), p);
    with_judge(engine, case, |judge| match case.kind.as_str() {
        "score" => {
            let verdict = block_on(judge.score(&parse(case))).unwrap();
            let named = verdict.distribution.iter().map(|(score, p)| (score.to_string(), *p));
            named.chain([outside(verdict.outside)]).collect()
        }
        "classify" => {
            let verdict = block_on(judge.classify(&parse(case))).unwrap();
            verdict.distribution.into_iter().chain([outside(verdict.outside)]).collect()
        }
        _ => {
            let verdict = block_on(judge.compare(&parse(case))).unwrap();
            let orders = verdict.orders.iter().zip(["given", "swapped"]).flat_map(|(order, name)| {
                [(format!("{name}: A"), order.probability_a), (format!("{name}: outside"), order.outside)]
            });
            orders.chain([("A".into(), verdict.probability_a), outside(verdict.outside)]).collect()
        }
    })
}

/// The same from llama.cpp's distributions over the labels of each prompt.
fn expected(case: &Case, goldens: &[Golden]) -> Vec<(String, f64)> {
    if case.kind != "compare" {
        let named = goldens[0].distribution.iter().map(|(name, p)| (name.clone(), *p));
        return named.chain([("outside".into(), goldens[0].outside)]).collect();
    }
    let [given, swapped] = goldens else { panic!("{}: a comparison has two prompts", case.name) };
    let share = |golden: &Golden, label: &str| golden.distribution[label] / (1.0 - golden.outside);
    // In the second prompt the first response is called B.
    let (first, second) = (share(given, "A"), share(swapped, "B"));
    [
        ("given: A", first),
        ("given: outside", given.outside),
        ("swapped: A", second),
        ("swapped: outside", swapped.outside),
        ("A", (first + second) / 2.0),
        ("outside", (given.outside + swapped.outside) / 2.0),
    ]
    .map(|(name, p)| (name.to_string(), p))
    .into()
}

fn agree(backend: Backend, cases: &[Case]) {
    let engine = engine(backend);
    let goldens = goldens();
    let mut furthest = 0.0f64;
    for case in cases {
        let ours: BTreeMap<String, f64> = verdict(&engine, case).into_iter().collect();
        let golden = expected(case, &goldens[&case.name]);
        assert_eq!(ours.len(), golden.len(), "{}: {ours:?}", case.name);
        for (name, p) in golden {
            let distance = (ours[&name] - p).abs();
            furthest = furthest.max(distance);
            assert!(distance <= BOUND, "{}: p({name}) is {}, llama.cpp has {p}", case.name, ours[&name]);
        }
    }
    println!("{backend:?}: at most {furthest:.5} away in {} verdicts", cases.len());
}

#[test]
fn prompts_have_the_tokens_of_llama_cpp() {
    let engine = engine(Backend::Wasm);
    let goldens = goldens();
    assert_eq!(goldens.len(), cases().len());
    for case in cases() {
        let tokens: Vec<_> = prompts(&engine, &case).into_iter().map(|prompt| prompt.tokens).collect();
        let golden: Vec<_> = goldens[&case.name].iter().map(|golden| golden.tokens.clone()).collect();
        assert_eq!(tokens, golden, "{}", case.name);
    }
}

#[test]
fn verdicts_are_those_of_llama_cpp() {
    agree(Backend::Wasm, &cases());
}

/// Software adapters are slow: a task of each kind, and one with digits and a sign.
#[test]
fn verdicts_on_the_gpu_are_those_of_llama_cpp() {
    let chosen = ["below zero", "labels of several tokens", "two answers"];
    let mut cases = cases();
    cases.retain(|case| chosen.contains(&case.name.as_str()));
    assert_eq!(cases.len(), chosen.len());
    agree(Backend::Webgpu, &cases);
}

/// Every task has a prompt for each order. With `LUNETTE_PROMPTS` they are written to that file, as
/// tests/verdicts/generate.mjs reads them.
#[test]
fn every_task_has_its_prompts() {
    let engine = engine(Backend::Wasm);
    let labels = |case: &Case| match case.kind.as_str() {
        "score" => case.task["rubric"]["scale"].as_object().unwrap().keys().cloned().collect(),
        "classify" => case.task["rubric"]["labels"].as_object().unwrap().keys().cloned().collect(),
        _ => vec!["A".to_string(), "B".into()],
    };
    let cases = cases();
    let written = cases.iter().map(|case| {
        let texts: Vec<_> = prompts(&engine, case).into_iter().map(|prompt| prompt.text).collect();
        assert_eq!(texts.len(), if case.kind == "compare" { 2 } else { 1 }, "{}", case.name);
        json!({ "name": case.name, "labels": labels(case), "prompts": texts })
    });
    let model = other_model().unwrap_or_else(model_path);
    let file = json!({ "model": model, "tasks": written.collect::<Vec<_>>() });
    if let Some(path) = std::env::var_os("LUNETTE_PROMPTS") {
        std::fs::write(path, serde_json::to_vec_pretty(&file).unwrap()).unwrap();
    }
}
