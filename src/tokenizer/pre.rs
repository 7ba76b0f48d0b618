//! Pre-tokenizers: how text is cut into words before BPE, by the names that GGUF files give them.

use crate::{Error, Result};
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::tokenizer::SplitDelimiterBehavior;

pub(super) struct PreTokenizer {
    pub splitter: PreTokenizerWrapper,
    /// A word that is itself in the vocabulary is taken whole, without merging.
    pub whole_words_first: bool,
    pub adds_bos: bool,
}

/// Llama 3: contractions, words with one leading sign, up to three digits, signs with line breaks, white space.
const LLAMA_3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// Qwen 2: the same with single digits.
const QWEN_2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

impl PreTokenizer {
    pub fn named(name: &str) -> Result<PreTokenizer> {
        let splitter = match name {
            "smollm" => sequence(Digits::new(true).into(), true),
            "llama-bpe" | "llama3" | "llama-v3" => sequence(split(LLAMA_3)?, false),
            "qwen2" => sequence(split(QWEN_2)?, false),
            "gpt-2" => bytes(true),
            other => {
                return Err(Error::UnsupportedTokenizer(format!(
                    "its pre-tokenizer is \"{other}\"; smollm, llama-bpe, gpt-2 and qwen2 are supported"
                )));
            }
        };
        let llama_3 = name.starts_with("llama");
        Ok(PreTokenizer { splitter, whole_words_first: llama_3, adds_bos: llama_3 })
    }
}

fn sequence(first: PreTokenizerWrapper, gpt2_words: bool) -> PreTokenizerWrapper {
    Sequence::new(vec![first, bytes(gpt2_words)]).into()
}

/// Bytes to GPT-2's alphabet; with `words`, cut into words by GPT-2's pattern first.
fn bytes(words: bool) -> PreTokenizerWrapper {
    ByteLevel::new(false, false, words).into()
}

fn split(pattern: &str) -> Result<PreTokenizerWrapper> {
    Split::new(SplitPattern::Regex(pattern.into()), SplitDelimiterBehavior::Isolated, false)
        .map(Into::into)
        .map_err(|e| Error::Internal(format!("a pre-tokenizer's pattern: {e}")))
}
