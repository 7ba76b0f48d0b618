//! The outputs of a step: for a row, its state, all of its logits, the log-probabilities of a few tokens, or a sampled token.
//!
//! A backend computes them where the logits are, so that a few bytes come back and not the vocabulary. [`Reader`] is
//! the host's implementation: the CPU backend uses it, and the GPU is tested against it.

use crate::{Error, Result};

/// A row of a step of which something is wanted, and what.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// Index into [`super::Step::rows`].
    pub row: u32,
    pub kind: OutputKind,
}

impl Output {
    /// The whole row.
    pub fn logits(row: u32) -> Output {
        Output { row, kind: OutputKind::Logits }
    }
}

/// What of a row is wanted.
#[derive(Debug, Clone, PartialEq)]
pub enum OutputKind {
    /// What the last norm makes of it, `[width]`: what the logits are computed from.
    State,
    /// All of its logits, `[vocab]`, as they are.
    Logits,
    /// The natural logarithm of the probability of each of these tokens, at most [`MOST_GATHERED`].
    Gather(Vec<u32>),
    Sample(Draw),
}

/// Tokens of a [`OutputKind::Gather`]; for more a whole row is the better choice.
pub const MOST_GATHERED: usize = 256;

/// Likeliest tokens that a [`Draw`] can return.
pub const MOST_TOP: usize = 20;

/// How one token is drawn: among those at least as likely as the `top_k`-th; of these among the likeliest that hold `top_p`
/// of their probability (after temperature), with all that are as likely as the last of them; of these among those at
/// least `min_p` times as likely as the likeliest. Probabilities are added up by rising id until they exceed `random`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Draw {
    /// 0: the likeliest token, of several the one with the lowest id.
    pub temperature: f32,
    /// 0: all.
    pub top_k: usize,
    /// 1: all.
    pub top_p: f32,
    /// 0: all.
    pub min_p: f32,
    /// Where in [0, 1), in units of 2⁻³².
    pub random: u32,
    /// The token's log-probability, before temperature, is wanted, and those of this many likeliest tokens.
    pub logprobs: Option<usize>,
}

/// What was read, as the [`OutputKind`] says.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    State(Vec<f32>),
    Logits(Vec<f32>),
    Logprobs(Vec<f32>),
    Token(Sampled),
}

/// A token that was drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampled {
    pub token: u32,
    pub logprob: Option<f32>,
    /// The likeliest tokens with their log-probabilities, likeliest first, of equals the lowest id first.
    pub top: Vec<(u32, f32)>,
}

impl Reading {
    pub fn into_state(self) -> Result<Vec<f32>> {
        match self {
            Reading::State(state) => Ok(state),
            _ => Err(Error::Internal("a state was asked for".into())),
        }
    }

    pub fn into_logits(self) -> Result<Vec<f32>> {
        match self {
            Reading::Logits(logits) => Ok(logits),
            _ => Err(Error::Internal("logits were asked for".into())),
        }
    }

    pub fn into_logprobs(self) -> Result<Vec<f32>> {
        match self {
            Reading::Logprobs(logprobs) => Ok(logprobs),
            _ => Err(Error::Internal("log-probabilities were asked for".into())),
        }
    }

    pub fn into_token(self) -> Result<Sampled> {
        match self {
            Reading::Token(sampled) => Ok(sampled),
            _ => Err(Error::Internal("a token was asked for".into())),
        }
    }
}

impl OutputKind {
    /// Whether a backend can read it of a row of `vocab` logits.
    pub(super) fn validate(&self, vocab: usize) -> Result<()> {
        let fits = match self {
            OutputKind::State | OutputKind::Logits => true,
            OutputKind::Gather(tokens) => {
                tokens.len() <= MOST_GATHERED && tokens.iter().all(|&token| (token as usize) < vocab)
            }
            OutputKind::Sample(draw) => draw.logprobs.is_none_or(|top| top <= MOST_TOP),
        };
        if fits { Ok(()) } else { Err(Error::Internal("malformed step: what an output asks for".into())) }
    }
}

/// Of logits that no token can be chosen from: one is NaN or +∞, or all are −∞.
pub fn not_numbers() -> Error {
    Error::InvalidModel("its logits are not numbers".into())
}

/// Reads on the host. It keeps its memory from row to row.
#[derive(Default)]
pub struct Reader {
    candidates: Vec<f32>,
}

impl Reader {
    pub fn read(&mut self, logits: &[f32], kind: &OutputKind) -> Result<Reading> {
        Ok(match kind {
            OutputKind::State => return Err(Error::Internal("logits hold no state".into())),
            OutputKind::Logits => Reading::Logits(logits.to_vec()),
            OutputKind::Gather(tokens) => {
                greatest(logits)?;
                let total = log_sum_exp(logits);
                let logprob = |&token: &u32| (f64::from(logits[token as usize]) - total) as f32;
                Reading::Logprobs(tokens.iter().map(logprob).collect())
            }
            OutputKind::Sample(draw) => Reading::Token(self.sample(logits, draw)?),
        })
    }

    pub fn sample(&mut self, logits: &[f32], draw: &Draw) -> Result<Sampled> {
        let likeliest = greatest(logits)?;
        let token = match draw.temperature {
            0.0 => likeliest as u32,
            _ => self.draw(logits, logits[likeliest], draw),
        };
        let Some(count) = draw.logprobs else {
            return Ok(Sampled { token, logprob: None, top: Vec::new() });
        };
        let total = log_sum_exp(logits);
        let logprob = |token: u32| (f64::from(logits[token as usize]) - total) as f32;
        let top = top(logits, count).into_iter().map(|token| (token, logprob(token))).collect();
        Ok(Sampled { token, logprob: Some(logprob(token)), top })
    }

    fn draw(&mut self, logits: &[f32], most: f32, draw: &Draw) -> u32 {
        let weight = |logit: f32| (f64::from(logit - most) / f64::from(draw.temperature)).exp();
        let floor = self.floor(logits, draw, weight);
        let kept = |logit: f32| logit >= floor && weight(logit) >= f64::from(draw.min_p);
        let weights = logits.iter().map(|&logit| if kept(logit) { weight(logit) } else { 0.0 });
        let mut left = f64::from(draw.random) / 2f64.powi(32) * weights.clone().sum::<f64>();
        let mut last = 0;
        for (token, weight) in weights.enumerate().filter(|(_, weight)| *weight > 0.0) {
            last = token as u32;
            left -= weight;
            if left < 0.0 {
                break;
            }
        }
        last
    }

    /// The least logit that top-k and top-p leave.
    fn floor(&mut self, logits: &[f32], draw: &Draw, weight: impl Fn(f32) -> f64) -> f32 {
        let mut floor = f32::NEG_INFINITY;
        if draw.top_k == 0 && draw.top_p >= 1.0 {
            return floor;
        }
        let candidates = &mut self.candidates;
        candidates.clear();
        candidates.extend_from_slice(logits);
        let falling = |a: &f32, b: &f32| b.total_cmp(a);
        if (1..candidates.len()).contains(&draw.top_k) {
            floor = *candidates.select_nth_unstable_by(draw.top_k - 1, falling).1;
        }
        if draw.top_p < 1.0 {
            candidates.retain(|logit| *logit >= floor);
            candidates.sort_unstable_by(falling);
            let enough = f64::from(draw.top_p) * candidates.iter().map(|&l| weight(l)).sum::<f64>();
            let mut sum = 0.0;
            let last = candidates.iter().find(|&&logit| {
                sum += weight(logit);
                sum >= enough
            });
            floor = last.or(candidates.last()).copied().unwrap_or(floor);
        }
        floor
    }
}

/// The index of the first of the largest, where the logits are such that a token can be chosen.
fn greatest(logits: &[f32]) -> Result<usize> {
    let mut best = 0;
    for (i, &logit) in logits.iter().enumerate() {
        if logit > logits[best] {
            best = i;
        }
        if logit.is_nan() {
            return Err(not_numbers());
        }
    }
    match logits.get(best) {
        Some(logit) if logit.is_finite() => Ok(best),
        _ => Err(not_numbers()),
    }
}

/// The `count` largest, falling; of equals the lowest index first.
fn top(logits: &[f32], count: usize) -> Vec<u32> {
    let mut top: Vec<u32> = Vec::with_capacity(count + 1);
    for (i, logit) in logits.iter().enumerate() {
        if top.len() < count || top.last().is_some_and(|&last| *logit > logits[last as usize]) {
            let at = top.partition_point(|&other| logits[other as usize] >= *logit);
            top.insert(at, i as u32);
            top.truncate(count);
        }
    }
    top
}

/// `log Σ exp(logits)`, in `f64`: log p(token) = logit − this.
pub fn log_sum_exp(logits: &[f32]) -> f64 {
    let max = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    max + logits.iter().map(|l| (f64::from(*l) - max).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const GREEDY: Draw =
        Draw { temperature: 0.0, top_k: 0, top_p: 1.0, min_p: 0.0, random: 0, logprobs: None };

    fn draws(logits: &[f32], draw: Draw) -> BTreeSet<u32> {
        let mut reader = Reader::default();
        let points = (0..1000u32).map(|i| i * (u32::MAX / 1000));
        points.map(|random| reader.sample(logits, &Draw { random, ..draw }).unwrap().token).collect()
    }

    #[test]
    fn filters_leave_what_they_should() {
        let logits = [1.0, 3.0, 2.0, -1.0];
        let base = Draw { temperature: 2.0, ..GREEDY };
        let table = [
            (base, &[0, 1, 2, 3][..]),
            (Draw { top_k: 2, ..base }, &[1, 2]),
            (Draw { top_k: 9, ..base }, &[0, 1, 2, 3]),
            (Draw { top_p: 0.4, ..base }, &[1]),
            (Draw { top_p: 0.5, ..base }, &[1, 2]),
            (Draw { top_k: 2, top_p: 0.61, ..base }, &[1]),
            (Draw { min_p: 0.3, ..base }, &[0, 1, 2]),
            (GREEDY, &[1]),
        ];
        for (draw, expected) in table {
            assert_eq!(draws(&logits, draw), expected.iter().copied().collect(), "{draw:?}");
        }
    }

    #[test]
    fn equals_stay_together_and_the_lowest_leads() {
        let logits = [0.0, 2.0, 2.0, -0.0, 2.0];
        assert_eq!(draws(&logits, GREEDY), [1].into());
        assert_eq!(draws(&logits, Draw { temperature: 1.0, top_k: 1, ..GREEDY }), [1, 2, 4].into());
        assert_eq!(draws(&logits, Draw { temperature: 1.0, top_p: 0.1, ..GREEDY }), [1, 2, 4].into());
        assert_eq!(top(&logits, 4), [1, 2, 4, 0]);
        assert_eq!(top(&logits, 9), [1, 2, 4, 0, 3]);
    }

    #[test]
    fn shares_are_those_of_the_softmax() {
        let logits = [0.0, 1.0, f32::NEG_INFINITY, 2.0];
        let draw = Draw { temperature: 0.5, ..GREEDY };
        let mut counts = [0.0; 4];
        for i in 0..10_000u32 {
            let random = i * (u32::MAX / 10_000);
            let token = Reader::default().sample(&logits, &Draw { random, ..draw }).unwrap().token;
            counts[token as usize] += 1e-4;
        }
        let total: f64 = logits.iter().map(|l| f64::from(l * 2.0).exp()).sum();
        for (count, logit) in counts.iter().zip(logits) {
            assert!((count - f64::from(logit * 2.0).exp() / total).abs() < 1e-3, "{counts:?}");
        }
    }

    #[test]
    fn log_probabilities_are_of_the_whole_row_before_temperature() {
        let logits = [1.0, 3.0, 2.0];
        let draw = Draw { temperature: 0.1, top_k: 1, logprobs: Some(2), ..GREEDY };
        let sampled = Reader::default().sample(&logits, &draw).unwrap();
        let gathered = Reader::default().read(&logits, &OutputKind::Gather(vec![1, 2])).unwrap();
        let Reading::Logprobs(gathered) = gathered else { panic!("{gathered:?}") };
        assert!((gathered[0] - -0.407_606).abs() < 1e-5 && (gathered[1] - -1.407_606).abs() < 1e-5);
        assert_eq!(sampled.logprob, Some(gathered[0]));
        assert_eq!(sampled.top, [(1, gathered[0]), (2, gathered[1])]);
    }

    #[test]
    fn what_no_token_can_be_chosen_from_is_an_error() {
        const INF: f32 = f32::INFINITY;
        for logits in [[0.0, f32::NAN], [f32::NAN, 0.0], [0.0, INF], [-INF, -INF]] {
            for kind in [OutputKind::Sample(GREEDY), OutputKind::Gather(vec![0])] {
                let error = Reader::default().read(&logits, &kind).unwrap_err();
                assert_eq!(error.code(), "invalid-model", "{logits:?}");
            }
        }
        assert!(Reader::default().read(&[0.0, -INF], &OutputKind::Gather(vec![0])).is_ok());
    }
}
