//! Ranking several responses to one input by comparing them in pairs.

use super::Judge;
use super::compare::{PreferenceVerdict, Winner};
use super::ranking::{MOST_PLAYERS, RankOptions, Ranking, rank_results};
use super::result::PairwiseResult;
use super::schedule::{Swiss, all_pairs, default_rounds};
use super::task::{RankTask, Schedule};
use super::texts::Texts;
use super::verdict::{sum, timing};
use crate::engine::{Timing, Usage, milliseconds};
use crate::{Error, Result};
use futures::stream::{self, StreamExt, TryStreamExt};
use serde::Serialize;
use web_time::Instant;

/// Bradley–Terry strengths of the responses, with the comparisons that they were computed from.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RankVerdict {
    #[serde(flatten)]
    pub ranking: Ranking,
    pub comparisons: Vec<Comparison>,
    /// The share of comparisons whose two orders name the same winner; `None` where only one order was judged.
    pub consistency: Option<f64>,
    pub usage: Usage,
    pub timing: Timing,
}

/// The verdict on two of the responses.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// Indices of responses; "A" and "B" of the verdict.
    pub a: usize,
    pub b: usize,
    pub winner: Winner,
    pub probability_a: f64,
    pub consistent: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thinking: Option<String>,
    pub critique: Option<String>,
}

/// Comparisons under way at a time: with both orders each, they fill the batch of most engines.
const AT_ONCE: usize = 8;

impl Judge<'_> {
    /// Ranks responses. Streams are numbered as the comparisons are.
    pub async fn rank(&self, task: &RankTask) -> Result<RankVerdict> {
        let start = Instant::now();
        let players = task.responses.len();
        if !(2..=MOST_PLAYERS).contains(&players) {
            return Err(Error::InvalidArgument(format!(
                "`responses` holds {players}; ranking needs 2 to {MOST_PLAYERS}"
            )));
        }
        let mut met = Met::default();
        match task.schedule {
            Schedule::All => self.meet(task, &all_pairs(players)?, &mut met).await?,
            Schedule::Swiss => {
                let mut swiss = Swiss::new(players, self.options.seed)?;
                for _ in 0..task.rounds.unwrap_or(default_rounds(players)) {
                    let round = swiss.round(&met.strengths(players)?)?;
                    if round.pairs.is_empty() {
                        break;
                    }
                    self.meet(task, &round.pairs, &mut met).await?;
                }
            }
        }
        let options =
            RankOptions { players: Some(players), seed: self.options.seed, ..RankOptions::default() };
        let judged = met.comparisons.iter().filter_map(|comparison| comparison.consistent);
        let (agreeing, both) = judged.fold((0, 0), |(yes, all), agree| (yes + usize::from(agree), all + 1));
        Ok(RankVerdict {
            ranking: rank_results(&met.results, &options)?,
            consistency: (both > 0).then(|| agreeing as f64 / both as f64),
            comparisons: met.comparisons,
            usage: met.usage,
            timing: timing(milliseconds(start), met.decode_ms),
        })
    }

    /// Compares each of `pairs`.
    async fn meet(&self, task: &RankTask, pairs: &[(usize, usize)], met: &mut Met) -> Result<()> {
        let first = met.comparisons.len();
        let verdicts = pairs.iter().enumerate().map(|(i, &(a, b))| async move {
            let responses = [task.responses[a].as_str(), &task.responses[b]];
            let texts = Texts::new(&task.input, &responses, &task.reference, &task.context)?;
            Ok((a, b, self.compare_texts(&texts, &task.criteria, first + i).await?))
        });
        let verdicts: Vec<(usize, usize, PreferenceVerdict)> =
            stream::iter(verdicts).buffered(AT_ONCE).try_collect().await?;
        verdicts.into_iter().for_each(|(a, b, verdict)| met.push(a, b, verdict));
        Ok(())
    }
}

/// What was found so far.
#[derive(Default)]
struct Met {
    results: Vec<PairwiseResult>,
    comparisons: Vec<Comparison>,
    usage: Usage,
    decode_ms: f64,
}

impl Met {
    fn push(&mut self, a: usize, b: usize, verdict: PreferenceVerdict) {
        let PreferenceVerdict {
            winner, probability_a, consistent, thinking, critique, usage, timing, ..
        } = verdict;
        let probability = if winner == Winner::Tie { 0.5 } else { probability_a };
        self.results.push(PairwiseResult { a, b, probability_a: probability });
        self.comparisons.push(Comparison { a, b, winner, probability_a, consistent, thinking, critique });
        self.usage = sum([self.usage, usage].into_iter());
        self.decode_ms = self.decode_ms.max(timing.decode_ms);
    }

    fn strengths(&self, players: usize) -> Result<Vec<f64>> {
        if self.results.is_empty() {
            return Ok(vec![0.0; players]);
        }
        let options = RankOptions { players: Some(players), resamples: 0, ..RankOptions::default() };
        Ok(rank_results(&self.results, &options)?.players.iter().map(|standing| standing.strength).collect())
    }
}
