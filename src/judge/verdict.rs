//! From the readings of a prompt to one verdict.

use super::reading::Reading;
use super::serialize::as_object;
use crate::engine::{Timing, Usage};
use serde::Serialize;

/// How far several readings of the same task agree: samples of the critique, orders of the rubric.
#[derive(Debug, Clone, Serialize)]
pub struct Reliability {
    /// How many readings chose each label.
    #[serde(serialize_with = "as_object")]
    pub votes: Vec<(String, usize)>,
    /// The entropy of the votes in bits: 0 where all agree.
    pub entropy: f64,
    pub readings: Vec<ReadingReport>,
}

/// One of several readings.
#[derive(Debug, Clone, Serialize)]
pub struct ReadingReport {
    /// The likeliest label.
    pub vote: String,
    #[serde(serialize_with = "as_object")]
    pub distribution: Vec<(String, f64)>,
    pub outside: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thinking: Option<String>,
    pub critique: Option<String>,
}

/// What a task's readings come to.
pub(super) struct Tally {
    /// The label that most readings chose; of several, the one with the most probability.
    pub winner: usize,
    /// The mean probability of each label.
    pub distribution: Vec<f64>,
    pub outside: f64,
    /// Those of the first reading that chose the winner.
    pub thinking: Option<String>,
    pub critique: Option<String>,
    /// `None` for a single reading.
    pub reliability: Option<Reliability>,
    pub usage: Usage,
    pub decode_ms: f64,
}

impl Tally {
    /// Of at least one reading.
    pub fn of(labels: &[String], readings: Vec<Reading>) -> Tally {
        let mean =
            |value: &dyn Fn(&Reading) -> f64| readings.iter().map(value).sum::<f64>() / readings.len() as f64;
        let distribution: Vec<f64> =
            (0..labels.len()).map(|i| mean(&|reading| reading.probabilities[i])).collect();
        let mut votes = vec![0; labels.len()];
        readings.iter().for_each(|reading| votes[reading.vote()] += 1);
        // The first of equals, as in a single reading.
        let winner = (0..labels.len()).fold(0, |best, i| {
            let more = (votes[i], distribution[i]) > (votes[best], distribution[best]);
            if more { i } else { best }
        });
        let chosen = readings.iter().find(|reading| reading.vote() == winner).or(readings.first());
        Tally {
            winner,
            outside: mean(&|reading| reading.outside),
            thinking: chosen.and_then(|reading| reading.thinking.clone()),
            critique: chosen.and_then(|reading| reading.critique.clone()),
            usage: sum(readings.iter().map(|reading| reading.usage)),
            decode_ms: readings.iter().map(|reading| reading.decode_ms).fold(0.0, f64::max),
            reliability: (readings.len() > 1).then(|| reliability(labels, &votes, readings)),
            distribution,
        }
    }

    /// The distribution by the labels' names.
    pub fn named(&self, labels: &[String]) -> Vec<(String, f64)> {
        labels.iter().cloned().zip(self.distribution.iter().copied()).collect()
    }
}

fn reliability(labels: &[String], votes: &[usize], readings: Vec<Reading>) -> Reliability {
    let share = |count: usize| count as f64 / readings.len() as f64;
    let entropy = -votes.iter().filter(|v| **v > 0).map(|v| share(*v) * share(*v).log2()).sum::<f64>();
    Reliability {
        votes: labels.iter().cloned().zip(votes.iter().copied()).collect(),
        // Where all agree the sum is −0.
        entropy: entropy.max(0.0),
        readings: readings
            .into_iter()
            .map(|reading| ReadingReport {
                vote: labels[reading.vote()].clone(),
                distribution: labels.iter().cloned().zip(reading.probabilities.iter().copied()).collect(),
                outside: reading.outside,
                thinking: reading.thinking,
                critique: reading.critique,
            })
            .collect(),
    }
}

impl Reading {
    /// The likeliest label; the first of equals.
    pub fn vote(&self) -> usize {
        let best = |best, i: usize| if self.probabilities[i] > self.probabilities[best] { i } else { best };
        (0..self.probabilities.len()).fold(0, best)
    }
}

/// The tokens of several calls together.
pub(super) fn sum(usages: impl Iterator<Item = Usage>) -> Usage {
    usages.fold(Usage::default(), |sum, usage| Usage {
        prompt_tokens: sum.prompt_tokens + usage.prompt_tokens,
        cached_tokens: sum.cached_tokens + usage.cached_tokens,
        completion_tokens: sum.completion_tokens + usage.completion_tokens,
    })
}

pub(super) fn timing(total_ms: f64, decode_ms: f64) -> Timing {
    Timing { prefill_ms: (total_ms - decode_ms).max(0.0), decode_ms, total_ms }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(probabilities: &[f64], critique: &str) -> Reading {
        Reading {
            probabilities: probabilities.to_vec(),
            outside: 1.0 - probabilities.iter().sum::<f64>(),
            thinking: None,
            critique: Some(critique.into()),
            usage: Usage { prompt_tokens: 10, cached_tokens: 4, completion_tokens: 1 },
            decode_ms: 2.0,
        }
    }

    fn labels() -> Vec<String> {
        ["no", "yes"].map(String::from).into()
    }

    #[test]
    fn a_single_reading_is_its_own_verdict() {
        let tally = Tally::of(&labels(), vec![reading(&[0.25, 0.5], "c")]);
        assert_eq!((tally.winner, tally.outside), (1, 0.25));
        assert_eq!(tally.distribution, [0.25, 0.5]);
        assert!(tally.reliability.is_none());
    }

    #[test]
    fn several_readings_vote() {
        let readings = vec![
            reading(&[0.875, 0.125], "against"),
            reading(&[0.375, 0.5], "for"),
            reading(&[0.25, 0.5], "for, too"),
        ];
        let tally = Tally::of(&labels(), readings);
        // The mean says no, two of three votes say yes.
        assert_eq!(tally.distribution, [0.5, 0.375]);
        assert_eq!(tally.winner, 1);
        assert_eq!(tally.critique.as_deref(), Some("for"));
        assert_eq!(tally.usage, Usage { prompt_tokens: 30, cached_tokens: 12, completion_tokens: 3 });
        let reliability = tally.reliability.unwrap();
        assert_eq!(reliability.votes, [("no".to_string(), 1), ("yes".to_string(), 2)]);
        // −(1/3 log2 1/3 + 2/3 log2 2/3)
        assert!((reliability.entropy - 0.918_295_834).abs() < 1e-9);
    }
}
