//! A prompt as people can look at it.

use super::Engine;
use crate::Result;

/// What a model reads.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ShownPrompt {
    /// The text of the tokens, control tokens by their names.
    pub text: String,
    pub tokens: Vec<u32>,
    /// Places of control tokens among `tokens`, from 0. The text alone does not tell them from their names.
    pub special: Vec<u32>,
}

impl Engine {
    /// `tokens` as people can look at them.
    pub fn shown(&self, tokens: Vec<u32>) -> Result<ShownPrompt> {
        let (text, special) = (self.tokenizer.decode(&tokens)?, self.tokenizer.control_places(&tokens));
        Ok(ShownPrompt { text, tokens, special })
    }
}
