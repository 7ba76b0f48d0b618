//! The tokenizer: vocabularies that are put together of anything, and texts made for them.

use crate::limits::within;
use crate::tiny;
use arbitrary::{Arbitrary, Unstructured};
use lunette::gguf::{Metadata, Value};
use lunette::tokenizer::{TextStream, Tokenizer};

#[derive(Debug, Arbitrary)]
struct Case {
    pre: u8,
    /// Whether the vocabulary has a token for each byte: then every text comes back.
    bytes: bool,
    tokens: Vec<(Name, i8)>,
    /// Pairs of tokens that are merged into one; those beyond the vocabulary are written as they are.
    merges: Vec<(u16, u16)>,
    odd_merges: Vec<String>,
    bos: Option<u64>,
    eos: Option<i64>,
    text: Vec<Part>,
}

#[derive(Debug, Arbitrary)]
enum Name {
    Text(String),
    Repeated(char, u16),
    Special(u8),
    /// Two tokens as one.
    Joined(u16, u16),
}

#[derive(Debug, Arbitrary)]
enum Part {
    Text(String),
    Repeated(char, u16),
    Token(u16),
    Space(u8),
}

/// Llama's and Qwen's take a hundred times as long to make as the others.
const PRE: [&str; 7] = ["gpt-2", "smollm", "gpt-2", "smollm", "llama-bpe", "qwen2", "default"];
/// Beyond what GGUF has.
const KINDS: i8 = 8;
const SPECIAL: [&str; 6] = ["<|im_start|>", "<|im_end|>", "<|eot_id|>", "<|endoftext|>", "<|", "|>"];
const SPACES: [&str; 6] = [" ", "\n", "\r\n", "\t", "\u{a0}", "\u{3000}"];
/// Of a text, so that an execution ends soon.
const MAX_TEXT: usize = 64 << 10;
/// Of a vocabulary.
const MAX_NAMES: usize = 1 << 20;

pub fn run(data: &[u8]) {
    let Ok(case) = Case::arbitrary(&mut Unstructured::new(data)) else { return };
    let names = case.names();
    let meta = case.metadata(&names);
    let tokenizer = within(256 << 20, 2.0, || Tokenizer::from_metadata(&meta));
    let Ok(tokenizer) = tokenizer else { return };
    let text = case.text(&names);
    for special in [false, true] {
        let tokens = within((1 << 20) + text.len() * 2048, 2.0, || tokenizer.encode(&text, special));
        let tokens = tokens.unwrap_or_else(|error| panic!("{error}: {text:?}"));
        assert!(
            special || !tokens.iter().any(|token| tokenizer.is_control(*token)),
            "{text:?} has a control token"
        );
        let back = tokenizer.decode(&tokens).expect("these tokens exist");
        if case.bytes {
            assert_eq!(back, text);
        }
        let mut stream = TextStream::default();
        let streamed: String = tokens.iter().map(|token| stream.push(tokenizer.bytes(*token))).collect();
        assert_eq!(streamed + &stream.finish(), back);
    }
}

impl Case {
    fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        if self.bytes {
            let alphabet = tiny::keys().into_iter().find_map(|(_, value)| match value {
                Value::Array(tokens) => Some(tokens),
                _ => None,
            });
            names.extend(alphabet.into_iter().flatten().filter_map(|token| token.as_str().map(String::from)));
        }
        let mut left = MAX_NAMES;
        for (name, _) in &self.tokens {
            let get = |i: &u16| names.get(usize::from(*i) % names.len().max(1)).cloned().unwrap_or_default();
            let name = match name {
                Name::Text(text) => text.clone(),
                Name::Repeated(c, n) => c.to_string().repeat((*n).into()),
                Name::Special(i) => SPECIAL[usize::from(*i) % SPECIAL.len()].into(),
                Name::Joined(a, b) => get(a) + &get(b),
            };
            left = left.saturating_sub(name.len());
            names.push(if left > 0 { name } else { String::new() });
        }
        names
    }

    fn metadata(&self, names: &[String]) -> Metadata {
        let text = |text: &str| Value::String(text.into());
        let alphabet = names.len() - self.tokens.len();
        let kinds =
            (0..alphabet).map(|_| 1).chain(self.tokens.iter().map(|(_, kind)| i64::from(*kind % KINDS)));
        let merges = self.merges.iter().filter_map(|(a, b)| {
            let (a, b) = (names.get(usize::from(*a))?, names.get(usize::from(*b))?);
            Some(Value::String(format!("{a} {b}")))
        });
        let mut pairs = vec![
            ("tokenizer.ggml.model", text("gpt2")),
            ("tokenizer.ggml.pre", text(PRE[usize::from(self.pre) % PRE.len()])),
            ("tokenizer.ggml.tokens", Value::Array(names.iter().map(|name| text(name)).collect())),
            ("tokenizer.ggml.token_type", Value::Array(kinds.map(Value::Signed).collect())),
            (
                "tokenizer.ggml.merges",
                Value::Array(merges.chain(self.odd_merges.iter().map(|merge| text(merge))).collect()),
            ),
        ];
        pairs.extend(self.bos.map(|id| ("tokenizer.ggml.bos_token_id", Value::Unsigned(id))));
        pairs.extend(self.eos.map(|id| ("tokenizer.ggml.eos_token_id", Value::Signed(id))));
        pairs.into_iter().map(|(key, value)| (key.to_string(), value)).collect()
    }

    fn text(&self, names: &[String]) -> String {
        let mut text = String::new();
        for part in &self.text {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Repeated(c, n) => text.extend(std::iter::repeat_n(*c, (*n).into())),
                Part::Token(i) => {
                    text.push_str(names.get(usize::from(*i) % names.len().max(1)).map_or("", |name| name));
                }
                Part::Space(i) => text.push_str(SPACES[usize::from(*i) % SPACES.len()]),
            }
            if text.len() > MAX_TEXT {
                break;
            }
        }
        text
    }
}
