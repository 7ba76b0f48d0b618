//! Pre-tokenizers: how text is cut into words before BPE, by the names that GGUF files give them.

use crate::{Error, Result};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::tokenizer::SplitDelimiterBehavior;
use tokenizers::{PreTokenizedString, PreTokenizer as _};

/// A cut into words and then GPT-2's bytes. It names the few steps that there are: the library's `PreTokenizerWrapper` would
/// bring all of its own into the module, and their tables of Unicode.
pub(super) struct PreTokenizer {
    first: First,
    /// Bytes to GPT-2's alphabet; in some, after a cut into words by GPT-2's pattern.
    bytes: ByteLevel,
    /// A word that is itself in the vocabulary is taken whole, without merging.
    pub whole_words_first: bool,
    pub adds_bos: bool,
}

enum First {
    Nothing,
    Digits(Digits),
    Split(Box<Split>),
}

/// Llama 3: contractions, words with one leading sign, up to three digits, signs with line breaks, white space.
const LLAMA_3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// Qwen 2: the same with single digits.
const QWEN_2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

impl PreTokenizer {
    pub fn named(name: &str) -> Result<PreTokenizer> {
        let (first, gpt2_words) = match name {
            "smollm" => (First::Digits(Digits::new(true)), true),
            "llama-bpe" | "llama3" | "llama-v3" => (split(LLAMA_3)?, false),
            "qwen2" => (split(QWEN_2)?, false),
            "gpt-2" => (First::Nothing, true),
            other => {
                return Err(Error::UnsupportedTokenizer(format!(
                    "its pre-tokenizer is \"{other}\"; smollm, llama-bpe, gpt-2 and qwen2 are supported"
                )));
            }
        };
        let llama_3 = name.starts_with("llama");
        let bytes = ByteLevel::new(false, false, gpt2_words);
        Ok(PreTokenizer { first, bytes, whole_words_first: llama_3, adds_bos: llama_3 })
    }

    /// Cuts `text` into words, in GPT-2's alphabet.
    pub fn words(&self, text: &str) -> tokenizers::Result<PreTokenizedString> {
        let mut words = PreTokenizedString::from(text);
        match &self.first {
            First::Nothing => {}
            First::Digits(digits) => digits.pre_tokenize(&mut words)?,
            First::Split(split) => split.pre_tokenize(&mut words)?,
        }
        self.bytes.pre_tokenize(&mut words)?;
        Ok(words)
    }
}

fn split(pattern: &str) -> Result<First> {
    Split::new(SplitPattern::Regex(pattern.into()), SplitDelimiterBehavior::Isolated, false)
        .map(|split| First::Split(Box::new(split)))
        .map_err(|e| Error::Internal(format!("a pre-tokenizer's pattern: {e}")))
}

#[cfg(test)]
mod tests {
    use super::super::alphabet;
    use super::*;
    use tokenizers::{OffsetReferential, OffsetType};

    fn cut(name: &str, text: &str) -> Vec<String> {
        let words = PreTokenizer::named(name).unwrap().words(text).unwrap();
        words
            .get_splits(OffsetReferential::Normalized, OffsetType::None)
            .into_iter()
            .map(|(word, _, _)| String::from_utf8(alphabet::bytes(word)).unwrap())
            .collect()
    }

    /// As Python's `regex` 2026 finds the same patterns (SmolLM's after a cut at each digit).
    #[test]
    fn words_are_cut_where_the_published_patterns_cut_them() {
        let text =
            "It's WE'LL cost $12345.67, naïve 東京\u{a0}(x+=1);\r\n\n  \tif a  b:   \n**Result:** 5 🌙!  ";
        let [llama, qwen, gpt, smollm] =
            ["llama-bpe", "qwen2", "gpt-2", "smollm"].map(|name| cut(name, text));
        let start = ["It", "'s", " WE", "'LL", " cost", " $"];
        let middle =
            [",", " naïve", " 東京", "\u{a0}", "(x", "+=", "1", ");\r\n\n", "  ", "\tif", " a", " ", " b"];
        let end = [":", "   \n", "**", "Result", ":**", " ", "5", " 🌙!", "  "];
        assert_eq!(llama, [&start[..], &["123", "45", ".", "67"], &middle, &end].concat());
        let digits = ["1", "2", "3", "4", "5", ".", "6", "7"];
        assert_eq!(qwen, [&start[..], &digits, &middle, &end].concat());

        let start = ["It", "'s", " WE", "'", "LL", " cost", " $"];
        let middle =
            [",", " naïve", " 東京", "\u{a0}", "(", "x", "+=", "1", ");", "\r\n\n  ", "\t", "if", " a", " "];
        let end = [" b", ":", "   ", "\n", "**", "Result", ":**"];
        let last = [" 🌙!", "  "];
        assert_eq!(gpt, [&start[..], &["12345", ".", "67"], &middle, &end, &[" 5"], &last].concat());
        assert_eq!(smollm, [&start[..], &digits, &middle, &end, &[" ", "5"], &last].concat());
    }

    #[test]
    fn an_empty_text_has_no_words() {
        for name in ["llama-bpe", "qwen2", "gpt-2", "smollm"] {
            assert!(cut(name, "").concat().is_empty(), "{name}");
        }
        assert!(matches!(PreTokenizer::named("tekken"), Err(Error::UnsupportedTokenizer(_))));
    }
}
