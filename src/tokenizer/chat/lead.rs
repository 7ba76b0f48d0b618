//! What an answer stands behind: the rendered conversation, and the thoughts before the answer.

use super::thinking::{Thinking, known_marks};
use crate::Result;
use crate::tokenizer::special::Find;
use crate::tokenizer::{Before, Tokenizer};

/// What a prompt does about thoughts before the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Thoughts {
    /// What the chat template does by itself.
    AsTemplate,
    /// None: a thought that the template opens is closed again.
    Closed,
    /// The prompt ends within a thought, as the chat template knows them.
    Opened,
    /// The prompt ends within a thought of another kind.
    Other(Thinking),
    /// The prompt ends with an empty thought of another kind.
    Skipped(Thinking),
}

impl Thoughts {
    /// What a template's switch is set to.
    pub(super) fn switch(&self) -> Option<bool> {
        match self {
            Thoughts::AsTemplate => None,
            Thoughts::Opened => Some(true),
            Thoughts::Closed | Thoughts::Other(_) | Thoughts::Skipped(_) => Some(false),
        }
    }

    /// What must follow `prompt`, which a template made for a model with such `thinking`, if with any.
    pub(super) fn completion(&self, thinking: Option<&Thinking>, prompt: &str) -> String {
        let of_template = match (self.switch(), thinking) {
            (Some(think), Some(thinking)) => thinking.completion(prompt, think),
            _ => String::new(),
        };
        match self {
            Thoughts::Other(other) => of_template + &other.opening,
            Thoughts::Skipped(other) => of_template + &other.opening + &other.closing(),
            _ => of_template,
        }
    }

    /// Tokens that open and close thoughts: a user's text never becomes one.
    pub(super) fn tokens(&self, tokenizer: &Tokenizer) -> Vec<u32> {
        let mut names: Vec<&str> = known_marks().collect();
        if let Thoughts::Other(Thinking { marks, .. }) | Thoughts::Skipped(Thinking { marks, .. }) = self {
            names.extend([marks.open.as_str(), &marks.close]);
        }
        names.into_iter().filter_map(|name| tokenizer.leading_special(name)).collect()
    }
}

/// A prompt up to the answer. Its last text is kept as text, because it may share a token with the answer.
#[derive(Debug, Clone)]
pub struct Lead {
    tokens: Vec<u32>,
    /// What stands before `text`.
    before: Before,
    text: String,
    /// What no text becomes: the tokens that open and close thoughts.
    shut: Vec<u32>,
}

impl Lead {
    /// From a rendered template, in which `guard` breaks up what must stay text.
    pub(super) fn of_rendered(
        tokenizer: &Tokenizer,
        rendered: &str,
        guard: char,
        shut: Vec<u32>,
    ) -> Result<Lead> {
        // What precedes the last special token is the same for all answers, and tokenized by itself whatever follows.
        let (first, rest) = rendered.split_at(tokenizer.last_special_end(rendered)?);
        let mut tokens = tokenizer.encode_guarded(first, guard, &shut)?;
        let before = tokens.last().map_or(Before::Nothing, |last| Before::Special(*last));
        if let Some(bos) = tokenizer.leading().filter(|bos| tokens.first() != Some(bos)) {
            tokens.insert(0, bos);
        }
        Ok(Lead { tokens, before, text: rest.replace(guard, ""), shut })
    }

    /// The prompt with `answer` as the beginning of the answer.
    pub fn prompt(&self, tokenizer: &Tokenizer, answer: &str) -> Result<Vec<u32>> {
        let tail = self.encode(tokenizer, &format!("{}{answer}", self.text))?;
        Ok([&self.tokens[..], &tail].concat())
    }

    /// The lead behind a thought: the prompt's tokens and those `thought`, then `unfinished` (text of the thought that is in
    /// none of the tokens), then what closes it.
    pub fn behind_thought(
        &self,
        tokenizer: &Tokenizer,
        thought: &[u32],
        unfinished: &str,
        thinking: &Thinking,
    ) -> Result<Lead> {
        let tokens = [&self.prompt(tokenizer, "")?, thought].concat();
        let last = tokens.last().copied();
        let is_lined = match last {
            Some(last) if unfinished.is_empty() => tokenizer.bytes(last).ends_with(b"\n"),
            _ => unfinished.ends_with('\n'),
        };
        // A thought that ends with its line needs no other line break.
        let space = if is_lined { "" } else { thinking.before_close.as_str() };
        let before = match last.filter(|last| tokenizer.is_special(*last)) {
            Some(last) => Before::Special(last),
            None => Before::Text,
        };
        let mut lead = Lead { tokens, before, text: format!("{unfinished}{space}"), shut: self.shut.clone() };
        match tokenizer.special(&thinking.marks.close) {
            Some(close) => {
                let text = lead.encode(tokenizer, &lead.text)?;
                lead.tokens.extend(text);
                lead.tokens.push(close);
                (lead.before, lead.text) = (Before::Special(close), thinking.after_close.clone());
            }
            None => lead.text += &format!("{}{}", thinking.marks.close, thinking.after_close),
        }
        Ok(lead)
    }

    fn encode(&self, tokenizer: &Tokenizer, text: &str) -> Result<Vec<u32>> {
        tokenizer.encode_finding(self.before, text, Find::UserDefined { but: &self.shut })
    }
}
