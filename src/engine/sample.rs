//! From logits to a token, and to exact probabilities.

use crate::{Error, Result};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// How a token is chosen. The filters apply in this order: top-k, temperature, top-p, min-p.
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
}

impl Default for Sampling {
    fn default() -> Self {
        Sampling { temperature: 0.0, top_k: 0, top_p: 1.0, min_p: 0.0, seed: 0 }
    }
}

/// A sampler with its own stream of random numbers: the same seed and logits give the same tokens.
pub struct Sampler {
    sampling: Sampling,
    random: ChaCha8Rng,
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
        Ok(())
    }
}

impl Sampler {
    pub fn new(sampling: Sampling) -> Result<Sampler> {
        sampling.check()?;
        Ok(Sampler { sampling, random: ChaCha8Rng::seed_from_u64(sampling.seed) })
    }

    pub fn sample(&mut self, logits: &[f32]) -> u32 {
        let Sampling { temperature, top_k, top_p, min_p, .. } = self.sampling;
        if temperature == 0.0 {
            return argmax(logits);
        }
        let mut candidates: Vec<(u32, f32)> =
            logits.iter().copied().enumerate().map(|(i, l)| (i as u32, l)).collect();
        candidates.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        if top_k > 0 {
            candidates.truncate(top_k);
        }
        let max = candidates.first().map_or(0.0, |c| c.1);
        let mut weights: Vec<f64> =
            candidates.iter().map(|c| f64::from((c.1 - max) / temperature).exp()).collect();
        let total: f64 = weights.iter().sum();
        let mut sum = 0.0;
        let nucleus = weights.iter().take_while(|&&w| {
            let more = sum < f64::from(top_p) * total;
            sum += w;
            more
        });
        let kept = nucleus.take_while(|&&w| w >= f64::from(min_p)).count().max(1);
        weights.truncate(kept);
        let mut left = self.uniform() * weights.iter().sum::<f64>();
        for (candidate, weight) in candidates.iter().zip(&weights) {
            left -= weight;
            if left < 0.0 {
                return candidate.0;
            }
        }
        candidates[kept - 1].0
    }

    /// A number in [0, 1).
    fn uniform(&mut self) -> f64 {
        (self.random.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// The first of the largest.
pub fn argmax(logits: &[f32]) -> u32 {
    let mut best = 0;
    for (i, logit) in logits.iter().enumerate() {
        if *logit > logits[best] {
            best = i;
        }
    }
    best as u32
}

/// `log Σ exp(logits)`, in `f64`: log p(token) = logit − this.
pub fn log_sum_exp(logits: &[f32]) -> f64 {
    let max = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    max + logits.iter().map(|l| (f64::from(*l) - max).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_leave_what_they_should() {
        let logits = [1.0, 3.0, 2.0, -1.0];
        let draws = |sampling: Sampling| -> std::collections::BTreeSet<u32> {
            let mut sampler = Sampler::new(sampling).unwrap();
            (0..500).map(|_| sampler.sample(&logits)).collect()
        };
        let base = Sampling { temperature: 2.0, seed: 7, ..Default::default() };
        assert_eq!(draws(base).len(), 4);
        assert_eq!(draws(Sampling { top_k: 2, ..base }), [1, 2].into());
        assert_eq!(draws(Sampling { top_p: 0.4, ..base }), [1].into());
        assert_eq!(draws(Sampling { min_p: 0.3, ..base }), [0, 1, 2].into());
        assert_eq!(draws(Sampling::default()), [1].into());
    }

    #[test]
    fn a_seed_repeats() {
        let logits: Vec<f32> = (0..100).map(|i| (i as f32 * 0.7).sin()).collect();
        let run = |seed| {
            let mut sampler =
                Sampler::new(Sampling { temperature: 1.0, seed, ..Default::default() }).unwrap();
            (0..20).map(|_| sampler.sample(&logits)).collect::<Vec<_>>()
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
    }
}
