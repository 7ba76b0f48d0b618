//! A tiny model with tokens for thoughts, or without, and chat templates of the shapes that thinking models have.

use super::tiny;
use lunette::Uninterrupted;
use lunette::engine::{Backend, Engine, LoadOptions};
use lunette::gguf::{Value, Writer};
use lunette::quant::BlockType;
use lunette::source::MemoryModel;
use std::rc::Rc;

pub const MARKS: [&str; 2] = ["<think>", "</think>"];

/// What the vocabulary has for the marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marks {
    Text,
    UserDefined,
    Control,
}

const TURNS: &str = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}\
{% if add_generation_prompt %}<|im_start|>assistant\n";

/// As Qwen 3's: a switch that writes an empty thought.
pub fn with_switch() -> String {
    let closed = r"{% if enable_thinking is defined and not enable_thinking %}{{ '<think>\n\n</think>\n\n' }}{% endif %}";
    format!("{TURNS}{closed}{{% endif %}}")
}

/// As DeepSeek R1's: every answer begins within a thought.
pub fn always() -> String {
    format!(r"{TURNS}{{{{ '<think>\n' }}}}{{% endif %}}")
}

/// Without thoughts.
pub fn plain() -> String {
    format!("{TURNS}{{% endif %}}")
}

pub fn engine(chat: &str, marks: Marks) -> Engine {
    let kind = match marks {
        Marks::Text => None,
        Marks::UserDefined => Some(4),
        Marks::Control => Some(3),
    };
    let more: &[&str] = if kind.is_some() { &MARKS } else { &[] };
    let mut header = Writer::default();
    for (key, value) in tiny::keys() {
        let value = match (&key[..], value) {
            ("tokenizer.ggml.tokens", Value::Array(mut tokens)) => {
                tokens.extend(more.iter().map(|name| Value::String(name.to_string())));
                Value::Array(tokens)
            }
            ("tokenizer.ggml.token_type", Value::Array(mut kinds)) => {
                kinds.extend(kind.iter().flat_map(|kind| [Value::Signed(*kind), Value::Signed(*kind)]));
                Value::Array(kinds)
            }
            ("tokenizer.chat_template", _) => Value::String(chat.into()),
            (_, value) => value,
        };
        header.set(&key, value);
    }
    let mut tensors = tiny::tensors(BlockType::F32);
    tensors[0].1[1] += more.len() as u64;
    let model = MemoryModel::new(tiny::write(header, &tensors));
    let options = LoadOptions { backend: Backend::Wasm, context_length: Some(1024), ..Default::default() };
    pollster::block_on(Engine::load(Rc::new(model), &options, &mut |_| (), &Uninterrupted)).unwrap()
}
