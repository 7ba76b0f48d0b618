//! Thoughts before a verdict: whether a model thinks, for how long, and what closes its thought.
//!
//! A verdict is never read within a thought. A prompt that the chat template leaves within one is either thought on from
//! there, up to the mark that closes the thought, or closed at once.

use super::template::Template;
use crate::engine::{Engine, FinishReason, GenerateOptions, Generation, Usage};
use crate::tokenizer::{Habit, Lead, Thinking, ThoughtMarks, Thoughts, Tokenizer};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// Whether a judge thinks before it answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ThinkingChoice {
    /// A thought that the chat template opens is closed at once.
    Off,
    /// Thinks for up to [`AUTO_TOKENS`] where the chat template opens a thought in every prompt, or the judge's template has
    /// marks for one; not where no critique is wanted.
    #[default]
    Auto,
    /// Thinks for up to so many tokens, with or without a critique.
    MaxTokens(usize),
}

/// What a piece of streamed text belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextPart {
    Thinking,
    Critique,
}

impl TextPart {
    /// As JavaScript names it.
    pub fn name(self) -> &'static str {
        match self {
            TextPart::Thinking => "thinking",
            TextPart::Critique => "critique",
        }
    }
}

/// Most tokens of a thought that nobody set a limit for.
pub const AUTO_TOKENS: usize = 1024;

/// What is done about thoughts in a call.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub thoughts: Thoughts,
    /// How the thoughts are written, and how long they may be; `None` where there are none.
    pub budget: Option<(Thinking, usize)>,
    /// What would open a thought within a critique: the verdict behind it would be read within that thought.
    opens: Vec<String>,
}

/// A thought that was closed.
pub(super) struct Thought {
    pub text: String,
    /// What the answer stands behind.
    pub lead: Lead,
    pub usage: Usage,
    pub decode_ms: f64,
}

impl Plan {
    pub fn new(choice: ThinkingChoice, critique: bool, template: &Template, engine: &Engine) -> Result<Plan> {
        let of_chat = engine.thinking();
        let of_template = template.thinking.clone().map(Thinking::of_marks);
        // Marks that both have are written as the chat template writes them.
        let other = of_template.filter(|other| of_chat.is_none_or(|chat| chat.marks != other.marks));
        let asks = template.thinking.is_some();
        let always = of_chat.is_some_and(|chat| chat.habit == Habit::Always);
        let budget = match choice {
            ThinkingChoice::Off => None,
            ThinkingChoice::Auto => (critique && (asks || always)).then_some(AUTO_TOKENS),
            ThinkingChoice::MaxTokens(budget) => Some(budget),
        };
        let known =
            ThoughtMarks::known().filter(|marks| engine.tokenizer().leading_special(&marks.open).is_some());
        let shown = [of_chat, other.as_ref()].into_iter().flatten().map(|thinking| thinking.marks.clone());
        let opens = known.chain(shown).map(|marks| marks.open).collect();
        let (thoughts, thinking) = match (budget, other, of_chat) {
            (Some(_), Some(other), _) => (Thoughts::Other(other.clone()), Some(other)),
            (Some(_), None, Some(chat)) => (Thoughts::Opened, Some(chat.clone())),
            (None, Some(other), _) => (Thoughts::Skipped(other), None),
            (None, None, Some(_)) => (Thoughts::Closed, None),
            (None, None, None) => (Thoughts::AsTemplate, None),
            (Some(_), None, None) => {
                return Err(Error::InvalidArgument(
                    "`thinking` has a budget, but neither the model's chat template nor the judge's template shows how a \
                     thought begins and ends: leave it out, or give the template `thinking: {open: …, close: …}`"
                        .into(),
                ));
            }
        };
        Ok(Plan { thoughts, budget: thinking.zip(budget), opens })
    }

    /// Tokens that are kept free for a thought behind a prompt that is shortened.
    pub fn room(&self, engine: &Engine) -> usize {
        self.budget.as_ref().map_or(0, |(_, budget)| *budget.min(&(engine.context_length() / 4)))
    }

    /// Adds to `options` that a critique ends where the model opens a thought.
    pub fn stop_at_thoughts(&self, engine: &Engine, options: &mut GenerateOptions) {
        for open in &self.opens {
            stop_at(engine, open, options);
        }
    }
}

/// Ends a generation at a mark. Where the vocabulary has a token for it, only that counts: a model may quote the mark.
pub(super) fn stop_at(engine: &Engine, mark: &str, options: &mut GenerateOptions) {
    match engine.tokenizer().leading_special(mark) {
        Some(token) => options.stop_tokens.push(token),
        None => options.stop.push(mark.to_string()),
    }
}

/// The tokens of a thought behind `last`, without what ended it, and the text of it that shares a token with `close`.
pub(super) fn thought_tokens<'a>(
    tokenizer: &Tokenizer,
    last: Option<u32>,
    generation: &'a Generation,
    close: &str,
) -> (&'a [u32], String) {
    let tokens = &generation.tokens[..];
    let Some((end, before)) = tokens.split_last().filter(|_| generation.finish_reason == FinishReason::Stop)
    else {
        return (tokens, String::new());
    };
    if tokenizer.is_end(*end) || tokenizer.leading_special(close) == Some(*end) {
        return (before, String::new());
    }
    // The mark is text, and ends in the last token. It may begin within one.
    let mut bytes = Vec::new();
    let mut ends = Vec::new();
    for (i, &token) in tokens.iter().enumerate() {
        if !tokenizer.is_control(token) {
            let last = i.checked_sub(1).map_or(last, |i| Some(tokens[i]));
            bytes.extend_from_slice(tokenizer.bytes_behind(last, token));
        }
        ends.push(bytes.len());
    }
    let at = bytes.windows(close.len()).position(|window| window == close.as_bytes()).unwrap_or(bytes.len());
    let whole = ends.partition_point(|end| *end <= at);
    let start = whole.checked_sub(1).map_or(0, |i| ends[i]);
    (&tokens[..whole], String::from_utf8_lossy(&bytes[start..at]).into_owned())
}

/// The tokens of a thought and of the critique behind it, as one call's.
pub(super) fn together(thought: Option<&Thought>, usage: Usage) -> Usage {
    match thought {
        // What the critique's prompt has more is what was thought.
        Some(thought) => {
            let completion_tokens = thought.usage.completion_tokens + usage.completion_tokens;
            Usage { completion_tokens, ..thought.usage }
        }
        None => usage,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Timing;
    use crate::gguf::{Metadata, Value};

    #[test]
    fn a_mark_of_text_may_begin_within_a_token() {
        let text = |s: &&str| Value::String(s.to_string());
        let names = ["<end>", "a", "b", "~", "b~", "~a", "Ã"];
        let kinds = (0..names.len()).map(|i| Value::Signed(if i == 0 { 3 } else { 1 })).collect();
        let meta: Metadata = [
            ("tokenizer.ggml.model", text(&"gpt2")),
            ("tokenizer.ggml.pre", text(&"gpt-2")),
            ("tokenizer.ggml.tokens", Value::Array(names.iter().map(text).collect())),
            ("tokenizer.ggml.token_type", Value::Array(kinds)),
            ("tokenizer.ggml.merges", Value::Array(Vec::new())),
            ("tokenizer.ggml.eos_token_id", Value::Unsigned(0)),
        ]
        .map(|(key, value)| (key.to_string(), value))
        .into_iter()
        .collect();
        let tokenizer = Tokenizer::from_metadata(&meta).unwrap();
        let cut = |tokens: &[u32], close: &str, finish_reason| {
            let generation = Generation {
                text: String::new(),
                tokens: tokens.to_vec(),
                logprobs: None,
                top_logprobs: None,
                finish_reason,
                usage: Usage::default(),
                timing: Timing::default(),
            };
            let (kept, rest) = thought_tokens(&tokenizer, None, &generation, close);
            (kept.to_vec(), rest)
        };
        let stop = |tokens: &[u32], close: &str| cut(tokens, close, FinishReason::Stop);
        assert_eq!(stop(&[1, 2, 3], "~"), (vec![1, 2], String::new()));
        assert_eq!(stop(&[1, 4], "~"), (vec![1], "b".into()));
        assert_eq!(stop(&[2, 5, 3], "a~"), (vec![2], "~".into()));
        assert_eq!(stop(&[1, 2, 0], "~"), (vec![1, 2], String::new()));
        // Half a character stays the token that it is.
        assert_eq!(stop(&[6, 2, 3], "~"), (vec![6, 2], String::new()));
        assert_eq!(cut(&[1, 4], "~", FinishReason::Length), (vec![1, 4], String::new()));
    }
}
