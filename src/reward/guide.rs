//! Decoding towards a goal: each step is drawn several times, and what is likely and near to the goal is gone on with.

use super::{Goal, GoalChoice, RewardModel};
use crate::engine::{
    AdapterChoice, FinishReason, GenerateOptions, Generation, Prompt, Timing, Usage, milliseconds,
};
use crate::tokenizer::{TextStream, Tokenizer};
use crate::{Control, Error, Result};
use futures::future::try_join_all;
use serde::Deserialize;
use web_time::Instant;

/// How a text is led to a goal.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Guide {
    pub goal: GoalChoice,
    /// How much nearness to the goal counts beside the mean log-probability of a step's tokens.
    pub weight: f32,
    /// How often each step is drawn.
    pub candidates: usize,
    /// Most tokens of a step.
    pub step_tokens: usize,
}

impl Default for Guide {
    fn default() -> Self {
        Guide { goal: GoalChoice::default(), weight: 1.0, candidates: 4, step_tokens: 32 }
    }
}

/// More candidates than a batch holds only wait for one another.
const MOST_CANDIDATES: usize = 64;

/// A step that could be taken.
struct Candidate {
    drawn: Generation,
    score: f32,
}

/// What was gone on with so far.
#[derive(Default)]
struct Written {
    /// The prompt, and what follows.
    tokens: Vec<u32>,
    text: String,
    stream: TextStream,
    logprobs: Vec<f32>,
}

impl RewardModel {
    /// Continues a prompt step by step (SELF-EVAL decoding with one beam, as the paper guides it): a candidate's score is the
    /// mean log-probability of its tokens plus `weight` times the cosine of their mean state and the goal.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a temperature of 0 with several candidates, which would all be the same, and for options
    /// that look across steps: stop texts, a constraint, the likeliest tokens.
    pub async fn generate(
        &self,
        prompt: Prompt,
        options: &GenerateOptions,
        guide: &Guide,
        on_text: &mut dyn FnMut(&str),
        control: &dyn Control,
    ) -> Result<Generation> {
        guide.check(options)?;
        let began = Instant::now();
        let goal = guide.goal.state(self.head.goals())?;
        let tokens = self.engine.prompt_tokens(prompt)?;
        let start = tokens.len();
        let mut written = Written { tokens, ..Default::default() };
        let (mut finish_reason, mut first) = (FinishReason::Length, None);
        for step in 0.. {
            let left = options.max_tokens.saturating_sub(written.tokens.len() - start);
            if left == 0 || written.tokens.len() >= self.engine.context_length() {
                break;
            }
            let candidates = (0..guide.candidates).map(|i| {
                let seed = options.seed.wrapping_add((step * guide.candidates + i) as u64);
                let max_tokens = left.min(guide.step_tokens);
                let options = GenerateOptions { max_tokens, seed, logprobs: true, ..options.clone() };
                self.candidate(&written.tokens, options, &goal, guide.weight, control)
            });
            let candidates = try_join_all(candidates).await?;
            let best = candidates.into_iter().reduce(|a, b| if b.score > a.score { b } else { a });
            let Some(Candidate { drawn, .. }) = best else { break };
            first.get_or_insert((drawn.usage, drawn.timing.prefill_ms));
            written.add(self.engine.tokenizer(), &drawn, on_text);
            if drawn.finish_reason == FinishReason::Stop {
                finish_reason = FinishReason::Stop;
                break;
            }
        }
        let rest = written.stream.finish();
        on_text(&rest);
        let total_ms = milliseconds(began);
        let (Usage { cached_tokens, .. }, prefill_ms) = first.unwrap_or_default();
        let completion_tokens = written.tokens.len() - start;
        Ok(Generation {
            text: written.text + &rest,
            tokens: written.tokens.split_off(start),
            logprobs: options.logprobs.then_some(written.logprobs),
            top_logprobs: None,
            finish_reason,
            usage: Usage { prompt_tokens: start, cached_tokens, completion_tokens },
            timing: Timing { prefill_ms, decode_ms: total_ms - prefill_ms, total_ms },
        })
    }

    /// Draws a step behind `held`, and reads it.
    async fn candidate(
        &self,
        held: &[u32],
        options: GenerateOptions,
        goal: &Goal,
        weight: f32,
        control: &dyn Control,
    ) -> Result<Candidate> {
        let mut unheard = |_: &str| ();
        let drawn =
            self.engine.generate(Prompt::Tokens(held.to_vec()), &options, &mut unheard, control).await?;
        let tokens = [held, &drawn.tokens].concat();
        let places: Vec<usize> = (held.len()..tokens.len()).collect();
        let (states, _) = self.engine.states_with(&AdapterChoice::Head, &tokens, &places, control).await?;
        let logprobs = drawn.logprobs.as_deref().unwrap_or_default();
        let likely = logprobs.iter().sum::<f32>() / logprobs.len().max(1) as f32;
        let near = Goal::mean("", &states).map_or(0.0, |mean| goal.nearness(&mean.state));
        Ok(Candidate { score: likely + weight * near, drawn })
    }
}

impl Written {
    fn add(&mut self, tokenizer: &Tokenizer, drawn: &Generation, on_text: &mut dyn FnMut(&str)) {
        for token in &drawn.tokens {
            if !tokenizer.is_control(*token) {
                let piece = self.stream.push(tokenizer.bytes_behind(self.tokens.last().copied(), *token));
                on_text(&piece);
                self.text += &piece;
            }
            self.tokens.push(*token);
        }
        self.logprobs.extend(drawn.logprobs.iter().flatten());
    }
}

impl Guide {
    fn check(&self, options: &GenerateOptions) -> Result<()> {
        let wrong = |why: &str| Err(Error::InvalidArgument(why.into()));
        if !(1..=MOST_CANDIDATES).contains(&self.candidates) {
            return wrong(&format!("`guide.candidates` must be 1 to {MOST_CANDIDATES}"));
        }
        if self.step_tokens == 0 || !self.weight.is_finite() {
            return wrong("`guide.stepTokens` must be above 0, and `guide.weight` a number");
        }
        if self.candidates > 1 && options.temperature <= 0.0 {
            return wrong("`guide` needs a `temperature` above 0: else all candidates are the same");
        }
        if !options.stop.is_empty() || options.constraint.is_some() || options.top_logprobs > 0 {
            return wrong("`guide` cannot be used with `stop`, `constraint` or `topLogprobs`");
        }
        Ok(())
    }
}
