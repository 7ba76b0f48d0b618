//! Chat templates that models are published with, against Jinja2 set up as Hugging Face does. `cargo xtask test` fetches them
//! and lets tests/templates/render.py render them; `LUNETTE_TEMPLATES` names what came out.

mod common;

use common::peers::{is_in_the_docs, peers};
use lunette::tokenizer::{ChatTemplate, Date, Message};
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
            template.render(&conversations[&case.conversation], "<s>", "</s>", case.generation)
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

/// Where two texts part.
fn difference(theirs: &str, ours: &str) -> String {
    let at = theirs.chars().zip(ours.chars()).take_while(|(a, b)| a == b).count();
    let rest = |text: &str| text.chars().skip(at.saturating_sub(20)).take(60).collect::<String>();
    format!("{:?}, where Jinja2 has {:?}", rest(ours), rest(theirs))
}
