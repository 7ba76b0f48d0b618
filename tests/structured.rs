//! Generation under a constraint: whatever the model would rather say, the text satisfies it.

mod common;

use common::tiny;
use futures::future::join_all;
use lunette::Uninterrupted;
use lunette::engine::{
    Backend, Constraint, Engine, FinishReason, GenerateOptions, Generation, LoadOptions, Prompt,
};
use lunette::quant::BlockType;
use lunette::source::MemoryModel;
use lunette::tokenizer::Message;
use serde_json::{Value, json};
use std::rc::Rc;

fn engine() -> Engine {
    common::load(&LoadOptions { backend: Backend::Wasm, ..Default::default() }).unwrap()
}

/// A model that says nothing sensible, whose tokens are bytes.
fn tiny() -> Engine {
    let model = Rc::new(MemoryModel::new(tiny::file(BlockType::Q8_0)));
    let options = LoadOptions { backend: Backend::Wasm, ..Default::default() };
    pollster::block_on(Engine::load(model, &options, &mut |_| (), &Uninterrupted)).unwrap()
}

fn chat(text: &str) -> Prompt {
    Prompt::Messages(vec![Message::user(text)])
}

fn under(constraint: Constraint) -> GenerateOptions {
    GenerateOptions { constraint: Some(constraint), ..Default::default() }
}

fn generate(engine: &Engine, text: &str, options: &GenerateOptions) -> lunette::Result<Generation> {
    pollster::block_on(engine.generate(chat(text), options, &mut |_| (), &Uninterrupted))
}

/// A judge's verdict.
fn verdict() -> Constraint {
    Constraint::JsonSchema(json!({
        "type": "object",
        "properties": {
            "reason": { "type": "string", "maxLength": 20 },
            "score": { "type": "integer", "minimum": 1, "maximum": 5 },
            "label": { "enum": ["good", "bad", "mixed"] },
            "tags": { "type": "array", "items": { "$ref": "#/$defs/tag" }, "minItems": 1, "maxItems": 2 },
        },
        "required": ["reason", "score", "label", "tags"],
        "additionalProperties": false,
        "$defs": { "tag": { "type": "string", "pattern": "^[a-z]{2,8}$" } },
    }))
}

/// Holds `text` against [`verdict`], by hand.
fn assert_verdict(text: &str) {
    let value: Value = serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text:?}"));
    let object = value.as_object().unwrap();
    assert_eq!(object.keys().collect::<Vec<_>>(), ["reason", "score", "label", "tags"]);
    assert!(object["reason"].as_str().unwrap().chars().count() <= 20, "{text}");
    assert!((1..=5).contains(&object["score"].as_i64().unwrap()), "{text}");
    assert!(["good", "bad", "mixed"].contains(&object["label"].as_str().unwrap()), "{text}");
    let tags = object["tags"].as_array().unwrap();
    assert!((1..=2).contains(&tags.len()), "{text}");
    for tag in tags {
        let tag = tag.as_str().unwrap();
        assert!((2..=8).contains(&tag.len()) && tag.bytes().all(|b| b.is_ascii_lowercase()), "{text}");
    }
}

#[test]
fn json_follows_its_schema_greedily_and_at_any_temperature() {
    let engine = engine();
    let question = "Judge the answer \"4\" to \"2 + 2?\" as JSON with reason, score, label and tags.";
    for (seed, temperature) in (0..).zip([0.0, 1.0, 1.5, 3.0]) {
        let options = GenerateOptions { temperature, seed, max_tokens: 200, ..under(verdict()) };
        let generation = generate(&engine, question, &options).unwrap();
        assert_eq!(generation.finish_reason, FinishReason::Stop, "{:?}", generation.text);
        assert_verdict(&generation.text);
        // The text is complete with its last brace: no token is spent on saying so.
        let last = *generation.tokens.last().unwrap();
        assert!(!engine.tokenizer().is_end(last));
        assert!(engine.tokenizer().bytes(last).ends_with(b"}"));
    }
}

#[test]
fn a_model_that_says_nothing_sensible_satisfies_constraints_too() {
    let engine = tiny();
    for seed in 0..24 {
        let temperature = [0.5, 2.0, 100.0][seed as usize % 3];
        let options = GenerateOptions { temperature, seed, max_tokens: 1500, ..under(verdict()) };
        let generation = generate(&engine, "?", &options).unwrap();
        assert_eq!(generation.finish_reason, FinishReason::Stop, "{:?}", generation.text);
        assert_verdict(&generation.text);
    }
}

#[test]
fn a_text_matches_its_expression() {
    let engine = engine();
    let constraint = Constraint::Regex(r"(19|20)\d{2}/(0[1-9]|1[0-2])/é?".into());
    for seed in 0..8 {
        let temperature = seed as f32;
        let options = GenerateOptions { temperature, seed, ..under(constraint.clone()) };
        let Generation { text, finish_reason, .. } = generate(&engine, "A date?", &options).unwrap();
        assert_eq!(finish_reason, FinishReason::Stop);
        let text = text.strip_suffix('é').unwrap_or(&text);
        let parts: Vec<u32> = text.split_terminator('/').map(|part| part.parse().unwrap()).collect();
        assert!((1900..2100).contains(&parts[0]) && (1..=12).contains(&parts[1]), "{text}");
        assert_eq!((parts.len(), text.len()), (2, 8), "{text}");
    }
}

#[test]
fn a_grammar_counts_what_an_expression_cannot() {
    let engine = engine();
    let grammar = "start: \"<\" body \">\"\nbody: start | WORD\nWORD: /[a-z]{1,6}/";
    for seed in 0..8 {
        let options =
            GenerateOptions { temperature: 1.5, seed, ..under(Constraint::Grammar(grammar.into())) };
        let Generation { text, finish_reason, .. } = generate(&engine, "Say something.", &options).unwrap();
        assert_eq!(finish_reason, FinishReason::Stop);
        let depth = text.bytes().take_while(|b| *b == b'<').count();
        let word = &text[depth..text.len() - depth];
        assert!(depth > 0 && text.ends_with(&">".repeat(depth)), "{text}");
        assert!((1..=6).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_lowercase()), "{text}");
    }
}

#[test]
fn the_end_is_exact() {
    let engine = engine();
    let run = |regex: &str, options: GenerateOptions| {
        let options = GenerateOptions { constraint: Some(Constraint::Regex(regex.into())), ..options };
        let generation = generate(&engine, "Count to ten.", &options).unwrap();
        (generation.text, generation.finish_reason)
    };
    let (stop, length) = (FinishReason::Stop, FinishReason::Length);
    let tokens = |max_tokens| GenerateOptions { max_tokens, ..Default::default() };
    // Complete with the last token that may be generated, and cut before it.
    let whole =
        generate(&engine, "Count to ten.", &under(Constraint::Regex("one two three".into()))).unwrap();
    assert_eq!((whole.text.as_str(), whole.finish_reason), ("one two three", stop));
    let count = whole.tokens.len();
    assert_eq!(run("one two three", tokens(count)), ("one two three".into(), stop));
    let (text, reason) = run("one two three", tokens(count - 1));
    assert!("one two three".starts_with(&text) && text.len() < 13 && reason == length, "{text:?}");
    assert_eq!(run("a{1000}", tokens(0)), (String::new(), length));
    // A stop text still cuts.
    let cut = GenerateOptions { stop: vec!["two".into()], ..Default::default() };
    assert_eq!(run("one two three", cut), ("one ".into(), stop));
    // Where the text may end or go on, the model says which.
    let open = generate(&engine, "Say yes.", &under(Constraint::Regex("(yes|no)( [a-z]+)*".into()))).unwrap();
    assert_eq!(open.finish_reason, stop);
    assert!(engine.tokenizer().is_end(*open.tokens.last().unwrap()));
    assert!(open.text.starts_with("yes") || open.text.starts_with("no"));
}

#[test]
fn whitespace_cannot_run_away() {
    let engine = tiny();
    for seed in 0..8 {
        let schema = json!({ "type": "array", "items": { "type": "null" }, "minItems": 3, "maxItems": 3 });
        let options = GenerateOptions {
            temperature: 100.0,
            seed,
            max_tokens: 600,
            ..under(Constraint::JsonSchema(schema))
        };
        let generation = generate(&engine, "?", &options).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&generation.text).unwrap(), json!([null, null, null]));
        let spaces = generation.text.split(|c: char| !c.is_whitespace()).map(str::len).max();
        assert!(spaces <= Some(33), "{:?}", generation.text);
    }
}

#[test]
fn a_schema_says_how_it_is_read() {
    let engine = tiny();
    let run = |seed, guidance: Value| {
        let pair = json!({ "type": "array", "items": { "type": "null" }, "minItems": 2, "maxItems": 2 });
        let schema = json!({ "oneOf": [pair, { "type": "array", "maxItems": 0 }], "x-guidance": guidance });
        let constraint = Constraint::JsonSchema(schema);
        let options = GenerateOptions { temperature: 100.0, seed, max_tokens: 300, ..under(constraint) };
        generate(&engine, "?", &options).map(|generation| generation.text)
    };
    // Arrays of different lengths cannot be told apart by the compiler.
    assert!(run(0, json!({})).unwrap_err().to_string().contains("coerce_one_of"));
    for seed in 0..8 {
        let text = run(seed, json!({ "coerce_one_of": true })).unwrap();
        assert!(["[null,null]", "[]"].contains(&text.replace(char::is_whitespace, "").as_str()), "{text:?}");
        let text = run(seed, json!({ "coerce_one_of": true, "whitespace_flexible": false })).unwrap();
        assert!(["[null,null]", "[]"].contains(&text.as_str()), "{text:?}");
    }
}

#[test]
fn logprobs_are_those_of_the_free_model() {
    let engine = engine();
    let question = "What is the capital of France?";
    let options = GenerateOptions { logprobs: true, ..under(Constraint::Regex("zebra".into())) };
    let generation = generate(&engine, question, &options).unwrap();
    let prompt = engine.prompt_tokens(chat(question)).unwrap();
    let tokens = [&prompt[..], &generation.tokens].concat();
    let expected = pollster::block_on(engine.logprobs(&tokens, &Uninterrupted)).unwrap();
    let logprobs = generation.logprobs.unwrap();
    assert_eq!(logprobs.len(), generation.tokens.len());
    for (ours, expected) in logprobs.iter().zip(&expected[prompt.len() - 1..]) {
        // A decode step and a prefill round their products in different ways, which unlikely tokens show most.
        assert!((ours - expected).abs() < 1e-2, "{ours}, not {expected}");
    }
    assert!(logprobs[0] < -5.0, "nobody expected a zebra: {logprobs:?}");
}

#[test]
fn constrained_and_free_calls_do_not_disturb_each_other() {
    let engine = engine();
    let options = [
        GenerateOptions { max_tokens: 12, ..Default::default() },
        GenerateOptions { temperature: 1.0, seed: 3, ..under(Constraint::Regex("[a-z]{3}-[0-9]{3}".into())) },
        GenerateOptions { max_tokens: 150, ..under(verdict()) },
        GenerateOptions { max_tokens: 12, temperature: 0.8, seed: 5, ..Default::default() },
    ];
    let engine = &engine;
    let ask = |options| async move {
        let mut ignore = |_: &str| ();
        engine.generate(chat("Name a colour."), options, &mut ignore, &Uninterrupted).await.unwrap().text
    };
    let alone: Vec<String> = options.iter().map(|options| pollster::block_on(ask(options))).collect();
    let together = pollster::block_on(join_all(options.iter().map(ask)));
    assert_eq!(together, alone);
}

#[test]
fn what_cannot_be_used_is_refused_with_a_reason() {
    let engine = tiny();
    let schema = |schema: Value| Constraint::JsonSchema(schema);
    let regex = |text: &str| Constraint::Regex(text.into());
    let grammar = |text: &str| Constraint::Grammar(text.into());
    let nested = (0..70).fold(json!({}), |inner, _| json!({ "items": inner }));
    let table = [
        (schema(json!("string")), "`constraint.jsonSchema` must be an object"),
        (
            schema(json!({ "type": "frobnicate" })),
            "`constraint.jsonSchema` cannot be used: Invalid type: frobnicate",
        ),
        (schema(json!({ "not": {} })), "Unimplemented keys: [\"not\"]"),
        (schema(json!({ "$ref": "#/$defs/none" })), "not found"),
        (schema(json!({ "$ref": "https://example.com/schema" })), "example.com"),
        (schema(json!({ "type": "integer", "minimum": 5, "maximum": 3 })), "Unsatisfiable"),
        (schema(json!({ "type": "string", "pattern": "((" })), "unclosed group"),
        (schema(json!({ "$ref": "#" })), "no text satisfies it"),
        (schema(json!({ "x-guidance": { "foo": 1 } })), "unknown field `foo`"),
        (schema(nested), "64 levels deep"),
        (regex(""), "`constraint.regex` is empty"),
        (regex("(a"), "`constraint.regex` cannot be used:"),
        (regex("a\\"), "ends with a backslash"),
        (regex("(?=a)b"), "look-ahead"),
        (regex(r"(a)\1"), "backreferences are not supported"),
        (regex(r"[^\s\S]"), "no text satisfies it"),
        (regex(&"a".repeat(10_000)), "10000 bytes long"),
        (grammar(""), "`constraint.grammar` cannot be used: no start rule found"),
        (grammar("start: foo"), "unknown name: \"foo\""),
        (grammar("start: \"\""), "only the empty text satisfies it"),
        (grammar("start: <|nobody|>"), "unknown special token"),
        (grammar(&format!("start: {}\"a\"", "(".repeat(100))), "too deeply nested"),
        (grammar(&"a: b\n".repeat(1000)), "1000 rules and groups"),
    ];
    for (constraint, expected) in table {
        let result = generate(&engine, "?", &under(constraint.clone()));
        let error = result.map(|generation| generation.text).expect_err(expected);
        assert_eq!(error.code(), "invalid-argument", "{error}");
        assert!(error.to_string().contains(expected), "{error}, for {constraint:?}");
    }
    // The engine is none the worse for it.
    let text = generate(&engine, "?", &under(regex("fine"))).unwrap().text;
    assert_eq!(text, "fine");
}

#[test]
fn what_is_huge_but_sound_does_not_hang() {
    let engine = tiny();
    let schema = |schema: Value| Constraint::JsonSchema(schema);
    let regex = |text: &str| Constraint::Regex(text.into());
    let table = [
        (schema(json!({ "type": "array", "minItems": 1_000_000_000 })), "["),
        (schema(json!({ "type": "string", "minLength": 1_000_000_000 })), "\""),
        (schema(json!({ "enum": (0..4000).map(|i| format!("v{i}")).collect::<Vec<_>>() })), "\"v"),
        (regex("a{100000000}"), "aaa"),
        (regex("((a{1000}){1000}){1000}"), "aaa"),
        (regex("(a|b)*a(a|b){25}"), ""),
        (Constraint::Grammar("start: a{1000000}\na: \"x\" | \"x\"".into()), "xxx"),
        (Constraint::Grammar("start: e\ne: \"x\" | e e | e e e".into()), "x"),
    ];
    for (constraint, beginning) in table {
        let options = GenerateOptions { max_tokens: 3, ..under(constraint) };
        let generation = generate(&engine, "?", &options).unwrap();
        assert!(generation.text.starts_with(beginning), "{:?}", generation.text);
    }
}
