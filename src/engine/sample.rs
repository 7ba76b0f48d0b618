//! How tokens are drawn, from a stream of random numbers that a seed repeats on any backend.

use crate::model::{Draw, MOST_TOP, OutputKind, Reader, Sampled};
use crate::{Error, Result};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// How a token is chosen. The filters apply in this order: top-k, temperature, top-p, min-p; see [`Draw`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// 0: always the likeliest token.
    pub temperature: f32,
    /// Only the `k` likeliest tokens; 0: all.
    pub top_k: usize,
    /// The fewest tokens that hold this much of the probability; 1: all.
    pub top_p: f32,
    /// Only tokens at least this likely relative to the likeliest; 0: all.
    pub min_p: f32,
    pub seed: u64,
    /// The tokens' log-probabilities are wanted, and those of this many likeliest tokens.
    pub logprobs: Option<usize>,
}

impl Default for Sampling {
    fn default() -> Self {
        Sampling { temperature: 0.0, top_k: 0, top_p: 1.0, min_p: 0.0, seed: 0, logprobs: None }
    }
}

/// A sampler with its own stream of random numbers: the same seed and logits give the same tokens.
pub struct Sampler {
    sampling: Sampling,
    random: ChaCha8Rng,
    reader: Reader,
}

impl Sampling {
    /// Fails with the field that is out of range.
    pub fn check(&self) -> Result<()> {
        let Sampling { temperature, top_p, min_p, .. } = *self;
        let within = |value: f32, most: f32| (0.0..=most).contains(&value);
        let wrong = |what: &str| Err(Error::InvalidArgument(what.into()));
        if !within(temperature, 100.0) {
            return wrong("`temperature` must be between 0 and 100");
        }
        if !within(top_p, 1.0) || top_p == 0.0 {
            return wrong("`topP` must be above 0 and at most 1");
        }
        if !within(min_p, 1.0) {
            return wrong("`minP` must be between 0 and 1");
        }
        if self.logprobs.is_some_and(|top| top > MOST_TOP) {
            return Err(Error::InvalidArgument(format!("`topLogprobs` must be at most {MOST_TOP}")));
        }
        Ok(())
    }
}

impl Sampler {
    pub fn new(sampling: Sampling) -> Result<Sampler> {
        sampling.check()?;
        let random = ChaCha8Rng::seed_from_u64(sampling.seed);
        Ok(Sampler { sampling, random, reader: Reader::default() })
    }

    /// How the next token is to be drawn, wherever the logits are.
    pub fn draw(&mut self) -> Draw {
        let Sampling { temperature, top_k, top_p, min_p, logprobs, .. } = self.sampling;
        Draw { temperature, top_k, top_p, min_p, random: self.random.next_u32(), logprobs }
    }

    /// Draws the next token here.
    pub fn sample(&mut self, logits: &[f32]) -> Result<Sampled> {
        let draw = self.draw();
        self.reader.sample(logits, &draw)
    }

    /// Draws the next token from `masked`, which are the `logits` with −∞ for each token that is kept out. The
    /// log-probabilities are those of the `logits`.
    pub fn sample_masked(&mut self, logits: &[f32], masked: &[f32]) -> Result<Sampled> {
        let draw = self.draw();
        let sampled = self.reader.sample(masked, &Draw { logprobs: None, ..draw })?;
        if draw.logprobs.is_none() {
            return Ok(sampled);
        }
        let logprob =
            self.reader.read(logits, &OutputKind::Gather(vec![sampled.token]))?.into_logprobs()?.pop();
        let top = self.reader.sample(logits, &Draw { temperature: 0.0, ..draw })?.top;
        Ok(Sampled { logprob, top, ..sampled })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats() {
        let logits: Vec<f32> = (0..100).map(|i| (i as f32 * 0.7).sin()).collect();
        let run = |seed| {
            let mut sampler =
                Sampler::new(Sampling { temperature: 1.0, seed, ..Default::default() }).unwrap();
            (0..20).map(|_| sampler.sample(&logits).unwrap().token).collect::<Vec<_>>()
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let base = Sampling::default();
        for (sampling, field) in [
            (Sampling { temperature: -1.0, ..base }, "temperature"),
            (Sampling { temperature: f32::NAN, ..base }, "temperature"),
            (Sampling { top_p: 0.0, ..base }, "topP"),
            (Sampling { min_p: 1.5, ..base }, "minP"),
            (Sampling { logprobs: Some(21), ..base }, "topLogprobs"),
        ] {
            let error = Sampler::new(sampling).err().unwrap();
            assert!(error.code() == "invalid-argument" && error.to_string().contains(field), "{error}");
        }
    }
}
