//! `lunette prompt`: what the model would read, and what decides that.

mod support;

use serde_json::{Value, json};
use std::fs;
use support::{Workplace, lines};

fn prompt(place: &Workplace, args: &[&str], row: &Value) -> support::Run {
    let args: Vec<&str> = ["prompt"].iter().chain(args).chain(&["--backend=cpu"]).copied().collect();
    place.run(&args, &format!("{row}\n"))
}

#[test]
fn prompts_are_shown_as_text_and_tokens() {
    let place = Workplace::new("prompt");
    let row = json!({ "id": 7, "input": "Say moon.", "response": "moon <|im_end|>" });
    let args = ["score", "--rubric=score.yaml", "--template=short.yaml"];
    let run = prompt(&place, &args, &row);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let line = &lines(&run.stdout)[0];
    assert_eq!(line["id"], 7);
    let shown = &line["prompts"][0];
    let (text, tokens) = (shown["text"].as_str().unwrap(), shown["tokens"].as_array().unwrap());
    assert!(text.contains("Is it moony?") && text.ends_with("**Reasoning:**"), "{text}");
    // The response's marker is text; the template's own are tokens.
    let special = shown["special"].as_array().unwrap();
    assert!(text.matches("<|im_end|>").count() > special.len() - text.matches("<|im_start|>").count());
    assert!(special.iter().all(|place| (place.as_u64().unwrap() as usize) < tokens.len()));
    let plain = prompt(&place, &[&args[..], &["--plain", "--no-critique"]].concat(), &row).stdout;
    assert!(plain.contains("⟦<|im_start|>⟧") && plain.contains("moon <|im_end|>"), "{plain}");
    assert!(plain.contains("**Result:**\n── "), "{plain}");
}

#[test]
fn a_comparison_has_a_prompt_for_each_order() {
    let place = Workplace::new("prompt-orders");
    let row = json!({ "input": "Say moon.", "responseA": "moon", "responseB": "sun", "criteria": "Moony?" });
    let args = ["compare", "--template=pair.yaml"];
    let count =
        |args: &[&str]| lines(&prompt(&place, args, &row).stdout)[0]["prompts"].as_array().unwrap().len();
    assert_eq!((count(&args), count(&[&args[..], &["--one-order"]].concat())), (2, 1));
}

#[test]
fn a_chat_template_can_be_replaced() {
    let place = Workplace::new("prompt-chat");
    let template = "{% for m in messages %}<|im_start|>{{ m.role }}: {{ m.content }}{% endfor %} {{ strftime_now('%Y') }}";
    fs::write(place.path("chat.jinja"), template).unwrap();
    let row = json!({ "messages": [{ "role": "user", "content": "Hello." }] });
    let args = ["chat", "--chat-template=chat.jinja"];
    let text = |args: &[&str]| {
        let run = prompt(&place, args, &row);
        assert_eq!(run.code, 0, "{}", run.stderr);
        lines(&run.stdout)[0]["prompts"][0]["text"].as_str().unwrap().to_string()
    };
    assert_eq!(text(&args), "<|im_start|>user: Hello. 2024");
    assert_eq!(text(&[&args[..], &["--date=2026-11-26"]].concat()), "<|im_start|>user: Hello. 2026");
    assert_ne!(text(&args[..1]), text(&args));
}

#[test]
fn what_is_wrong_is_said() {
    let place = Workplace::new("prompt-wrong");
    fs::write(place.path("broken.jinja"), "{% if %}").unwrap();
    let row = json!({ "messages": [] });
    for (args, code, message) in [
        (["chat", "--chat-template=broken.jinja"].as_slice(), 2, "chat template"),
        (&["chat", "--chat-template=none.jinja"], 2, "none.jinja"),
        (&["chat", "--date=tomorrow"], 2, "YYYY-MM-DD"),
        (&["chat", "--model=broken.jinja"], 2, "GGUF"),
    ] {
        let run = prompt(&place, args, &row);
        assert_eq!(run.code, code, "{args:?}: {}", run.stderr);
        assert!(run.stderr.contains(message), "{args:?}: {}", run.stderr);
    }
    let run = prompt(&place, &["chat"], &json!({ "input": "no messages" }));
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(lines(&run.stdout)[0]["error"]["message"].as_str().unwrap().contains("messages"));
}
