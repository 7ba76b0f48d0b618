//! SentencePiece's BPE, as Llama 2, Mistral, Phi 3 and Gemma use it: a text is one word, and of the tokens that two
//! neighbours make the one with the highest score is merged first.

use super::alphabet;
use super::merge::{Symbol, merge};
use super::vocabulary::{Kind, Vocabulary};
use crate::{Error, Result};
use std::collections::HashMap;

pub(super) struct SentencePiece {
    /// Tokens by their text, each with its rank. Without control tokens: a text cannot become one.
    tokens: HashMap<Box<str>, (u32, u32)>,
    /// The length of the longest.
    longest: usize,
    /// Tokens of single bytes, for what is no token.
    bytes: [Option<u32>; 256],
    /// Stands for a byte without a token.
    unknown: Option<u32>,
}

/// A token's length. As much is looked up for each merge, so that it bounds the time that a text takes.
const MAX_TOKEN_BYTES: usize = 512;

impl SentencePiece {
    /// `scores`: one for each token; 0 for those beyond them.
    pub fn new(vocabulary: &Vocabulary, scores: &[f32], unknown: Option<u32>) -> Result<SentencePiece> {
        let rank = |id: u32| rank(scores.get(id as usize).copied().unwrap_or(0.0));
        let tokens: HashMap<Box<str>, (u32, u32)> =
            vocabulary.texts().map(|(id, name)| (Box::from(name), (rank(id), id))).collect();
        let longest = tokens.keys().map(|name| name.len()).max().unwrap_or(0);
        if longest > MAX_TOKEN_BYTES {
            return Err(Error::UnsupportedTokenizer(format!(
                "it has a token of {longest} bytes; {MAX_TOKEN_BYTES} are the most"
            )));
        }
        // An unused token may have a name of any length, and each byte of a text could become one.
        let unknown = unknown.filter(|id| vocabulary.kinds.get(*id as usize) != Some(&Kind::Unused));
        Ok(SentencePiece { tokens, longest, bytes: vocabulary.bytes(), unknown })
    }

    /// Adds the tokens of `text`; with `space`, of it behind a space.
    pub fn encode(&self, text: &str, space: bool, tokens: &mut Vec<u32>) {
        let space = if space { alphabet::SPACE } else { "" };
        let text = format!("{space}{}", text.replace(' ', alphabet::SPACE));
        let find = |start: usize, end: usize| match end - start <= self.longest {
            true => self.tokens.get(&text[start..end]).copied(),
            false => None,
        };
        let symbols = text.char_indices().map(|(start, c)| {
            let end = start + c.len_utf8();
            Symbol { token: find(start, end).map(|(_, token)| token), start, end }
        });
        for symbol in merge(symbols, |left, right| find(left.start, right.end)) {
            match symbol.token {
                Some(token) => tokens.push(token),
                None => {
                    let bytes = text[symbol.start..symbol.end].bytes();
                    tokens.extend(bytes.filter_map(|byte| self.bytes[usize::from(byte)].or(self.unknown)));
                }
            }
        }
    }
}

/// The order of merging: the higher the score, the lower the rank. What is no number comes last.
fn rank(score: f32) -> u32 {
    // The bits of positive numbers are in the order of the numbers, those of negative ones in the opposite order. Adding 0
    // makes -0 the same as 0.
    let bits = if score.is_nan() { f32::NEG_INFINITY } else { score + 0.0 }.to_bits();
    let ascending = if bits >> 31 == 0 { bits | 1 << 31 } else { !bits };
    !ascending
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn higher_scores_have_lower_ranks() {
        let descending = [f32::INFINITY, 2.0, 1e-9, 0.0, -1e-9, -1.0, -30_000.0, f32::NEG_INFINITY];
        assert!(descending.map(rank).is_sorted());
        assert_eq!(rank(-0.0), rank(0.0));
        assert_eq!(rank(f32::NAN), rank(f32::NEG_INFINITY));
    }
}
