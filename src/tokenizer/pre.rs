//! Pre-tokenizers: text is cut into words before BPE, by the name that a GGUF file gives.
//!
//! The patterns need no backtracking, so that a text takes time in proportion to its length, whatever is in it. Lookahead,
//! which they are published with, is done here: it says how much of a run of white space or digits is one word.

use super::alphabet::Letters;
use super::patterns::{Cut, ROWS, Row, Whole};
use crate::{Error, Result};
use regex_automata::meta::Regex;
use regex_automata::{Input, Match};

pub(super) struct PreTokenizer {
    cutters: Vec<Cutter>,
    whole: Whole,
    pub letters: Letters,
    /// Whether a prompt begins with a BOS where the file does not say.
    pub adds_bos: bool,
}

impl PreTokenizer {
    pub fn named(name: &str) -> Result<PreTokenizer> {
        let row = ROWS.iter().find(|row| row.names.contains(&name)).ok_or_else(|| {
            Error::UnsupportedTokenizer(format!(
                "its pre-tokenizer is {name:?}, which is not known; convert the model with a llama.cpp that is not newer \
                 than this version of Lunette, or update Lunette"
            ))
        })?;
        PreTokenizer::of(row)
    }

    fn of(row: &Row) -> Result<PreTokenizer> {
        let cutters = row.cuts.iter().map(|cut| Cutter::new(*cut)).collect::<Result<_>>()?;
        Ok(PreTokenizer { cutters, whole: row.whole, letters: row.letters, adds_bos: row.bos })
    }

    /// Cuts `text` into words, which together are all of it.
    pub fn words<'a>(&self, text: &'a str) -> Vec<&'a str> {
        let mut words = vec![text];
        for cutter in &self.cutters {
            let mut parts = Vec::with_capacity(words.len());
            for word in words {
                cutter.cut(word, &mut parts);
            }
            words = parts;
        }
        words
    }

    /// Whether `word` is one token if the vocabulary has it.
    pub fn is_whole(&self, word: &str) -> bool {
        match self.whole {
            Whole::None => false,
            Whole::All => true,
            Whole::LineBreaks => word.bytes().all(|byte| byte == b'\n'),
        }
    }
}

struct Cutter {
    regex: Regex,
    cut: Cut,
}

/// Of the two patterns of a [`Cutter`], the one for runs of white space.
const SPACE: usize = 1;

impl Cutter {
    fn new(cut: Cut) -> Result<Cutter> {
        let regex = match cut {
            Cut::At(pattern) | Cut::Thousands(pattern) | Cut::ThousandsAlone(pattern) => Regex::new(pattern),
            Cut::Words(pattern) | Cut::WordsAndPowers(pattern) => Regex::new_many(&[pattern, r"\s+"]),
        };
        let regex = regex.map_err(|e| Error::Internal(format!("a pre-tokenizer's pattern: {e}")))?;
        Ok(Cutter { regex, cut })
    }

    /// Adds the parts of `text`: matches, and what lies between them.
    fn cut<'a>(&self, text: &'a str, parts: &mut Vec<&'a str>) {
        let mut end = 0;
        while let Some(found) = self.regex.find(Input::new(text).range(end..)) {
            if end < found.start() {
                parts.push(&text[end..found.start()]);
            }
            end = self.part(text, found, parts);
        }
        if end < text.len() {
            parts.push(&text[end..]);
        }
    }

    /// Adds the parts of a match; returns where they end, which is behind its first character at least.
    fn part<'a>(&self, text: &'a str, found: Match, parts: &mut Vec<&'a str>) -> usize {
        let (start, end) = (found.start(), found.end());
        let matched = &text[start..end];
        // Of white space before something, the last character goes with that.
        let own = match matched.char_indices().next_back() {
            Some((last, _)) if found.pattern().as_usize() == SPACE && end < text.len() && last > 0 => last,
            _ => matched.len(),
        };
        match self.cut {
            Cut::WordsAndPowers(_) if found.pattern().as_usize() == SPACE => {
                powers(&matched[..own], parts);
            }
            Cut::ThousandsAlone(_) if text[end..].starts_with(|c: char| c.is_alphanumeric() || c == '_') => {
                parts.push(matched);
            }
            Cut::Thousands(_) | Cut::ThousandsAlone(_) => thousands(matched, parts),
            Cut::At(_) | Cut::Words(_) | Cut::WordsAndPowers(_) => parts.push(&matched[..own]),
        }
        start + own
    }
}

/// Cuts white space into runs of 512, 256 … 4 characters, then two or one.
fn powers<'a>(text: &'a str, parts: &mut Vec<&'a str>) {
    let mut rest = text;
    let mut left = text.chars().count();
    let mut size = 512;
    while left > 0 {
        while size > left {
            size /= 2;
        }
        let at = rest.char_indices().nth(size).map_or(rest.len(), |(at, _)| at);
        let (part, other) = rest.split_at(at);
        parts.push(part);
        rest = other;
        left -= size;
    }
}

/// Cuts digits into groups of three from the right.
fn thousands<'a>(digits: &'a str, parts: &mut Vec<&'a str>) {
    let count = digits.chars().count();
    let mut start = 0;
    for (i, (at, _)) in digits.char_indices().enumerate().skip(1) {
        if (count - i).is_multiple_of(3) {
            parts.push(&digits[start..at]);
            start = at;
        }
    }
    parts.push(&digits[start..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, HashSet};
    use std::time::Instant;

    fn named(name: &str) -> PreTokenizer {
        PreTokenizer::named(name).unwrap()
    }

    /// As Python's `regex` cuts them: see tests/golden/words.py.
    #[test]
    fn words_are_cut_where_the_published_patterns_cut_them() {
        let golden: BTreeMap<String, Vec<Vec<String>>> =
            serde_json::from_str(include_str!("../../tests/golden/words.json")).unwrap();
        assert_eq!(golden.len(), 26);
        for (name, texts) in golden {
            let pre = named(&name);
            for words in texts {
                assert_eq!(pre.words(&words.concat()), words, "{name}");
            }
        }
    }

    #[test]
    fn names_stand_in_one_row() {
        let names: Vec<&str> = ROWS.iter().flat_map(|row| row.names).copied().collect();
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len());
        assert!(names.len() >= 90, "{}", names.len());
        assert!(matches!(PreTokenizer::named("word"), Err(Error::UnsupportedTokenizer(_))));
    }

    #[test]
    fn digits_are_grouped_from_the_right() {
        assert_eq!(named("afmoe").words("a 1234567b"), ["a", " ", "1", "234", "567", "b"]);
        assert_eq!(named("superbpe").words("by 1234 words"), ["by ", "1", "234", " words"]);
        assert_eq!(named("tiny_aya").words("1234 1234b"), ["1", "234", " ", "123", "4", "b"]);
    }

    #[test]
    fn only_the_words_that_a_row_says_are_whole() {
        assert!(named("llama-bpe").is_whole("word") && !named("llama4").is_whole("word"));
        let gemma = named("gemma4");
        assert!(gemma.is_whole("\n\n") && !gemma.is_whole("a\n"));
    }

    /// With backtracking, one of these texts would take minutes.
    #[test]
    fn long_texts_take_time_in_proportion() {
        const LEN: usize = 1 << 17;
        let parts = [
            " ", "\n", " \n", "  x", "\t\n ", "a", "A", "Aa", "1", "é", "e\u{301}", "'", "'s", "$", "漢",
            "x ",
        ];
        let texts = parts.map(|part| part.repeat(LEN / part.len()));
        let start = Instant::now();
        for row in ROWS {
            let pre = PreTokenizer::of(row).unwrap();
            for text in &texts {
                for text in [text.clone(), format!("{text}."), format!("{text}b")] {
                    let words = pre.words(&text);
                    assert!(words.iter().all(|word| !word.is_empty()), "{:?}", row.names);
                    assert_eq!(words.concat(), text, "{:?}", row.names);
                }
            }
        }
        let seconds = start.elapsed().as_secs_f64();
        println!("{seconds:.1} s");
        assert!(seconds < 120.0, "{seconds} s");
    }
}
