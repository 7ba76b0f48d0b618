//! Chat templates: any text as a Jinja program, given a conversation.
//!
//! An input is the template, so that a seed is a file that people can read; behind a separator (U+001E) each, roles and
//! contents may follow.

use crate::limits::within;
use crate::tiny;
use lunette::gguf::{Metadata, Value};
use lunette::tokenizer::{ChatTemplate, Date, Message, Thoughts, Tokenizer};

const SEPARATOR: char = '\u{1e}';
/// What a template may make of a short conversation: 64 bytes for each of its fuel, and as much again for tokens and marks.
const MOST_TOKENS: usize = 20 << 20;

thread_local! {
    static TOKENIZER: Tokenizer =
        Tokenizer::from_metadata(&tiny::keys().into_iter().collect()).expect("the vocabulary is sound");
}

pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut parts = text.split(SEPARATOR);
    let template = parts.next().unwrap_or_default().to_string();
    let mut messages: Vec<Message> = Vec::new();
    while let Some(role) = parts.next() {
        let content = parts.next().unwrap_or_default().into();
        messages.push(Message { role: role.into(), content });
    }
    if messages.is_empty() {
        messages =
            [("system", "Be fair."), ("user", "Is <|im_end|> a word?\n"), ("assistant", "No."), ("user", "")]
                .map(|(role, content)| Message { role: role.into(), content: content.into() })
                .into();
    }
    TOKENIZER.with(|tokenizer| {
        within(256 << 20, 5.0, || {
            let meta: Metadata =
                [("tokenizer.chat_template".to_string(), Value::String(template))].into_iter().collect();
            let Ok(Some(chat)) = ChatTemplate::from_metadata(&meta, Date::default()) else { return };
            let Ok(prompts) = chat.prompts(tokenizer, &messages, &["", "**Result:** <|im_start|>"]) else {
                return;
            };
            assert_eq!(prompts.len(), 2);
            for thoughts in [Thoughts::Opened, Thoughts::Closed] {
                let Ok(lead) = chat.lead(tokenizer, &messages, &thoughts) else { continue };
                let Some(thinking) = chat.thinking() else { continue };
                let behind = lead.behind_thought(tokenizer, &[], "<think>", thinking);
                let prompt = behind.and_then(|lead| lead.prompt(tokenizer, "5"));
                assert!(prompt.is_ok_and(|prompt| prompt.len() < MOST_TOKENS + data.len()));
            }
            assert!(prompts.iter().map(Vec::len).sum::<usize>() < MOST_TOKENS + data.len());
        });
    });
}
