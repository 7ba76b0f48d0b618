//! Inference as the judge sees it: a model that was loaded, sequences that grow, logits and text that come out.

mod cache;
mod generate;
mod info;
mod load;
mod sample;
mod schedule;
mod sequence;

pub(crate) use generate::milliseconds;
pub use generate::{FinishReason, GenerateOptions, Generation, Prompt, Timing, Usage};
pub use info::ModelInfo;
pub use load::{Backend, DEFAULT_BATCH, DEFAULT_CONTEXT, LoadOptions};
pub use sample::{Sampler, Sampling, argmax, log_sum_exp};
pub use sequence::Sequence;

use crate::model::Config;
use crate::tokenizer::{ChatTemplate, Message, Tokenizer};
use crate::{Control, Error, Result};
use cache::Cache;
use schedule::{Scheduler, Want};
use std::cell::RefCell;
use std::rc::Rc;

/// A model, ready to run. Calls may overlap: they share the model's forward passes.
pub struct Engine {
    scheduler: Scheduler,
    cache: Rc<RefCell<Cache>>,
    config: Config,
    tokenizer: Rc<Tokenizer>,
    chat: Option<ChatTemplate>,
    info: ModelInfo,
}

impl Engine {
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    pub fn tokenizer(&self) -> &Rc<Tokenizer> {
        &self.tokenizer
    }

    /// Tokens that a sequence can hold.
    pub fn context_length(&self) -> usize {
        self.info.context_length
    }

    /// The prompt that makes the model answer `messages`, with `answer` as the beginning of its answer. The messages'
    /// text cannot become control tokens.
    pub fn chat_prompt(&self, messages: &[Message], answer: &str) -> Result<Vec<u32>> {
        Ok(self.chat_prompts(messages, &[answer])?.remove(0))
    }

    /// The same for several beginnings of the answer.
    pub fn chat_prompts(&self, messages: &[Message], answers: &[impl AsRef<str>]) -> Result<Vec<Vec<u32>>> {
        let chat = self.chat.as_ref().ok_or_else(|| Error::ChatTemplate("the file has none".into()))?;
        chat.prompts(&self.tokenizer, messages, answers)
    }

    /// An empty sequence.
    pub fn sequence(&self) -> Sequence {
        Sequence::new(&self.cache)
    }

    /// Makes `sequence` hold exactly `tokens`, computing only what neither it nor the prefix tree holds already, and
    /// returns the logits `[vocab]` after the last token, with the number of tokens that were not computed again.
    /// After an error the sequence is empty.
    pub async fn advance(
        &self,
        sequence: &mut Sequence,
        tokens: &[u32],
        control: &dyn Control,
    ) -> Result<(Vec<f32>, usize)> {
        self.check(tokens)?;
        let held = std::mem::replace(sequence, self.sequence());
        let done = self.scheduler.run(held, tokens.to_vec(), Want::Last, control).await?;
        *sequence = done.sequence;
        Ok((done.logits, done.cached))
    }

    /// Next-token logits `[vocab]` after the last of `tokens`.
    pub async fn logits(&self, tokens: &[u32], control: &dyn Control) -> Result<Vec<f32>> {
        Ok(self.advance(&mut self.sequence(), tokens, control).await?.0)
    }

    /// log p(token[i + 1] | token[..= i]) for each token but the first: `tokens.len() - 1` natural logarithms.
    pub async fn logprobs(&self, tokens: &[u32], control: &dyn Control) -> Result<Vec<f32>> {
        self.check(tokens)?;
        let mut sequence = self.sequence();
        let mut logprobs = Vec::with_capacity(tokens.len() - 1);
        // A piece at a time: the logits of a long text would not fit into memory.
        const PIECE: usize = 32;
        for end in (1..tokens.len()).step_by(PIECE).map(|start| (start + PIECE).min(tokens.len())) {
            let done = self.scheduler.run(sequence, tokens[..end - 1].to_vec(), Want::Each, control).await?;
            sequence = done.sequence;
            for logits in done.logits.chunks_exact(self.config.vocab) {
                let next = tokens[logprobs.len() + 1];
                logprobs.push((f64::from(logits[next as usize]) - log_sum_exp(logits)) as f32);
            }
        }
        Ok(logprobs)
    }

    fn check(&self, tokens: &[u32]) -> Result<()> {
        if tokens.is_empty() {
            return Err(Error::InvalidArgument("at least one token is needed".into()));
        }
        if tokens.len() > self.context_length() {
            return Err(Error::ContextOverflow { tokens: tokens.len(), limit: self.context_length() });
        }
        match tokens.iter().find(|t| **t as usize >= self.config.vocab) {
            Some(token) => Err(Error::InvalidArgument(format!(
                "token {token} is outside the vocabulary of {} tokens",
                self.config.vocab
            ))),
            None => Ok(()),
        }
    }
}
