//! Text generation: prefill once, then a token a step.

use super::constraint::Constrained;
use super::sample::{Sampler, Sampling};
use super::work::Want;
use super::{AdapterChoice, Constraint, Engine, Sequence};
use crate::model::{Draw, Reading, Sampled};
use crate::tokenizer::{Message, TextStream};
use crate::{Control, Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use web_time::Instant;

/// What to continue.
pub enum Prompt {
    /// Tokenized with control tokens parsed, as the caller's own words.
    Text(String),
    Tokens(Vec<u32>),
    /// Rendered with the model's chat template; contents cannot become control tokens.
    Messages(Vec<Message>),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct GenerateOptions {
    pub max_tokens: usize,
    pub temperature: f32,
    pub top_k: usize,
    pub top_p: f32,
    pub min_p: f32,
    pub seed: u64,
    /// Texts that end the generation; they are not part of its text.
    pub stop: Vec<String>,
    /// Tokens that end the generation, as those do that end a turn.
    #[serde(skip)]
    pub stop_tokens: Vec<u32>,
    /// Whether to return each token's log-probability (before temperature, and over the full vocabulary even under a
    /// constraint).
    pub logprobs: bool,
    /// How many of the likeliest tokens to return at each place, with their log-probabilities: at most
    /// [`MOST_TOP`](crate::model::MOST_TOP).
    pub top_logprobs: usize,
    /// What the text must be. It is complete where the generation ends with [`FinishReason::Stop`], unless a stop text
    /// cut it.
    pub constraint: Option<Constraint>,
    pub adapter: AdapterChoice,
}

impl Default for GenerateOptions {
    fn default() -> Self {
        GenerateOptions {
            max_tokens: 256,
            temperature: 0.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            seed: 0,
            stop: Vec::new(),
            stop_tokens: Vec::new(),
            logprobs: false,
            top_logprobs: 0,
            constraint: None,
            adapter: AdapterChoice::default(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FinishReason {
    /// A stop text, a token that ends the turn, or a constraint that leaves nothing to add.
    Stop,
    /// `max_tokens`, or the context is full.
    Length,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    pub prompt_tokens: usize,
    /// Of the prompt's tokens, those that were in the cache already.
    pub cached_tokens: usize,
    pub completion_tokens: usize,
}

/// Wall-clock milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Timing {
    pub prefill_ms: f64,
    pub decode_ms: f64,
    pub total_ms: f64,
}

/// A token with the natural logarithm of its probability, before temperature.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TokenLogprob {
    pub token: u32,
    pub logprob: f32,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Generation {
    pub text: String,
    /// Every token that was generated, the one that ended the turn included.
    pub tokens: Vec<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<Vec<f32>>,
    /// For each token those that were likeliest in its place, likeliest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_logprobs: Option<Vec<Vec<TokenLogprob>>>,
    pub finish_reason: FinishReason,
    pub usage: Usage,
    pub timing: Timing,
}

impl Engine {
    pub fn prompt_tokens(&self, prompt: Prompt) -> Result<Vec<u32>> {
        match prompt {
            Prompt::Text(text) => {
                let mut tokens = self.tokenizer.encode(&text, true)?;
                if let Some(bos) = self.tokenizer.leading().filter(|bos| tokens.first() != Some(bos)) {
                    tokens.insert(0, bos);
                }
                Ok(tokens)
            }
            Prompt::Tokens(tokens) => Ok(tokens),
            Prompt::Messages(messages) => self.chat_prompt(&messages, ""),
        }
    }

    pub async fn generate(
        &self,
        prompt: Prompt,
        options: &GenerateOptions,
        on_text: &mut dyn FnMut(&str),
        control: &dyn Control,
    ) -> Result<Generation> {
        let tokens = self.prompt_tokens(prompt)?;
        let mut sequence = self.sequence_with(self.adapter(&options.adapter)?);
        self.generate_from(&mut sequence, &tokens, options, on_text, control).await
    }

    /// Continues `prompt` on `sequence`, which keeps all that was computed.
    pub async fn generate_from(
        &self,
        sequence: &mut Sequence,
        prompt: &[u32],
        options: &GenerateOptions,
        on_text: &mut dyn FnMut(&str),
        control: &dyn Control,
    ) -> Result<Generation> {
        if options.stop.iter().any(String::is_empty) {
            return Err(Error::InvalidArgument("`stop` holds an empty text".into()));
        }
        let mut choice = Choice {
            sampler: options.sampler()?,
            ahead: VecDeque::new(),
            constrained: options.constraint.as_ref().map(|c| self.compile(c)).transpose()?,
        };
        let start = Instant::now();
        let (first, cached) = self.draw(sequence, prompt, &mut choice, 1, control).await?;
        let prefill_ms = milliseconds(start);
        let mut ready = first;
        let mut held = prompt.to_vec();
        let mut output = Output::new(&options.stop);
        let mut sampled: Vec<Sampled> = Vec::new();
        let mut finish_reason = FinishReason::Length;
        while sampled.len() < options.max_tokens && held.len() < self.context_length() {
            let Some(next) = ready.pop_front() else {
                let most = (options.max_tokens - sampled.len()).min(self.context_length() - held.len());
                ready = self.draw(sequence, &held, &mut choice, most, control).await?.0;
                continue;
            };
            let token = next.token;
            choice.ahead.pop_front();
            sampled.push(next);
            // Tokens drawn past the end are dropped: the sequence has not accepted them.
            let bytes = match choice.constrained {
                // It saw the token's own bytes, so that these are the text.
                Some(_) => self.tokenizer.bytes(token),
                None => self.tokenizer.bytes_behind(held.last().copied(), token),
            };
            if options.stop_tokens.contains(&token)
                || self.ends(token, bytes, &mut output, on_text)
                || choice.is_complete()
            {
                finish_reason = FinishReason::Stop;
                break;
            }
            held.push(token);
        }
        let total_ms = milliseconds(start);
        Ok(Generation {
            text: output.finish(on_text),
            tokens: sampled.iter().map(|s| s.token).collect(),
            logprobs: options.logprobs.then(|| sampled.iter().filter_map(|s| s.logprob).collect()),
            top_logprobs: (options.top_logprobs > 0).then(|| sampled.iter().map(likeliest).collect()),
            finish_reason,
            usage: Usage {
                prompt_tokens: prompt.len(),
                cached_tokens: cached,
                completion_tokens: sampled.len(),
            },
            timing: Timing { prefill_ms, decode_ms: total_ms - prefill_ms, total_ms },
        })
    }

    /// Draws the token after `held` on the device, with up to `most` in all drawn ahead; or on the host, if a
    /// constraint must mask the logits first.
    async fn draw(
        &self,
        sequence: &mut Sequence,
        held: &[u32],
        choice: &mut Choice,
        most: usize,
        control: &dyn Control,
    ) -> Result<(VecDeque<Sampled>, usize)> {
        if let Some(constrained) = &mut choice.constrained {
            let (logits, cached) = self.advance(sequence, held, control).await?;
            return Ok(([constrained.sample(&logits, &mut choice.sampler)?].into(), cached));
        }
        let draws = choice.draws(most.min(self.scheduler.steps_ahead()));
        let (readings, cached) = self.read(sequence, held, Want::Draws(draws), control).await?;
        Ok((readings.into_iter().map(Reading::into_token).collect::<Result<_>>()?, cached))
    }

    /// Adds the bytes of a token to the text; `true` where it ends the generation.
    fn ends(&self, token: u32, bytes: &[u8], output: &mut Output, on_text: &mut dyn FnMut(&str)) -> bool {
        self.tokenizer.is_end(token) || !self.tokenizer.is_control(token) && output.push(bytes, on_text)
    }
}

/// How the tokens of a generation are chosen.
struct Choice {
    sampler: Sampler,
    /// The next draws, where some were made ahead.
    ahead: VecDeque<Draw>,
    constrained: Option<Constrained>,
}

impl Choice {
    /// The next `count` draws. Those that are not used stay the next: each token has the random number of its place.
    fn draws(&mut self, count: usize) -> Vec<Draw> {
        while self.ahead.len() < count {
            self.ahead.push_back(self.sampler.draw());
        }
        self.ahead.iter().take(count).copied().collect()
    }

    /// Whether nothing can be added to the tokens chosen so far.
    fn is_complete(&self) -> bool {
        self.constrained.as_ref().is_some_and(Constrained::is_complete)
    }
}

impl GenerateOptions {
    pub(super) fn sampler(&self) -> Result<Sampler> {
        Sampler::new(Sampling {
            temperature: self.temperature,
            top_k: self.top_k,
            top_p: self.top_p,
            min_p: self.min_p,
            seed: self.seed,
            logprobs: (self.logprobs || self.top_logprobs > 0).then_some(self.top_logprobs),
        })
    }
}

fn likeliest(sampled: &Sampled) -> Vec<TokenLogprob> {
    sampled.top.iter().map(|&(token, logprob)| TokenLogprob { token, logprob }).collect()
}

pub(crate) fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

/// The text so far, cut at the first stop text. An end that could still become one is held back.
struct Output<'a> {
    stops: &'a [String],
    stream: TextStream,
    text: String,
    /// Bytes of `text` that were streamed.
    given: usize,
    stopped: bool,
}

impl<'a> Output<'a> {
    fn new(stops: &'a [String]) -> Output<'a> {
        Output { stops, stream: TextStream::default(), text: String::new(), given: 0, stopped: false }
    }

    /// Takes the bytes of a token; `true` when a stop text is complete.
    fn push(&mut self, bytes: &[u8], on_text: &mut dyn FnMut(&str)) -> bool {
        let more = self.stream.push(bytes);
        self.text.push_str(&more);
        let from = self.given;
        if let Some(at) = self.stops.iter().filter_map(|stop| self.text[from..].find(stop.as_str())).min() {
            self.text.truncate(from + at);
            self.stopped = true;
        }
        self.give(if self.stopped { self.text.len() } else { self.settled() }, on_text);
        self.stopped
    }

    /// The length of the text that no stop text can begin in.
    fn settled(&self) -> usize {
        let open = |stop: &String| {
            let ends = stop.char_indices().map(|(i, _)| i).skip(1);
            ends.filter(|&i| self.text.ends_with(&stop[..i])).max().unwrap_or(0)
        };
        self.text.len() - self.stops.iter().map(open).max().unwrap_or(0)
    }

    fn give(&mut self, end: usize, on_text: &mut dyn FnMut(&str)) {
        if end > self.given {
            on_text(&self.text[self.given..end]);
            self.given = end;
        }
    }

    fn finish(mut self, on_text: &mut dyn FnMut(&str)) -> String {
        if !self.stopped {
            let rest = self.stream.finish();
            self.text.push_str(&rest);
        }
        self.give(self.text.len(), on_text);
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(stops: &[&str], pieces: &[&str]) -> (String, String, bool) {
        let stops: Vec<String> = stops.iter().map(|s| s.to_string()).collect();
        let mut output = Output::new(&stops);
        let mut streamed = String::new();
        let mut stopped = false;
        for piece in pieces {
            stopped = output.push(piece.as_bytes(), &mut |text| streamed.push_str(text));
            if stopped {
                break;
            }
        }
        let text = output.finish(&mut |text| streamed.push_str(text));
        (text, streamed, stopped)
    }

    #[test]
    fn stop_texts_cut_exactly_and_are_never_streamed() {
        let expect = |text: &str, stopped| (text.to_string(), text.to_string(), stopped);
        assert_eq!(run(&["**Result:**"], &["good ", "**Re", "sult", ":** 5"]), expect("good ", true));
        assert_eq!(run(&["**Result:**"], &["good **Re", "ason"]), expect("good **Reason", false));
        assert_eq!(run(&["aab"], &["a", "a", "a", "b"]), expect("a", true));
        assert_eq!(run(&["é!"], &["caf", "é", "?"]), expect("café?", false));
        assert_eq!(run(&[], &["moon"]), expect("moon", false));
    }
}
