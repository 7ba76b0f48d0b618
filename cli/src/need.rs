//! About how many tokens of the model's context a row takes, for admission.

use crate::task::Task;
use lunette::engine::Engine;
use lunette::judge::{AUTO_TOKENS, JudgeOptions, TemplateChoice, ThinkingChoice};

pub struct Need {
    /// What a prompt, its thought and its critique have besides the row.
    besides: usize,
    /// Sequences of a row.
    sequences: usize,
}

impl Need {
    /// Of rows that the model reads as they are.
    pub fn plain() -> Need {
        // The chat template's own tokens.
        Need { besides: 64, sequences: 1 }
    }

    /// `template` is the template's text.
    pub fn new(engine: &Engine, task: &Task, options: &JudgeOptions, template: &str) -> Need {
        let count =
            |text: &str| engine.tokenizer().encode(text, false).map_or(text.len(), |tokens| tokens.len());
        let (template, asks) = match &options.template {
            // The chat template, and the longest of the built-in ones.
            TemplateChoice::Text(_) => (768, false),
            TemplateChoice::Read(read) => (128 + count(template), read.thinking.is_some()),
        };
        let critique = if options.critique { options.max_tokens } else { 0 };
        let thought = match options.thinking {
            ThinkingChoice::MaxTokens(budget) => budget,
            ThinkingChoice::Auto if asks || engine.thinking().is_some() => AUTO_TOKENS,
            ThinkingChoice::Auto | ThinkingChoice::Off => 0,
        };
        let besides = template + count(&task.rubric().to_string()) + critique + thought;
        Need { besides, sequences: task.sequences(options) }
    }

    /// About the most tokens that the model holds at a time for a row.
    pub fn of(&self, engine: &Engine, row: &[u8]) -> usize {
        let limit = engine.context_length();
        // What is this long is not worth counting.
        const BYTES: usize = 16;
        let text = match row.len() <= limit.saturating_mul(BYTES) {
            true => String::from_utf8_lossy(row),
            false => return limit,
        };
        let own = engine.tokenizer().encode(&text, false).map_or(limit, |tokens| tokens.len());
        let one = (own + own / 8 + self.besides).min(limit);
        one.saturating_mul(self.sequences)
    }
}
