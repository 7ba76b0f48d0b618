//! Inference as the judge sees it: a model that was loaded, sequences that grow, logits and text that come out.

mod generate;
mod info;
mod kv;
mod load;
mod sample;

pub(crate) use generate::milliseconds;
pub use generate::{FinishReason, GenerateOptions, Generation, Prompt, Timing, Usage};
pub use info::ModelInfo;
pub use kv::Sequence;
pub use load::{Backend, LoadOptions};
pub use sample::{Sampler, Sampling, argmax, log_sum_exp};

use crate::model::{Config, Row, Runner, Step};
use crate::tokenizer::{ChatTemplate, Message, Tokenizer};
use crate::{Control, Error, Result};
use kv::BlockPool;
use std::rc::Rc;

/// A model, ready to run.
pub struct Engine {
    runner: Box<dyn Runner>,
    config: Config,
    tokenizer: Rc<Tokenizer>,
    chat: Option<ChatTemplate>,
    pool: BlockPool,
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
        let chat = self.chat.as_ref().ok_or_else(|| Error::ChatTemplate("the file has none".into()))?;
        chat.prompt(&self.tokenizer, messages, answer)
    }

    /// An empty sequence.
    pub fn sequence(&self) -> Sequence {
        self.pool.sequence()
    }

    /// Makes `sequence` hold exactly `tokens`, computing only what follows the prefix that it holds already, and
    /// returns the logits `[vocab]` after the last token, with the number of tokens that were not computed again.
    pub async fn advance(
        &mut self,
        sequence: &mut Sequence,
        tokens: &[u32],
        control: &dyn Control,
    ) -> Result<(Vec<f32>, usize)> {
        self.check(tokens)?;
        let shared = sequence.tokens().iter().zip(tokens).take_while(|(a, b)| a == b).count();
        // The last token is always computed: its logits are what is asked for.
        let cached = shared.min(tokens.len() - 1);
        sequence.truncate(cached);
        let mut rest = &tokens[cached..];
        loop {
            let (chunk, later) = rest.split_at(rest.len().min(self.runner.max_rows()));
            let outputs = if later.is_empty() { vec![chunk.len() as u32 - 1] } else { Vec::new() };
            let logits = self.step(sequence, chunk, outputs, control).await?;
            if later.is_empty() {
                return Ok((logits, cached));
            }
            rest = later;
        }
    }

    /// Next-token logits `[vocab]` after the last of `tokens`.
    pub async fn logits(&mut self, tokens: &[u32], control: &dyn Control) -> Result<Vec<f32>> {
        let mut sequence = self.sequence();
        Ok(self.advance(&mut sequence, tokens, control).await?.0)
    }

    /// log p(token[i + 1] | token[..= i]) for each token but the first: `tokens.len() - 1` natural logarithms.
    pub async fn logprobs(&mut self, tokens: &[u32], control: &dyn Control) -> Result<Vec<f32>> {
        self.check(tokens)?;
        let mut sequence = self.sequence();
        let mut logprobs = Vec::with_capacity(tokens.len() - 1);
        let rows = self.runner.max_rows().min(self.runner.max_outputs());
        for chunk in tokens[..tokens.len() - 1].chunks(rows) {
            let logits = self.step(&mut sequence, chunk, (0..chunk.len() as u32).collect(), control).await?;
            for logits in logits.chunks_exact(self.config.vocab) {
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

    /// Appends `chunk` to `sequence`; the logits are those of the rows in `outputs`.
    async fn step(
        &mut self,
        sequence: &mut Sequence,
        chunk: &[u32],
        outputs: Vec<u32>,
        control: &dyn Control,
    ) -> Result<Vec<f32>> {
        sequence.reserve(chunk.len())?;
        let start = sequence.tokens().len();
        let rows = chunk.iter().enumerate().map(|(i, &token)| {
            let position = start + i;
            Row { token, position: position as u32, slot: sequence.slot(position), sequence: 0 }
        });
        let step = Step { rows: rows.collect(), tables: vec![sequence.table()], outputs };
        let logits = self.runner.forward(&step, control).await?;
        sequence.push(chunk);
        Ok(logits)
    }
}
