//! Text to tokens and back, from the vocabulary in a GGUF file.
//!
//! | file | what it does |
//! |---|---|
//! | `vocabulary` | the list of tokens, and what kind each is |
//! | `special` | finds special tokens in text |
//! | `patterns`, `pre` | cut text into words, by the name of a pre-tokenizer |
//! | `bpe`, `sentencepiece` | make tokens of what is left, over `merge` |
//! | `alphabet` | how vocabularies write bytes as text |
//! | `stream` | bytes of tokens to text, as they come |
//! | `chat` | the prompt of a conversation |
//!
//! A judge reads hostile text: only where the caller says so does `<|im_end|>` become a control token; everywhere else it
//! stays text. So control tokens are in none of the tables that text is looked up in.

mod alphabet;
mod bpe;
mod chat;
mod merge;
mod patterns;
mod pre;
mod sentencepiece;
mod special;
mod stream;
mod vocabulary;

pub use chat::{ChatTemplate, Date, Habit, Lead, Message, Thinking, ThoughtMarks, Thoughts};
pub use stream::TextStream;
pub(crate) use vocabulary::MAX_VOCABULARY;

use crate::gguf::{Metadata, Value};
use crate::{Error, Result};
use alphabet::Letters;
use bpe::Bpe;
use pre::PreTokenizer;
use sentencepiece::SentencePiece;
use special::{Find, Specials};
use vocabulary::{Kind, Vocabulary, strings};

/// A tokenizer of one of the kinds that GGUF's `tokenizer.ggml.model` names: "gpt2", "gemma4" or "llama".
pub struct Tokenizer {
    model: Model,
    specials: Specials,
    /// The bytes of every token.
    pieces: Vec<Box<[u8]>>,
    kinds: Vec<Kind>,
    bos: Option<u32>,
    /// What chat templates write as `eos_token`.
    eos: Option<u32>,
    /// Tokens that end a turn or a text.
    ends: Vec<u32>,
    add_bos: bool,
    /// Whether a text gets a space in front, at its start and behind special tokens. It is no part of the text.
    adds_space: bool,
    /// Whether a special token takes the white space behind it.
    strips: bool,
    warnings: Vec<String>,
}

/// How text that is no special token becomes tokens.
enum Model {
    Bpe(Bpe),
    SentencePiece(SentencePiece),
}

/// Control tokens that end a turn, by the names that models give them; `eos_token_id` and `eot_token_id` are added.
const END_NAMES: [&str; 11] = [
    "<|im_end|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|end_of_text|>",
    "<|endoftext|>",
    "<|end|>",
    "<end_of_turn>",
    "<turn|>",
    "<end_of_utterance>",
    "<｜end▁of▁sentence｜>",
    "[EOT]",
];

/// Special tokens of Phi 3 that do not take the white space behind them.
const KEEP_SPACE: [&str; 3] = ["<unk>", "<s>", "<|endoftext|>"];

const NO_PRE_TOKENIZER: &str = "The file names no pre-tokenizer. Text is cut into words as llama.cpp does it then, which may \
not be how the model was trained, so that its answers may be worse. Convert the model again with a current llama.cpp.";

/// Bytes of a hash table of `len` entries: a power of two of places, of which seven in eight are used.
fn table<T>(len: usize) -> usize {
    (len * 8 / 7).next_power_of_two() * (size_of::<T>() + 1)
}

impl Tokenizer {
    pub fn from_metadata(meta: &Metadata) -> Result<Tokenizer> {
        let unusable = |why: String| Error::UnsupportedTokenizer(why);
        let kind = match meta.str("tokenizer.ggml.model") {
            Some(kind @ ("gpt2" | "gemma4" | "llama")) => kind,
            Some(other) => {
                return Err(unusable(format!(
                    "its kind is {other:?}; byte-level BPE (\"gpt2\"), SentencePiece (\"llama\") and \"gemma4\" are \
                     supported"
                )));
            }
            None => return Err(unusable("the file has none".into())),
        };
        let vocabulary = Vocabulary::from_metadata(meta)?;
        let id = |key: &str, default: Option<u32>| {
            let id = meta.u64(key).and_then(|id| u32::try_from(id).ok()).or(default);
            id.filter(|id| (*id as usize) < vocabulary.names.len())
        };
        let is_llama = kind == "llama";
        let of_llama = |id: u32| is_llama.then_some(id);
        let mut warnings = Vec::new();
        let (model, letters, adds_bos) = if is_llama {
            let unknown = id("tokenizer.ggml.unknown_token_id", Some(0));
            let scores = scores(meta);
            let pieces = SentencePiece::new(&vocabulary, &scores, unknown)?;
            (Model::SentencePiece(pieces), Letters::Spaced, true)
        } else {
            let named = if kind == "gemma4" { Some(kind) } else { meta.str("tokenizer.ggml.pre") };
            if named.is_none_or(str::is_empty) {
                warnings.push(NO_PRE_TOKENIZER.into());
            }
            let pre = PreTokenizer::named(named.filter(|name| !name.is_empty()).unwrap_or("default"))?;
            let (letters, adds_bos) = (pre.letters, pre.adds_bos);
            let merges = strings(meta, "tokenizer.ggml.merges")?;
            (Model::Bpe(Bpe::new(&vocabulary, &merges, pre)?), letters, adds_bos)
        };
        let specials = specials(&vocabulary)?;
        let bos = id("tokenizer.ggml.bos_token_id", of_llama(1));
        let mut ends: Vec<u32> = END_NAMES.iter().filter_map(|name| specials.control(name)).collect();
        let eos = id("tokenizer.ggml.eos_token_id", of_llama(2));
        ends.extend(eos);
        ends.extend(id("tokenizer.ggml.eot_token_id", None));
        ends.sort_unstable();
        ends.dedup();
        let pieces = vocabulary.names.iter().zip(&vocabulary.kinds);
        Ok(Tokenizer {
            model,
            specials,
            pieces: pieces.map(|(name, kind)| piece(name, *kind, letters).into()).collect(),
            kinds: vocabulary.kinds,
            bos,
            eos,
            ends,
            // Files of Gemma 4 may say that it does not, wrongly.
            add_bos: meta
                .bool("tokenizer.ggml.add_bos_token")
                .filter(|_| kind != "gemma4")
                .unwrap_or(adds_bos),
            adds_space: is_llama && meta.bool("tokenizer.ggml.add_space_prefix").unwrap_or(true),
            strips: is_llama && meta.str("general.architecture") == Some("phi3"),
            warnings,
        })
    }

    /// About how many bytes of memory the tokenizer of a file takes: its tables of tokens by their text and by their number,
    /// of merges, and of the bytes of each token.
    pub fn memory(meta: &Metadata) -> u64 {
        let array = |key: &str| meta.array(key).unwrap_or(&[]);
        let (tokens, merges) = (array("tokenizer.ggml.tokens"), array("tokenizer.ggml.merges"));
        let text: usize = tokens.iter().filter_map(Value::as_str).map(str::len).sum();
        let named =
            table::<(Box<str>, [u32; 2])>(tokens.len()) + tokens.len() * size_of::<(Box<[u8]>, Kind)>();
        (named + 2 * text + table::<[u32; 4]>(merges.len())) as u64
    }

    /// What a person should know about the file's tokenizer, in whole sentences.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    pub fn vocabulary_size(&self) -> usize {
        self.pieces.len()
    }

    /// The tokens of `text`. With `special`, the names of control tokens in it become those tokens; without, they are
    /// text like any other. No BOS is added.
    pub fn encode(&self, text: &str, special: bool) -> Result<Vec<u32>> {
        self.encode_behind(Before::Nothing, text, special)
    }

    /// The tokens of text that stands within another, with no control tokens: there is no space before it but its own.
    pub fn encode_within(&self, text: &str) -> Result<Vec<u32>> {
        self.encode_behind(Before::Text, text, false)
    }

    fn encode_behind(&self, before: Before, text: &str, special: bool) -> Result<Vec<u32>> {
        let find = if special { Find::All } else { Find::UserDefined { but: &[] } };
        self.encode_finding(before, text, find)
    }

    fn encode_finding(&self, before: Before, text: &str, find: Find) -> Result<Vec<u32>> {
        let mut tokens = Vec::new();
        let mut before = before;
        self.specials.split(text, find, |piece| {
            match piece {
                special::Piece::Token(id, _) => {
                    tokens.push(id);
                    before = Before::Special(id);
                }
                special::Piece::Text(text) => {
                    let text = self.stripped(text, before);
                    if !text.is_empty() {
                        self.encode_plain(text, before, &mut tokens);
                        before = Before::Text;
                    }
                }
            }
            Ok(())
        })?;
        Ok(tokens)
    }

    /// The tokens of text in which the names of special tokens were broken up with `guard` (see [`Tokenizer::guard`]) wherever
    /// they are a user's. There, none becomes a control token, nor one of `shut`.
    fn encode_guarded(&self, text: &str, guard: char, shut: &[u32]) -> Result<Vec<u32>> {
        let mut tokens = Vec::new();
        let mut before = Before::Nothing;
        self.specials.split(text, Find::All, |piece| {
            match piece {
                special::Piece::Token(id, _) => {
                    tokens.push(id);
                    before = Before::Special(id);
                }
                special::Piece::Text(text) => {
                    let find = Find::UserDefined { but: shut };
                    tokens.extend(self.encode_finding(before, &text.replace(guard, ""), find)?);
                }
            }
            Ok(())
        })?;
        Ok(tokens)
    }

    /// The special token that `text` begins with.
    pub fn leading_special(&self, text: &str) -> Option<u32> {
        let first = self.encode(text, true).ok()?.first().copied()?;
        Some(first).filter(|first| self.is_special(*first))
    }

    /// The special token of this name.
    pub fn special(&self, name: &str) -> Option<u32> {
        self.specials.control(name).or_else(|| self.specials.user_defined(name))
    }

    /// `text` without the white space that the special token before it takes.
    fn stripped<'a>(&self, text: &'a str, before: Before) -> &'a str {
        match before {
            Before::Special(token)
                if self.strips && !KEEP_SPACE.map(str::as_bytes).contains(&self.bytes(token)) =>
            {
                text.trim_start_matches([' ', '\t', '\n', '\u{b}', '\u{c}', '\r'])
            }
            _ => text,
        }
    }

    /// Where the last special token of `text` ends; 0 where there is none.
    fn last_special_end(&self, text: &str) -> Result<usize> {
        let mut end = 0;
        let mut at = 0;
        self.specials.split(text, Find::All, |piece| {
            match piece {
                special::Piece::Text(text) => at += text.len(),
                special::Piece::Token(_, name) => {
                    at += name.len();
                    end = at;
                }
            }
            Ok(())
        })?;
        Ok(end)
    }

    /// `text` with `guard` put inside every name of a control token.
    fn guard(&self, text: &str, guard: char) -> String {
        self.specials.break_up(text, guard)
    }

    fn encode_plain(&self, text: &str, before: Before, tokens: &mut Vec<u32>) {
        match &self.model {
            Model::Bpe(bpe) => bpe.encode(text, tokens),
            Model::SentencePiece(pieces) => {
                pieces.encode(text, self.adds_space && before != Before::Text, tokens);
            }
        }
    }

    /// The text of `tokens`, control tokens by their names; bytes that are not UTF-8 become U+FFFD.
    pub fn decode(&self, tokens: &[u32]) -> Result<String> {
        let mut bytes = Vec::new();
        let mut last = None;
        for &token in tokens {
            if token as usize >= self.pieces.len() {
                return Err(Error::InvalidArgument(format!("there is no token {token}")));
            }
            bytes.extend_from_slice(self.bytes_behind(last, token));
            last = Some(token);
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The bytes that a token adds to a text whose last token is `last`: not the space that [`Tokenizer::encode`] adds at the
    /// start and behind special tokens.
    pub fn bytes_behind(&self, last: Option<u32>, token: u32) -> &[u8] {
        let bytes = self.bytes(token);
        let starts =
            self.adds_space && last.is_none_or(|last| self.is_special(last)) && !self.is_special(token);
        bytes.strip_prefix(b" ").filter(|_| starts).unwrap_or(bytes)
    }

    /// The bytes of a token; none for an unknown one.
    pub fn bytes(&self, token: u32) -> &[u8] {
        self.pieces.get(token as usize).map_or(&[], |piece| piece)
    }

    pub fn is_control(&self, token: u32) -> bool {
        matches!(self.kinds.get(token as usize), Some(Kind::Control | Kind::Unknown))
    }

    fn is_special(&self, token: u32) -> bool {
        self.is_control(token) || self.kinds.get(token as usize) == Some(&Kind::UserDefined)
    }

    /// Whether `token` ends a turn or a text.
    pub fn is_end(&self, token: u32) -> bool {
        self.ends.contains(&token)
    }

    /// The tokens that end a turn or a text.
    pub fn ends(&self) -> &[u32] {
        &self.ends
    }

    /// The token that a prompt begins with, where the model wants one.
    pub fn leading(&self) -> Option<u32> {
        self.bos.filter(|_| self.add_bos)
    }

    /// The places of control tokens among `tokens`: only these tell one from the same name in a text.
    pub fn control_places(&self, tokens: &[u32]) -> Vec<u32> {
        (0..).zip(tokens).filter(|(_, token)| self.is_control(**token)).map(|(place, _)| place).collect()
    }

    fn name(&self, token: Option<u32>) -> String {
        token.map(|t| String::from_utf8_lossy(self.bytes(t)).into_owned()).unwrap_or_default()
    }
}

/// What stands before a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    Special(u32),
    Text,
}

/// What is looked for by its name.
fn specials(vocabulary: &Vocabulary) -> Result<Specials> {
    let tokens = (0..).zip(&vocabulary.names).zip(&vocabulary.kinds);
    Specials::new(tokens.filter_map(|((id, name), kind)| match kind {
        Kind::Control | Kind::Unknown => Some((*name, id, true)),
        Kind::UserDefined => Some((*name, id, false)),
        Kind::Text | Kind::Unused | Kind::Byte(_) => None,
    }))
}

/// The bytes that a token stands for.
fn piece(name: &str, kind: Kind, letters: Letters) -> Vec<u8> {
    match (kind, letters) {
        (Kind::Byte(byte), _) => vec![byte],
        (Kind::Unknown | Kind::Control, _) => name.into(),
        (Kind::UserDefined, Letters::Bytes) => name.into(),
        (_, Letters::Bytes) => alphabet::bytes(name),
        (_, Letters::Characters) => name.into(),
        (_, Letters::Spaced) => name.replace(alphabet::SPACE, " ").into(),
    }
}

/// The scores of SentencePiece's tokens.
fn scores(meta: &Metadata) -> Vec<f32> {
    let score = |value: &Value| match value {
        Value::Float(score) => *score as f32,
        Value::Signed(score) => *score as f32,
        Value::Unsigned(score) => *score as f32,
        _ => 0.0,
    };
    meta.array("tokenizer.ggml.scores").unwrap_or(&[]).iter().map(score).collect()
}
