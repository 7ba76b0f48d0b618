//! Inference as the judge sees it: a model that was loaded, sequences that grow, logits and text that come out.

mod adapter;
mod cache;
mod constraint;
mod generate;
mod info;
mod keeper;
mod load;
mod losses;
mod options;
mod place;
mod plan;
mod recovery;
mod sample;
mod schedule;
mod sequence;
mod shown;
mod work;

pub use crate::model::log_sum_exp;
pub use adapter::AdapterChoice;
pub use constraint::Constraint;
pub(crate) use generate::milliseconds;
pub use generate::{FinishReason, GenerateOptions, Generation, Prompt, Timing, TokenLogprob, Usage};
pub use info::ModelInfo;
pub use options::{Backend, DEFAULT_BATCH, DEFAULT_CONTEXT, LoadOptions};
pub use plan::{LoadPlan, PlanLimits, PlannedMemory, PlannedModel, Verdict};
pub use recovery::{OnRecovery, Recovery, RecoveryPhase};
pub use sample::{Sampler, Sampling};
pub use sequence::Sequence;
pub use shown::ShownPrompt;

use crate::gpu::Gpu;
use crate::model::{Chosen, Config, MOST_GATHERED, OutputKind, Reader, Reading};
use crate::source::ModelBytes;
use crate::tokenizer::{ChatTemplate, Lead, Message, Thinking, Thoughts, Tokenizer};
use crate::{Control, Error, Result};
use cache::Cache;
use constraint::{Compiler, Constrained};
use schedule::Scheduler;
use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use work::Want;

/// A model, ready to run. Calls may overlap: they share the model's forward passes.
pub struct Engine {
    scheduler: Scheduler,
    cache: Rc<RefCell<Cache>>,
    config: Config,
    tokenizer: Rc<Tokenizer>,
    chat: Option<ChatTemplate>,
    /// As it was loaded.
    info: ModelInfo,
    /// The place of the head's adapter, if there is one.
    head: Option<usize>,
    /// Made when the first constraint comes.
    compiler: OnceCell<Compiler>,
}

impl Engine {
    /// What was loaded, and what it runs on at the moment: a model whose GPU fails goes on on the CPU.
    pub fn info(&self) -> ModelInfo {
        ModelInfo { backend: self.scheduler.backend(), ..self.info.clone() }
    }

    /// The model's files.
    pub fn bytes(&self) -> &Rc<dyn ModelBytes> {
        self.scheduler.keeper().bytes()
    }

    /// The device that the model is on, if that is a GPU: to count what is on it, and to see what becomes of the calls when
    /// it is lost.
    pub fn gpu(&self) -> Option<Gpu> {
        self.scheduler.keeper().gpu()
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
        self.chat()?.prompts(&self.tokenizer, messages, answers)
    }

    /// What the model's answer to `messages` stands behind, with an order about thoughts before the answer.
    pub fn chat_lead(&self, messages: &[Message], thoughts: &Thoughts) -> Result<Lead> {
        self.chat()?.lead(&self.tokenizer, messages, thoughts)
    }

    /// How the model thinks, as its chat template shows; `None` where that knows of no thoughts.
    pub fn thinking(&self) -> Option<&Thinking> {
        self.chat.as_ref()?.thinking()
    }

    fn chat(&self) -> Result<&ChatTemplate> {
        self.chat.as_ref().ok_or_else(|| Error::ChatTemplate("the file has none".into()))
    }

    /// An empty sequence, computed with the first adapter where the model was loaded with any.
    pub fn sequence(&self) -> Sequence {
        self.sequence_with(self.adapter(&AdapterChoice::default()).unwrap_or(None))
    }

    /// An empty sequence that is computed with an adapter, or without one (see [`Engine::adapter`]).
    pub fn sequence_with(&self, adapter: Option<Chosen>) -> Sequence {
        Sequence::new(&self.cache, adapter)
    }

    /// The adapter that is asked for, if the model was loaded with it.
    pub fn adapter(&self, choice: &AdapterChoice) -> Result<Option<Chosen>> {
        choice.among(&self.info.lora_adapters, self.head)
    }

    /// What an adapter's file says under a key of its metadata.
    pub fn adapter_says(&self, adapter: Chosen, key: &str) -> Option<&str> {
        self.config.adapters.metadata(adapter)?.str(key)
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
        let (reading, cached) = self.read_one(sequence, tokens, OutputKind::Logits, control).await?;
        Ok((reading.into_logits()?, cached))
    }

    /// As [`Engine::advance`], but returns the log-probability of each of `ids` as the next token: only these come back
    /// from where the model runs.
    pub async fn gather(
        &self,
        sequence: &mut Sequence,
        tokens: &[u32],
        ids: &[u32],
        control: &dyn Control,
    ) -> Result<(Vec<f32>, usize)> {
        self.check_ids(ids)?;
        if ids.len() > MOST_GATHERED {
            let (logits, cached) = self.advance(sequence, tokens, control).await?;
            let all = Reader::default().read(&logits, &OutputKind::Gather(ids.to_vec()))?;
            return Ok((all.into_logprobs()?, cached));
        }
        let (reading, cached) =
            self.read_one(sequence, tokens, OutputKind::Gather(ids.to_vec()), control).await?;
        Ok((reading.into_logprobs()?, cached))
    }

    async fn read_one(
        &self,
        sequence: &mut Sequence,
        tokens: &[u32],
        kind: OutputKind,
        control: &dyn Control,
    ) -> Result<(Reading, usize)> {
        let (mut readings, cached) = self.read(sequence, tokens, Want::Last(kind), control).await?;
        let reading = readings.pop().ok_or_else(|| Error::Internal("a step read nothing".into()))?;
        Ok((reading, cached))
    }

    /// Makes `sequence` hold exactly `tokens`, and reads what comes next.
    async fn read(
        &self,
        sequence: &mut Sequence,
        tokens: &[u32],
        want: Want,
        control: &dyn Control,
    ) -> Result<(Vec<Reading>, usize)> {
        self.check(tokens)?;
        let held = std::mem::replace(sequence, self.sequence_with(sequence.adapter()));
        let done = self.scheduler.run(held, tokens.to_vec(), want, control).await?;
        *sequence = done.sequence;
        Ok((done.readings, done.cached))
    }

    /// Next-token logits `[vocab]` after the last of `tokens`.
    pub async fn logits(&self, tokens: &[u32], control: &dyn Control) -> Result<Vec<f32>> {
        self.logits_with(&AdapterChoice::default(), tokens, control).await
    }

    /// As [`Engine::logits`], with an adapter of the caller's choice.
    pub async fn logits_with(
        &self,
        adapter: &AdapterChoice,
        tokens: &[u32],
        control: &dyn Control,
    ) -> Result<Vec<f32>> {
        let mut sequence = self.sequence_with(self.adapter(adapter)?);
        Ok(self.advance(&mut sequence, tokens, control).await?.0)
    }

    /// log p(token[i + 1] | token[..= i]) for each token but the first: `tokens.len() - 1` natural logarithms.
    pub async fn logprobs(&self, tokens: &[u32], control: &dyn Control) -> Result<Vec<f32>> {
        self.logprobs_with(&AdapterChoice::default(), tokens, control).await
    }

    /// As [`Engine::logprobs`], with an adapter of the caller's choice.
    pub async fn logprobs_with(
        &self,
        adapter: &AdapterChoice,
        tokens: &[u32],
        control: &dyn Control,
    ) -> Result<Vec<f32>> {
        let sequence = self.sequence_with(self.adapter(adapter)?);
        self.check(tokens)?;
        let [text @ .., last] = tokens else { return Ok(Vec::new()) };
        if text.is_empty() {
            return Ok(Vec::new());
        }
        let want = Want::Each { last: *last };
        let done = self.scheduler.run(sequence, text.to_vec(), want, control).await?;
        let each = done.readings.into_iter().map(Reading::into_logprobs).collect::<Result<Vec<_>>>()?;
        Ok(each.concat())
    }

    /// The states of the tokens at the places `at`, in that order: what the model's last norm makes of each, which its logits
    /// are computed from. What stands before the first of them is taken from the cache, where it is there.
    pub async fn states(&self, tokens: &[u32], at: &[usize], control: &dyn Control) -> Result<Vec<Vec<f32>>> {
        Ok(self.states_with(&AdapterChoice::default(), tokens, at, control).await?.0)
    }

    /// As [`Engine::states`], with an adapter of the caller's choice, and with the number of tokens that were not computed again.
    pub async fn states_with(
        &self,
        adapter: &AdapterChoice,
        tokens: &[u32],
        at: &[usize],
        control: &dyn Control,
    ) -> Result<(Vec<Vec<f32>>, usize)> {
        self.check(tokens)?;
        if let Some(place) = at.iter().find(|place| **place >= tokens.len()) {
            let count = tokens.len();
            return Err(Error::InvalidArgument(format!("there is no place {place} among {count} tokens")));
        }
        let places: BTreeSet<usize> = at.iter().copied().collect();
        let Some(last) = places.last() else { return Ok((Vec::new(), 0)) };
        let (text, want) = (tokens[..=*last].to_vec(), Want::States(places.iter().copied().collect()));
        let sequence = self.sequence_with(self.adapter(adapter)?);
        let done = self.scheduler.run(sequence, text, want, control).await?;
        let read = places.into_iter().zip(done.readings);
        let states: BTreeMap<usize, Vec<f32>> =
            read.map(|(place, reading)| Ok((place, reading.into_state()?))).collect::<Result<_>>()?;
        Ok((at.iter().map(|place| states[place].clone()).collect(), done.cached))
    }

    fn compile(&self, constraint: &Constraint) -> Result<Constrained> {
        let compiler = match self.compiler.get() {
            Some(compiler) => compiler,
            None => {
                let compiler = Compiler::new(&self.tokenizer)?;
                self.compiler.get_or_init(|| compiler)
            }
        };
        compiler.compile(constraint)
    }

    fn check(&self, tokens: &[u32]) -> Result<()> {
        if tokens.is_empty() {
            return Err(Error::InvalidArgument("at least one token is needed".into()));
        }
        if tokens.len() > self.context_length() {
            return Err(Error::ContextOverflow { tokens: tokens.len(), limit: self.context_length() });
        }
        self.check_ids(tokens)
    }

    fn check_ids(&self, tokens: &[u32]) -> Result<()> {
        match tokens.iter().find(|t| **t as usize >= self.config.vocab) {
            Some(token) => Err(Error::InvalidArgument(format!(
                "token {token} is outside the vocabulary of {} tokens",
                self.config.vocab
            ))),
            None => Ok(()),
        }
    }
}
