//! The goal-conditioned reward model (Nath et al. 2024): how good a response is, and from each of its tokens on how well it is
//! likely to end. One pass over the response, no rubric and no decoding.
//!
//! A [`Head`] is trained for one model, with a LoRA adapter of its own. The reward is the head's product of the last token's
//! hidden state; Q of a token is the cosine of its state and a goal, a state that good responses come to ([`trace`]).
//!
//! [`trace`]: Trace

mod choice;
mod goal;
mod guide;
mod head;
mod task;
mod trace;

pub use choice::{Filtering, Kept, Reranking, RewardManyTask, order};
pub use goal::{Goal, GoalChoice};
pub use guide::Guide;
pub use head::Head;
pub use task::{RewardOptions, RewardTask, RewardVerdict};
pub use trace::{Minimum, Trace};

use crate::engine::{AdapterChoice, Engine, Timing, Usage, milliseconds};
use crate::tokenizer::{Message, TextStream};
use crate::{Control, Error, Result};
use std::rc::Rc;
use web_time::Instant;

/// A model that was loaded with the adapter of a head (see `LoadOptions::head`).
pub struct RewardModel {
    engine: Rc<Engine>,
    head: Head,
}

/// A question and a whole reply as the model reads them.
struct Talk {
    /// Up to the token that ends the turn.
    tokens: Vec<u32>,
    /// Where the reply begins.
    start: usize,
}

impl RewardModel {
    /// # Errors
    /// [`Error::InvalidArgument`] for a head of another model, or one whose adapter was not loaded.
    pub fn new(engine: Rc<Engine>, head: Head) -> Result<RewardModel> {
        head.check(engine.info().hidden_size)?;
        engine.adapter(&AdapterChoice::Head)?;
        Ok(RewardModel { engine, head })
    }

    /// The goals that come with the head.
    pub fn goals(&self) -> impl Iterator<Item = &Goal> {
        self.head.goals().iter()
    }

    /// How good a response is.
    pub async fn reward(
        &self,
        task: &RewardTask,
        options: &RewardOptions,
        control: &dyn Control,
    ) -> Result<RewardVerdict> {
        let began = Instant::now();
        let goal = options.goal(&self.head)?;
        let Talk { tokens, start } = self.talk(&task.input, &task.response)?;
        let places: Vec<usize> = (start..tokens.len()).collect();
        let read = self.engine.states_with(&AdapterChoice::Head, &tokens, &places, control);
        let (states, cached_tokens) = read.await?;
        let [states @ .., last] = &states[..] else {
            return Err(Error::Internal("a reply without the end of its turn".into()));
        };
        let q: Vec<f32> = states.iter().map(|state| goal.nearness(state)).collect();
        let total_ms = milliseconds(began);
        Ok(RewardVerdict {
            reward: self.head.reward(last),
            end: goal.nearness(last),
            tokens: self.texts(&tokens[start..tokens.len() - 1], &task.response),
            trace: Trace::new(q, options.ignore, options.threshold),
            usage: Usage { prompt_tokens: tokens.len(), cached_tokens, completion_tokens: 0 },
            timing: Timing { prefill_ms: total_ms, decode_ms: 0.0, total_ms },
        })
    }

    /// A goal out of a few responses that are as wished: the mean of the states that they end in.
    pub async fn goal_from(
        &self,
        name: &str,
        examples: &[RewardTask],
        control: &dyn Control,
    ) -> Result<Goal> {
        let mut ends = Vec::new();
        for RewardTask { input, response } in examples {
            let Talk { tokens, .. } = self.talk(input, response)?;
            let last = [tokens.len() - 1];
            ends.extend(self.engine.states_with(&AdapterChoice::Head, &tokens, &last, control).await?.0);
        }
        Goal::mean(name, &ends)
    }

    /// The tokens that the head was trained on: the chat template's, up to the end of the reply's turn.
    fn talk(&self, input: &str, response: &str) -> Result<Talk> {
        let ask = Message::user(input);
        let asked = self.engine.chat_prompt(std::slice::from_ref(&ask), "")?;
        let reply = Message { role: "assistant".into(), content: response.into() };
        let mut tokens = self.engine.chat_prompt(&[ask, reply], "")?;
        // A reply that begins with a line break melts with the one before it.
        let start = asked.iter().zip(&tokens).take_while(|(a, b)| a == b).count();
        let tokenizer = self.engine.tokenizer();
        if tokenizer.control_places(&asked).last().is_some_and(|last| start <= *last as usize) {
            let why = "it writes a reply elsewhere than where it lets a model begin one";
            return Err(Error::ChatTemplate(why.into()));
        }
        let control = tokenizer.control_places(&tokens);
        let end = control.into_iter().find(|place| *place as usize >= start);
        let end = end.ok_or_else(|| Error::ChatTemplate("it does not end a reply".into()))?;
        tokens.truncate(end as usize + 1);
        Ok(Talk { tokens, start })
    }

    /// What each token adds to the response; one that ends within a character adds nothing, and the next one all of it.
    fn texts(&self, tokens: &[u32], response: &str) -> Vec<String> {
        let tokenizer = self.engine.tokenizer();
        let mut stream = TextStream::default();
        let mut texts: Vec<String> =
            tokens.iter().map(|token| stream.push(tokenizer.bytes(*token))).collect();
        if let Some(last) = texts.last_mut() {
            last.push_str(&stream.finish());
        }
        // What the first one has of the text before the response.
        let before = texts.iter().map(String::len).sum::<usize>().saturating_sub(response.len());
        if texts.first().is_some_and(|first| first.is_char_boundary(before))
            && texts.concat().ends_with(response)
        {
            texts[0].drain(..before);
        }
        texts
    }
}
