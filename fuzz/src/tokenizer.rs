//! The tokenizer: vocabularies that are put together of anything, and texts made for them.

use crate::limits::within;
use crate::tiny;
use arbitrary::{Arbitrary, Unstructured};
use lunette::gguf::{Metadata, Value};
use lunette::tokenizer::{TextStream, Tokenizer};

#[derive(Debug, Arbitrary)]
struct Case {
    kind: u8,
    pre: u8,
    /// Whether the vocabulary has a token for each byte: then every text comes back.
    bytes: bool,
    /// Whether SentencePiece has a space put in front of texts.
    space: bool,
    /// Of tokens, as far as they go.
    scores: Vec<f32>,
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

const MODELS: [&str; 3] = ["gpt2", "llama", "gemma4"];
/// Each with something that the others have not. An empty name is none.
const PRE: [&str; 16] = [
    "gpt-2",
    "smollm",
    "llama-bpe",
    "qwen2",
    "default",
    "",
    "jais-2",
    "tiny_aya",
    "afmoe",
    "superbpe",
    "deepseek-llm",
    "chameleon",
    "exaone-moe",
    "gpt-4o",
    "sarvam-moe",
    "whitespace",
];
/// What SentencePiece writes for a space.
const BLANK: char = '\u{2581}';
/// Beyond what GGUF has.
const KINDS: i8 = 8;
const SPECIAL: [&str; 8] =
    ["<|im_start|>", "<|im_end|>", "<|eot_id|>", "<|endoftext|>", "<|", "|>", "<0x0A>", "\u{2581}"];
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
        // What SentencePiece has no byte for is unknown, which is no text.
        let unknown = case.model() == "llama" && !case.bytes;
        assert!(
            special || unknown || !tokens.iter().any(|token| tokenizer.is_control(*token)),
            "{text:?} has a control token"
        );
        let back = tokenizer.decode(&tokens).expect("these tokens exist");
        if case.bytes && case.returns() {
            let blank = |text: &str| if case.spaced() { text.replace(BLANK, " ") } else { text.into() };
            assert_eq!(blank(&back), blank(&text));
        }
        let mut stream = TextStream::default();
        let mut streamed = String::new();
        let mut last = None;
        for &token in &tokens {
            streamed += &stream.push(tokenizer.bytes_behind(last, token));
            last = Some(token);
        }
        assert_eq!(streamed + &stream.finish(), back);
        let _ = within((1 << 20) + text.len() * 2048, 2.0, || tokenizer.encode_within(&text));
    }
}

impl Case {
    fn model(&self) -> &'static str {
        MODELS[usize::from(self.kind) % MODELS.len()]
    }

    fn pre(&self) -> &'static str {
        PRE[usize::from(self.pre) % PRE.len()]
    }

    /// Whether bytes are written as `<0x0A>`, and not in GPT-2's alphabet.
    fn hexadecimal(&self) -> bool {
        self.model() != "gpt2" || matches!(self.pre(), "sarvam-moe" | "whitespace")
    }

    fn spaced(&self) -> bool {
        self.hexadecimal() && (self.model() != "gpt2" || self.pre() != "whitespace")
    }

    /// Whether text comes back: not if a special token is made by merging, whose neighbour then seems to begin a text.
    fn returns(&self) -> bool {
        self.model() != "llama" || !self.space || self.tokens.iter().all(|(_, kind)| kind % KINDS != 4)
    }

    fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        if self.bytes && self.hexadecimal() {
            names.extend((0..=255).map(|byte: u8| format!("<0x{byte:02X}>")));
            names.push(BLANK.into());
        } else if self.bytes {
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
        let own = |i: usize| if self.hexadecimal() && i < 256 { 6 } else { 1 };
        let kinds =
            (0..alphabet).map(own).chain(self.tokens.iter().map(|(_, kind)| i64::from(*kind % KINDS)));
        let merges = self.merges.iter().filter_map(|(a, b)| {
            let (a, b) = (names.get(usize::from(*a))?, names.get(usize::from(*b))?);
            Some(Value::String(format!("{a} {b}")))
        });
        let mut pairs = vec![
            ("tokenizer.ggml.model", text(self.model())),
            ("tokenizer.ggml.pre", text(self.pre())),
            ("tokenizer.ggml.add_space_prefix", Value::Bool(self.space)),
            (
                "tokenizer.ggml.scores",
                Value::Array(self.scores.iter().map(|score| Value::Float((*score).into())).collect()),
            ),
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
