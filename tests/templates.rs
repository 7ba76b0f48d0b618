//! Chat templates that models are published with, against Jinja2 set up as Hugging Face does. `cargo xtask test` fetches them
//! and lets tests/templates/render.py render them; `LUNETTE_TEMPLATES` names what came out.

mod common;

use common::peers::{is_in_the_docs, peers};
use lunette::tokenizer::{ChatTemplate, Date, Habit, Message};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Case {
    template: String,
    conversation: String,
    generation: bool,
    /// What Jinja2 made of it; where it failed, `error` says why.
    text: Option<String>,
    error: Option<String>,
}

/// Equal to the character wherever Jinja2 renders, and an error wherever it fails.
#[test]
fn templates_render_as_jinja2_renders_them() {
    let cases: Vec<Case> = serde_json::from_slice(&peers("LUNETTE_TEMPLATES")).unwrap();
    let conversations: BTreeMap<String, Vec<Message>> =
        serde_json::from_str(include_str!("templates/conversations.json")).unwrap();
    let folder = std::path::PathBuf::from(String::from_utf8(peers("LUNETTE_LLAMA_CPP")).unwrap());
    let mut table: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for case in &cases {
        let faults = table.entry(case.template.clone()).or_default();
        let source = std::fs::read_to_string(folder.join("models/templates").join(&case.template)).unwrap();
        let ours = ChatTemplate::new(&source, Date::default()).and_then(|template| {
            template.render(&conversations[&case.conversation], "<s>", "</s>", case.generation, None)
        });
        match (&case.text, ours) {
            (Some(text), Ok(ours)) if *text == ours => {}
            (None, Err(_)) => {}
            (Some(text), Ok(ours)) => {
                faults.push(format!("{}: {}", case.conversation, difference(text, &ours)))
            }
            (Some(_), Err(error)) => faults.push(format!("{}: {error}", case.conversation)),
            (None, Ok(_)) => faults.push(format!(
                "{}: renders, where Jinja2 says {}",
                case.conversation,
                case.error.as_deref().unwrap_or_default()
            )),
        }
    }
    let failing =
        |name: &str| cases.iter().filter(|case| case.template == name).all(|case| case.text.is_none());
    let row = |name: &str| {
        let result = if failing(name) { "fails, as in Jinja2" } else { "as Jinja2" };
        format!("| {} | {result} |", name.trim_end_matches(".jinja"))
    };
    let rows: Vec<String> = table.keys().map(|name| row(name)).collect();
    println!("{}", rows.join("\n"));
    let faults: Vec<String> = table
        .iter()
        .flat_map(|(name, faults)| faults.first().map(|fault| format!("{name}: {fault}")))
        .collect();
    assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), table.len(), faults.join("\n"));
    assert!(table.len() >= 70, "only {} templates were found", table.len());
    is_in_the_docs(&rows);
}

/// What published templates show of thoughts, in the words of their generation prompts: how a thought is opened, and what
/// is put where none is wanted. Both were read off what Jinja2 makes of them with `enable_thinking` and `thinking` on and off.
#[test]
fn templates_show_how_their_models_think() {
    use Habit::{Always, Knows, Switch};
    let folder = std::path::PathBuf::from(String::from_utf8(peers("LUNETTE_LLAMA_CPP")).unwrap());
    let table = [
        ("Qwen-Qwen3-0.6B", Switch, "assistant\n<think>\n", "assistant\n<think>\n\n</think>\n\n"),
        ("Qwen3.5-4B", Switch, "assistant\n<think>\n", "assistant\n<think>\n\n</think>\n\n"),
        ("Qwen-QwQ-32B", Switch, "assistant\n<think>\n", "assistant\n<think>\n</think>"),
        ("HuggingFaceTB-SmolLM3-3B", Switch, "assistant\n<think>\n", "assistant\n<think>\n\n</think>\n"),
        ("GLM-4.6", Switch, "<|assistant|>\n<think>", "<|assistant|>\n<think></think>"),
        ("deepseek-ai-DeepSeek-V3.1", Switch, "<｜Assistant｜><think>", "<｜Assistant｜><think></think>"),
        ("Bielik-11B-v3.0-Instruct", Switch, "assistant\n<think>\n", "<|im_start|>assistant\n"),
        ("NVIDIA-Nemotron-3-Nano-30B-A3B-BF16", Switch, "assistant\n<think>\n", "assistant\n<think></think>"),
        (
            "google-gemma-4-31B-it",
            Switch,
            "model\n<|channel>thought\n",
            "model\n<|channel>thought\n<channel|>",
        ),
        (
            "deepseek-ai-DeepSeek-R1-Distill-Llama-8B",
            Always,
            "<｜Assistant｜><think>\n",
            "<think>\n\n</think>\n\n",
        ),
        ("llama-cpp-deepseek-r1", Always, "<｜Assistant｜><think>\n", "<think>\n\n</think>\n\n"),
        ("StepFun3.5-Flash", Always, "assistant\n<think>\n", "<think>\n\n</think>\n\n"),
        ("Cohere2MoE", Always, "<|START_THINKING|>", "<|START_THINKING|><|END_THINKING|>"),
        (
            "Apriel-1.6-15b-Thinker-fixed",
            Always,
            "reasoning steps:\n",
            "steps:\n\n[BEGIN FINAL RESPONSE]\n\n",
        ),
        (
            "ibm-granite-granite-3.3-2B-Instruct",
            Knows,
            "<|end_of_role|><think>\n",
            "assistant<|end_of_role|>",
        ),
    ];
    for (name, habit, open, closed) in table {
        let source = std::fs::read_to_string(folder.join(format!("models/templates/{name}.jinja"))).unwrap();
        let template = ChatTemplate::new(&source, Date::default()).unwrap();
        let thinking = template.thinking().unwrap();
        assert_eq!(thinking.habit, habit, "{name}: {thinking:?}");
        for (think, expected) in [(true, open), (false, closed)] {
            let text = template.render(&[Message::user("Why?")], "<s>", "</s>", true, Some(think)).unwrap();
            let text = text.clone() + &thinking.completion(&text, think);
            assert!(text.ends_with(expected), "{name}: {text:?} does not end in {expected:?}");
        }
    }
    for name in ["meta-llama-Llama-3.1-8B-Instruct", "Qwen-Qwen2.5-7B-Instruct", "google-gemma-2-2b-it"] {
        let source = std::fs::read_to_string(folder.join(format!("models/templates/{name}.jinja"))).unwrap();
        assert_eq!(ChatTemplate::new(&source, Date::default()).unwrap().thinking(), None, "{name}");
    }
}

/// Where two texts part.
fn difference(theirs: &str, ours: &str) -> String {
    let at = theirs.chars().zip(ours.chars()).take_while(|(a, b)| a == b).count();
    let rest = |text: &str| text.chars().skip(at.saturating_sub(20)).take(60).collect::<String>();
    format!("{:?}, where Jinja2 has {:?}", rest(ours), rest(theirs))
}
