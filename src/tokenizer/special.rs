//! Finding special tokens in text: control tokens where they are allowed, user-defined tokens everywhere.

use crate::{Error, Result};
use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use std::collections::HashMap;

/// A part of a text.
pub(super) enum Piece<'a> {
    /// With its name.
    Token(u32, &'a str),
    Text(&'a str),
}

/// Names of special tokens, each with its id.
struct Names {
    finder: AhoCorasick,
    ids: Vec<u32>,
}

impl Names {
    /// The longest name wins where several begin at the same place.
    fn new(names: &[(&str, u32)]) -> Result<Names> {
        let finder = AhoCorasick::builder()
            // A table for each byte of each name, which it would make of a few names, is a thousand times their length.
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .match_kind(MatchKind::LeftmostLongest)
            .build(names.iter().map(|(name, _)| name))
            .map_err(|e| Error::UnsupportedTokenizer(format!("its special tokens: {e}")))?;
        Ok(Names { finder, ids: names.iter().map(|(_, id)| *id).collect() })
    }
}

/// The longest name: as much is looked at again, at worst, from each place in a text.
const MAX_NAME_BYTES: usize = 256;
/// Bytes of all names: the searching machine takes some fifty times as much.
const MAX_BYTES: usize = 1 << 20;

pub(super) struct Specials {
    /// Control and user-defined tokens.
    all: Names,
    /// User-defined tokens: text that is always one token.
    user_defined: Names,
    control: HashMap<String, u32>,
    user_defined_ids: HashMap<String, u32>,
}

/// What to find in a text.
#[derive(Debug, Clone, Copy)]
pub(super) enum Find<'a> {
    /// Control and user-defined tokens.
    All,
    /// User-defined tokens, but for a few.
    UserDefined { but: &'a [u32] },
}

impl Specials {
    /// From `(name, id, is a control token)`.
    pub fn new<'a>(tokens: impl Iterator<Item = (&'a str, u32, bool)>) -> Result<Specials> {
        // A name of one character cannot be broken up (see `break_up`): as a control token it is never looked for.
        let findable = |name: &str, control: bool| name.chars().nth(usize::from(control)).is_some();
        let tokens: Vec<_> = tokens.filter(|(name, _, control)| findable(name, *control)).collect();
        let longest = tokens.iter().map(|(name, ..)| name.len()).max().unwrap_or(0);
        let bytes: usize = tokens.iter().map(|(name, ..)| name.len()).sum();
        if longest > MAX_NAME_BYTES || bytes > MAX_BYTES {
            return Err(Error::UnsupportedTokenizer(format!(
                "its special tokens have {bytes} bytes, the longest {longest}; {MAX_BYTES} and {MAX_NAME_BYTES} are the most"
            )));
        }
        let all: Vec<_> = tokens.iter().map(|&(name, id, _)| (name, id)).collect();
        let user_defined: Vec<_> = tokens.iter().filter(|t| !t.2).map(|&(name, id, _)| (name, id)).collect();
        let ids = |control: bool| {
            tokens
                .iter()
                .filter(move |t| t.2 == control)
                .map(|&(name, id, _)| (name.to_string(), id))
                .collect()
        };
        Ok(Specials {
            all: Names::new(&all)?,
            user_defined: Names::new(&user_defined)?,
            control: ids(true),
            user_defined_ids: ids(false),
        })
    }

    pub fn control(&self, name: &str) -> Option<u32> {
        self.control.get(name).copied()
    }

    pub fn user_defined(&self, name: &str) -> Option<u32> {
        self.user_defined_ids.get(name).copied()
    }

    /// Whether the name of a control token has this character.
    pub fn mention(&self, c: char) -> bool {
        self.control.keys().any(|name| name.contains(c))
    }

    /// Cuts `text` at special tokens.
    pub fn split<'a>(
        &self,
        text: &'a str,
        find: Find,
        mut each: impl FnMut(Piece<'a>) -> Result<()>,
    ) -> Result<()> {
        let (names, but) = match find {
            Find::All => (&self.all, &[][..]),
            Find::UserDefined { but } => (&self.user_defined, but),
        };
        let mut end = 0;
        for found in names.finder.find_iter(text) {
            let id = names.ids[found.pattern().as_usize()];
            if but.contains(&id) {
                continue;
            }
            each(Piece::Text(&text[end..found.start()]))?;
            each(Piece::Token(id, &text[found.range()]))?;
            end = found.end();
        }
        each(Piece::Text(&text[end..]))
    }

    /// Puts `guard` behind the first character of everything that a control token could be found in.
    pub fn break_up(&self, text: &str, guard: char) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(found) = self.all.finder.find(rest) {
            // Only one character is passed at a time: breaking this name may bare another that overlaps it.
            let first = rest[found.start()..].chars().next().map_or(1, char::len_utf8);
            let cut = found.start() + first;
            out.push_str(&rest[..cut]);
            out.push(guard);
            rest = &rest[cut..];
        }
        out.push_str(rest);
        out
    }
}
