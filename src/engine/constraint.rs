//! Text that must follow a JSON schema, a regular expression or a grammar.
//!
//! `llguidance` says at each step which tokens can go on; all others are taken out of the logits before one is chosen.

mod bounds;

use super::Sampler;
use crate::model::Sampled;
use crate::tokenizer::Tokenizer;
use crate::{Error, Result};
use llguidance::api::{ParserLimits, TopLevelGrammar};
use llguidance::toktrie::{ApproximateTokEnv, InferenceCapabilities, TokRxInfo, TokTrie};
use llguidance::{Matcher, ParserFactory};
use serde::Deserialize;
use serde_json::{Value, json};
use std::fmt::Display;
use std::sync::Arc;

/// What a generated text must be, from its first character to its last.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Constraint {
    /// JSON that this schema describes.
    JsonSchema(Value),
    /// A text that matches from end to end: the syntax of Rust's `regex`, without look-around.
    Regex(String),
    /// A grammar in the dialect of Lark that `llguidance` reads; its rule `start` is the whole text.
    Grammar(String),
}

impl Constraint {
    fn field(&self) -> &'static str {
        match self {
            Constraint::JsonSchema(_) => "constraint.jsonSchema",
            Constraint::Regex(_) => "constraint.regex",
            Constraint::Grammar(_) => "constraint.grammar",
        }
    }

    fn grammar(&self) -> Result<TopLevelGrammar> {
        if let Some(excess) = bounds::excess(self) {
            return Err(self.wrong(&excess));
        }
        match self {
            Constraint::JsonSchema(Value::Object(schema)) => {
                let mut schema = schema.clone();
                let options = schema.entry("x-guidance").or_insert_with(|| json!({}));
                if let Some(options) =
                    options.as_object_mut().filter(|o| !o.contains_key("whitespace_flexible"))
                {
                    options.entry("whitespace_pattern").or_insert_with(|| WHITESPACE.into());
                }
                Ok(TopLevelGrammar::from_json_schema(Value::Object(schema)))
            }
            Constraint::JsonSchema(_) => Err(self.wrong("must be an object")),
            Constraint::Regex(text) if text.is_empty() => Err(self.wrong("is empty")),
            // It would be lost on the way into the grammar that carries the expression.
            Constraint::Regex(text) if text.bytes().rev().take_while(|b| *b == b'\\').count() % 2 == 1 => {
                Err(self.wrong("ends with a backslash that escapes nothing"))
            }
            Constraint::Regex(text) => Ok(TopLevelGrammar::from_regex(text)),
            Constraint::Grammar(text) => Ok(TopLevelGrammar::from_lark(text.clone())),
        }
    }

    fn wrong(&self, what: &str) -> Error {
        Error::InvalidArgument(format!("`{}` {what}", self.field()))
    }
}

/// Whitespace between two tokens of JSON, unless the schema's `x-guidance` says otherwise: one space, or a line break and
/// an indentation. A small model that may write more sometimes writes nothing else.
const WHITESPACE: &str = r" |\n( {0,32}|\t{0,8})";

/// Limits of a grammar and of a step on it, for the time and memory of a browser's tab.
fn limits() -> ParserLimits {
    ParserLimits {
        // A state takes 1 to 2 KB.
        max_lexer_states: 50_000,
        max_grammar_size: 200_000,
        verbose_errors: false,
        ..ParserLimits::default()
    }
}

/// What `llguidance` says, without what it adds for its own developers.
fn reason(error: impl Display) -> String {
    let text = format!("{error:#}");
    let end = ["\n<non-verbose/>", "\n<backtrace>"].iter().filter_map(|mark| text.find(mark)).min();
    match text[..end.unwrap_or(text.len())].trim_end() {
        "NoExtensionBias" => "no text satisfies it from here on".into(),
        text => text.into(),
    }
}

/// Compiles constraints for one vocabulary. Making it takes a tenth of a second.
pub(super) struct Compiler {
    factory: ParserFactory,
}

impl Compiler {
    pub fn new(tokenizer: &Tokenizer) -> Result<Compiler> {
        let unusable = |why: String| Error::UnsupportedTokenizer(format!("it cannot be constrained: {why}"));
        let words: Vec<Vec<u8>> =
            (0..tokenizer.vocabulary_size() as u32).map(|token| word(tokenizer, token)).collect();
        // Each byte may become a node of the trie, which has 22 bits for their number.
        if words.iter().map(Vec::len).sum::<usize>() >= 1 << 22 {
            return Err(unusable("its tokens are too long".into()));
        }
        let ends = tokenizer.ends();
        let end = *ends.first().ok_or_else(|| unusable("no token of it ends a text".into()))?;
        let trie = TokTrie::from(&TokRxInfo::new(words.len() as u32, end), &words).with_eos_tokens(ends);
        // Not canonical: the model chooses among all ways to write the same bytes in tokens.
        let env = Arc::new(ApproximateTokEnv::new(trie));
        let slices = llguidance::earley::SlicedBiasComputer::general_slices();
        let mut factory = ParserFactory::new(&(env as _), InferenceCapabilities::default(), &slices)
            .map_err(|e| unusable(reason(e)))?;
        factory.quiet();
        *factory.limits_mut() = limits();
        Ok(Compiler { factory })
    }

    /// The constraint, with nothing generated yet.
    pub fn compile(&self, constraint: &Constraint) -> Result<Constrained> {
        let field = constraint.field();
        let wrong = |why: String| Error::InvalidArgument(format!("`{field}` cannot be used: {why}"));
        let parser = self.factory.create_parser(constraint.grammar()?).map_err(|e| wrong(reason(e)))?;
        let mut matcher = Matcher::new(Ok(parser));
        matcher.consume_tokens(&[]).map_err(|e| wrong(reason(e)))?;
        if matcher.is_stopped() {
            return Err(wrong("only the empty text satisfies it".into()));
        }
        Ok(Constrained { matcher, field })
    }
}

/// The bytes that a token stands for in a constraint. A control token, marked, is no text but can be named in a
/// grammar; no bytes: never allowed.
fn word(tokenizer: &Tokenizer, token: u32) -> Vec<u8> {
    // The trie's nodes count their ancestors in 10 bits, and nobody needs tokens that long.
    const LONGEST: usize = 512;
    let bytes = tokenizer.bytes(token);
    match bytes.len() {
        0..LONGEST if tokenizer.is_control(token) || tokenizer.is_end(token) => {
            [&[TokTrie::SPECIAL_TOKEN_MARKER], bytes].concat()
        }
        0..LONGEST => bytes.to_vec(),
        _ => Vec::new(),
    }
}

/// A constraint on the way through one generation.
pub(super) struct Constrained {
    matcher: Matcher,
    field: &'static str,
}

impl Constrained {
    /// Chooses a token among those that can go on, and goes on with it. A token that ends the text is among them
    /// where the text may end. Log-probabilities are those of the full vocabulary.
    pub fn sample(&mut self, logits: &[f32], sampler: &mut Sampler) -> Result<Sampled> {
        let allowed = self.matcher.compute_mask().map_err(|e| self.stuck(e))?;
        // A model may have more logits than its vocabulary has tokens.
        let allows = |token: usize| token < allowed.len() && allowed.get(token);
        let mask = |(token, &logit): (usize, &f32)| if allows(token) { logit } else { f32::NEG_INFINITY };
        let masked: Vec<f32> = logits.iter().enumerate().map(mask).collect();
        let sampled = sampler.sample_masked(logits, &masked)?;
        self.matcher.consume_token(sampled.token).map_err(|e| self.stuck(e))?;
        Ok(sampled)
    }

    /// Whether the text satisfies the constraint and nothing could be added to it.
    pub fn is_complete(&self) -> bool {
        self.matcher.is_stopped()
    }

    fn stuck(&self, why: impl Display) -> Error {
        Error::InvalidArgument(format!("`{}` cannot be followed any further: {}", self.field, reason(why)))
    }
}
