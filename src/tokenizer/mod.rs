//! Text to tokens and back, from the vocabulary in a GGUF file.
//!
//! The BPE itself is Hugging Face's `tokenizers`. Special tokens are ours to find, because a judge reads hostile text:
//! only where the caller says so does `<|im_end|>` become a control token; everywhere else it stays text.

mod alphabet;
mod chat;
mod pre;
mod special;
mod stream;

pub use chat::{ChatTemplate, Date, Message};
pub use stream::TextStream;

use crate::gguf::{Metadata, Value};
use crate::{Error, Result};
use pre::PreTokenizer;
use special::Specials;
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::{Model, OffsetReferential, OffsetType, PreTokenizedString};

/// A byte-level BPE tokenizer (GGUF's `tokenizer.ggml.model = "gpt2"`).
pub struct Tokenizer {
    pre: PreTokenizer,
    bpe: BPE,
    specials: Specials,
    /// The bytes of every token.
    pieces: Vec<Box<[u8]>>,
    control: Vec<bool>,
    bos: Option<u32>,
    /// Tokens that end a turn or a text.
    ends: Vec<u32>,
    add_bos: bool,
}

/// GGUF's `tokenizer.ggml.token_type`.
const CONTROL: u64 = 3;
const USER_DEFINED: u64 = 4;
const UNUSED: u64 = 5;

/// Control tokens that end a turn, by the names that models give them; `eos_token_id` and `eot_token_id` are added.
const END_NAMES: [&str; 7] = [
    "<|im_end|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|end_of_text|>",
    "<|endoftext|>",
    "<|end|>",
    "<end_of_turn>",
];

pub(crate) const MAX_VOCABULARY: usize = 1 << 21;
/// Bytes of all tokens together, and of all merges: several times those of the largest vocabulary published.
const MAX_TEXT_BYTES: usize = 32 << 20;

/// Bytes of a hash table of `len` entries: a power of two of places, of which seven in eight are used.
fn table<T>(len: usize) -> usize {
    (len * 8 / 7).next_power_of_two() * (size_of::<T>() + 1)
}

impl Tokenizer {
    pub fn from_metadata(meta: &Metadata) -> Result<Tokenizer> {
        let unusable = |why: String| Error::UnsupportedTokenizer(why);
        match meta.str("tokenizer.ggml.model") {
            Some("gpt2") => {}
            Some(other) => {
                return Err(unusable(format!(
                    "its kind is \"{other}\"; byte-level BPE (\"gpt2\") is supported"
                )));
            }
            None => return Err(unusable("the file has none".into())),
        }
        let tokens = strings(meta, "tokenizer.ggml.tokens")?;
        if tokens.is_empty() {
            return Err(unusable("its vocabulary is empty".into()));
        }
        let kinds = kinds(meta, tokens.len())?;
        let pre = PreTokenizer::named(meta.str("tokenizer.ggml.pre").unwrap_or("default"))?;
        let bpe = model(meta, &tokens, &kinds, pre.whole_words_first)?;

        let specials = Specials::new(tokens.iter().zip(&kinds).enumerate().filter_map(
            |(id, (token, kind))| match *kind {
                CONTROL => Some((*token, id as u32, true)),
                USER_DEFINED => Some((*token, id as u32, false)),
                _ => None,
            },
        ))?;
        let pieces = tokens
            .iter()
            .zip(&kinds)
            .map(|(token, kind)| match *kind {
                CONTROL | USER_DEFINED => token.as_bytes().into(),
                _ => alphabet::bytes(token).into(),
            })
            .collect();
        let id = |key: &str| {
            meta.u64(key).and_then(|id| u32::try_from(id).ok()).filter(|id| (*id as usize) < tokens.len())
        };
        let mut ends: Vec<u32> = END_NAMES.iter().filter_map(|name| specials.control(name)).collect();
        ends.extend(id("tokenizer.ggml.eos_token_id").into_iter().chain(id("tokenizer.ggml.eot_token_id")));
        ends.sort_unstable();
        ends.dedup();
        Ok(Tokenizer {
            bpe,
            specials,
            pieces,
            control: kinds.iter().map(|kind| *kind == CONTROL).collect(),
            bos: id("tokenizer.ggml.bos_token_id"),
            ends,
            // Llama 3's pre-tokenizer comes with a BOS unless the file says otherwise (as in llama.cpp).
            add_bos: meta.bool("tokenizer.ggml.add_bos_token").unwrap_or(pre.adds_bos),
            pre,
        })
    }

    /// About how many bytes of memory the tokenizer of a file takes: its tables of tokens by their text and by their number,
    /// of merges, and of the bytes of each token.
    pub fn memory(meta: &Metadata) -> u64 {
        let array = |key: &str| meta.array(key).unwrap_or(&[]);
        let (tokens, merges) = (array("tokenizer.ggml.tokens"), array("tokenizer.ggml.merges"));
        let text: usize = tokens.iter().filter_map(Value::as_str).map(str::len).sum();
        let named = 2 * table::<(String, u32)>(tokens.len()) + tokens.len() * size_of::<(Box<[u8]>, bool)>();
        (named + 3 * text + table::<[u32; 4]>(merges.len())) as u64
    }

    pub fn vocabulary_size(&self) -> usize {
        self.pieces.len()
    }

    /// The tokens of `text`. With `special`, the names of control tokens in it become those tokens; without, they are
    /// text like any other. No BOS is added.
    pub fn encode(&self, text: &str, special: bool) -> Result<Vec<u32>> {
        let mut tokens = Vec::new();
        self.specials.split(text, special, |piece| {
            match piece {
                special::Piece::Token(id) => tokens.push(id),
                special::Piece::Text(text) => self.encode_plain(text, &mut tokens)?,
            }
            Ok(())
        })?;
        Ok(tokens)
    }

    /// The tokens of text in which the names of control tokens were broken up with `guard` (see [`Tokenizer::guard`])
    /// wherever they must stay text.
    fn encode_guarded(&self, text: &str, guard: char) -> Result<Vec<u32>> {
        let mut tokens = Vec::new();
        self.specials.split(text, true, |piece| {
            match piece {
                special::Piece::Token(id) => tokens.push(id),
                special::Piece::Text(text) => tokens.extend(self.encode(&text.replace(guard, ""), false)?),
            }
            Ok(())
        })?;
        Ok(tokens)
    }

    /// Where the last special token of `text` ends; 0 where there is none.
    fn last_special_end(&self, text: &str) -> Result<usize> {
        let mut end = 0;
        let mut at = 0;
        self.specials.split(text, true, |piece| {
            match piece {
                special::Piece::Text(text) => at += text.len(),
                special::Piece::Token(id) => {
                    at += self.bytes(id).len();
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

    fn encode_plain(&self, text: &str, tokens: &mut Vec<u32>) -> Result<()> {
        let words = self.words(text);
        let words =
            words.map_err(|e| Error::InvalidArgument(format!("this text cannot be tokenized: {e}")))?;
        for (_, _, word) in words.get_splits(OffsetReferential::Normalized, OffsetType::None) {
            tokens.extend(word.iter().flatten().map(|token| token.id));
        }
        Ok(())
    }

    /// The words of `text`, each with its tokens.
    fn words(&self, text: &str) -> tokenizers::Result<PreTokenizedString> {
        let mut words = self.pre.words(text)?;
        words.tokenize(|word| self.bpe.tokenize(word.get()))?;
        Ok(words)
    }

    /// The text of `tokens`, control tokens by their names; bytes that are not UTF-8 become U+FFFD.
    pub fn decode(&self, tokens: &[u32]) -> Result<String> {
        let mut bytes = Vec::new();
        for &token in tokens {
            let piece = self.pieces.get(token as usize);
            let piece = piece.ok_or_else(|| Error::InvalidArgument(format!("there is no token {token}")))?;
            bytes.extend_from_slice(piece);
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The bytes of a token; none for an unknown one.
    pub fn bytes(&self, token: u32) -> &[u8] {
        self.pieces.get(token as usize).map_or(&[], |piece| piece)
    }

    pub fn is_control(&self, token: u32) -> bool {
        self.control.get(token as usize).copied().unwrap_or(false)
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

/// The tokens that text can become, and how they grow out of bytes.
fn model(meta: &Metadata, tokens: &[&str], kinds: &[u64], whole_words_first: bool) -> Result<BPE> {
    let unusable = |why: String| Error::UnsupportedTokenizer(why);
    let plain =
        tokens.iter().zip(kinds).enumerate().filter(|(_, (_, kind))| !matches!(**kind, CONTROL | UNUSED));
    let vocabulary: Vocab = plain.map(|(id, (token, _))| (token.to_string(), id as u32)).collect();
    let longest = vocabulary.keys().map(String::len).max().unwrap_or(0);
    let merges = strings(meta, "tokenizer.ggml.merges")?
        .into_iter()
        .map(|merge| match merge.split_once(' ') {
            // The builder would panic.
            Some((a, b)) if a.len() + b.len() > longest => {
                Err(unusable(format!("the merge {merge:?} makes no token")))
            }
            Some((a, b)) => Ok((a.to_string(), b.to_string())),
            None => Err(unusable(format!("the merge {merge:?} is not a pair"))),
        })
        .collect::<Result<Vec<_>>>()?;
    BPE::builder()
        .vocab_and_merges(vocabulary, merges)
        .ignore_merges(whole_words_first)
        // It would be the thread's, not the tokenizer's: words of private texts would outlive the model.
        .cache_capacity(0)
        .build()
        .map_err(|e| unusable(format!("its merges do not fit its vocabulary ({e})")))
}

fn strings<'a>(meta: &'a Metadata, key: &str) -> Result<Vec<&'a str>> {
    let values = meta.array(key).ok_or_else(|| Error::UnsupportedTokenizer(format!("{key} is missing")))?;
    let values: Option<Vec<_>> = values.iter().map(Value::as_str).collect();
    let values = values.ok_or_else(|| Error::UnsupportedTokenizer(format!("{key} does not hold text")))?;
    let bytes: usize = values.iter().map(|text| text.len()).sum();
    match values.len() <= MAX_VOCABULARY && bytes <= MAX_TEXT_BYTES {
        true => Ok(values),
        false => {
            Err(Error::UnsupportedTokenizer(format!("{key} has {} entries of {bytes} bytes", values.len())))
        }
    }
}

fn kinds(meta: &Metadata, count: usize) -> Result<Vec<u64>> {
    let Some(values) = meta.array("tokenizer.ggml.token_type") else { return Ok(vec![1; count]) };
    if values.len() != count {
        return Err(Error::UnsupportedTokenizer(format!(
            "it has {count} tokens but {} token types",
            values.len()
        )));
    }
    Ok(values
        .iter()
        .map(|value| match value {
            Value::Signed(kind) => *kind as u64,
            Value::Unsigned(kind) => *kind,
            _ => 1,
        })
        .collect())
}
