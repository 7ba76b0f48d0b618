//! Byte-pair encoding: text is cut into words, and a word's characters are merged by a list of pairs.

use super::alphabet::{self, Letters};
use super::merge::{Symbol, merge};
use super::pre::PreTokenizer;
use super::vocabulary::Vocabulary;
use crate::{Error, Result};
use std::collections::HashMap;

pub(super) struct Bpe {
    pre: PreTokenizer,
    /// Tokens by their text. Without control tokens: a text cannot become one.
    tokens: HashMap<Box<str>, u32>,
    /// Two tokens to the place of their pair in the list, and the token that they make.
    merges: HashMap<(u32, u32), (u32, u32)>,
    /// Tokens of single bytes, for what is no token.
    bytes: [Option<u32>; 256],
}

impl Bpe {
    pub fn new(vocabulary: &Vocabulary, merges: &[&str], pre: PreTokenizer) -> Result<Bpe> {
        let unusable = |why: String| Error::UnsupportedTokenizer(why);
        let named: HashMap<&str, u32> = (0..).zip(&vocabulary.names).map(|(id, name)| (*name, id)).collect();
        let mut ranks = HashMap::with_capacity(merges.len());
        for (rank, merge) in (0..).zip(merges) {
            // A word may begin with a space, where spaces are not written as another character.
            let space = merge.char_indices().skip(1).find(|(_, c)| *c == ' ');
            let Some((at, _)) = space else {
                return Err(unusable(format!("the merge {merge:?} is not a pair")));
            };
            let (left, right) = (&merge[..at], &merge[at + 1..]);
            let id = |name: &str| {
                let id = named.get(name).copied();
                id.ok_or_else(|| {
                    unusable(format!("its merges do not fit its vocabulary ({merge:?} needs {name:?})"))
                })
            };
            let (left, right, token) = (id(left)?, id(right)?, id(&[left, right].concat())?);
            if [left, right, token].into_iter().all(|id| vocabulary.is_text(id)) {
                ranks.entry((left, right)).or_insert((rank, token));
            }
        }
        let tokens: HashMap<Box<str>, u32> =
            vocabulary.texts().map(|(id, name)| (Box::from(name), id)).collect();
        let bytes = match pre.letters {
            Letters::Bytes => std::array::from_fn(|byte| {
                tokens.get(alphabet::character(byte as u8).encode_utf8(&mut [0; 4]) as &str).copied()
            }),
            Letters::Characters | Letters::Spaced => vocabulary.bytes(),
        };
        Ok(Bpe { pre, tokens, merges: ranks, bytes })
    }

    /// Adds the tokens of `text`. A character that the vocabulary has no token for, nor for its bytes, is left out.
    pub fn encode(&self, text: &str, tokens: &mut Vec<u32>) {
        match self.pre.letters {
            Letters::Spaced => self.words(&text.replace(' ', alphabet::SPACE), tokens),
            Letters::Bytes | Letters::Characters => self.words(text, tokens),
        }
    }

    fn words(&self, text: &str, tokens: &mut Vec<u32>) {
        let mut whole = String::new();
        for word in self.pre.words(text) {
            if self.pre.is_whole(word) {
                whole.clear();
                match self.pre.letters {
                    Letters::Bytes => whole.extend(word.bytes().map(alphabet::character)),
                    Letters::Characters | Letters::Spaced => whole.push_str(word),
                }
                if let Some(token) = self.tokens.get(whole.as_str()) {
                    tokens.push(*token);
                    continue;
                }
            }
            self.word(word, tokens);
        }
    }

    fn word(&self, word: &str, tokens: &mut Vec<u32>) {
        let bytes = word.bytes().enumerate().map(|(start, byte)| Symbol {
            token: self.bytes[usize::from(byte)],
            start,
            end: start + 1,
        });
        let characters = word.char_indices().map(|(start, c)| {
            let end = start + c.len_utf8();
            Symbol { token: self.tokens.get(&word[start..end]).copied(), start, end }
        });
        let pair = |left: Symbol, right: Symbol| self.merges.get(&(left.token?, right.token?)).copied();
        match self.pre.letters {
            Letters::Bytes => tokens.extend(merge(bytes, pair).filter_map(|symbol| symbol.token)),
            Letters::Characters | Letters::Spaced => {
                for symbol in merge(characters, pair) {
                    match symbol.token {
                        Some(token) => tokens.push(token),
                        None => {
                            let bytes = word[symbol.start..symbol.end].bytes();
                            tokens.extend(bytes.filter_map(|byte| self.bytes[usize::from(byte)]));
                        }
                    }
                }
            }
        }
    }
}
