//! Bradley–Terry: p(a beats b) = σ(θa − θb). The strengths θ of greatest likelihood are found by the MM algorithm (Hunter,
//! "MM algorithms for generalized Bradley–Terry models", 2004). So that they exist whatever the results (a player who
//! never lost, groups that never met), every player has also drawn against one opponent that all have in common.

use super::result::PairwiseResult;
use crate::statistics::mean;
use crate::{Error, Result};
use std::collections::BTreeMap;

/// Who has met whom how often, and won how much. The common opponent is a player too, the last: only differences of
/// strength matter, so that its own is as free as anybody's.
pub(super) struct Table {
    prior: f64,
    /// For each result, its pair.
    pair_of: Vec<usize>,
    /// For each pair, the games of its two players.
    games: Vec<f64>,
    /// For each player, the opponents and the pairs with them.
    opponents: Vec<Vec<(usize, usize)>>,
    wins: Vec<f64>,
}

impl Table {
    pub(super) fn new(players: usize, results: &[PairwiseResult], prior: f64) -> Table {
        let mut pairs = BTreeMap::new();
        let mut opponents = vec![Vec::new(); players + 1];
        let mut meet = |a: usize, b: usize| {
            let next = pairs.len();
            *pairs.entry((a.min(b), a.max(b))).or_insert_with(|| {
                opponents[a].push((b, next));
                opponents[b].push((a, next));
                next
            })
        };
        // The common opponent's pairs come first: pair i is player i's.
        for player in 0..players {
            meet(player, players);
        }
        let pair_of = results.iter().map(|result| meet(result.a, result.b)).collect();
        let games = vec![0.0; pairs.len()];
        let mut table = Table { prior, pair_of, games, opponents, wins: vec![0.0; players + 1] };
        table.clear();
        for (i, result) in results.iter().enumerate() {
            table.add(i, result);
        }
        table
    }

    fn players(&self) -> usize {
        self.wins.len() - 1
    }

    /// Takes out all results; the draws with the common opponent stay.
    pub(super) fn clear(&mut self) {
        let players = self.players();
        self.games.fill(0.0);
        self.games[..players].fill(self.prior);
        self.wins[..players].fill(self.prior / 2.0);
        self.wins[players] = players as f64 * self.prior / 2.0;
    }

    /// Counts result `i`.
    pub(super) fn add(&mut self, i: usize, result: &PairwiseResult) {
        self.games[self.pair_of[i]] += 1.0;
        self.wins[result.a] += result.probability_a;
        self.wins[result.b] += 1.0 - result.probability_a;
    }

    /// The strengths of greatest likelihood, with a mean of 0, iterated from `start` until what is still to come is
    /// within `tolerance`.
    ///
    /// Steps shrink by a constant factor, which is close to 1 where groups of players hardly met. So two steps are
    /// prolonged to where they lead (the squared extrapolation of Varadhan and Roland, 2008), as long as that does not
    /// lower the likelihood.
    pub(super) fn strengths(&self, start: &[f64], tolerance: f64) -> Result<Vec<f64>> {
        const MOST_ROUNDS: usize = 1000;
        let mut theta: Vec<f64> = start.iter().copied().chain([0.0]).collect();
        let mut likelihood = self.log_likelihood(&theta);
        for _ in 0..MOST_ROUNDS {
            let first = self.step(&theta);
            let second = self.step(&first);
            if second.iter().any(|theta| !theta.is_finite()) {
                break;
            }
            let (leap, reach) = extrapolate(&theta, &first, &second);
            let change = first.iter().zip(&second).map(|(a, b)| (b - a).abs()).fold(0.0, f64::max);
            if change * reach <= tolerance {
                let theta = &second[..self.players()];
                let centre = mean(theta).unwrap_or(0.0);
                return Ok(theta.iter().map(|theta| theta - centre).collect());
            }
            // Close to the end, likelihoods differ by their rounding alone.
            let reached = self.log_likelihood(&leap);
            (theta, likelihood) = match reached >= likelihood - 1e-12 * likelihood.abs() {
                true => (leap, reached),
                false => {
                    let likelihood = self.log_likelihood(&second);
                    (second, likelihood)
                }
            };
        }
        Err(Error::InvalidArgument(
            "the strengths cannot be told from these results: one player or group always beat another, over and over. \
             Raise `prior`, or leave repeated comparisons out."
                .into(),
        ))
    }

    /// One step of the MM algorithm. With γ = exp θ, γi ← wins of i ⁄ Σj games(i, j) ⁄ (γi + γj), which never lowers the
    /// likelihood. Players are taken in turn, each already seeing the new γ of those before.
    fn step(&self, theta: &[f64]) -> Vec<f64> {
        let mut gamma: Vec<f64> = theta.iter().map(|theta| theta.exp()).collect();
        for (i, opponents) in self.opponents.iter().enumerate() {
            let own = gamma[i];
            let sum: f64 = opponents.iter().map(|&(j, pair)| self.games[pair] / (own + gamma[j])).sum();
            gamma[i] = self.wins[i] / sum;
        }
        gamma.into_iter().map(f64::ln).collect()
    }

    /// Σ wins(i)·θi − Σ games(i, j)·ln(γi + γj), the latter over pairs.
    fn log_likelihood(&self, theta: &[f64]) -> f64 {
        let gamma: Vec<f64> = theta.iter().map(|theta| theta.exp()).collect();
        let mut sum: f64 = self.wins.iter().zip(theta).map(|(wins, theta)| wins * theta).sum();
        for (i, opponents) in self.opponents.iter().enumerate() {
            for &(j, pair) in opponents.iter().filter(|&&(j, _)| j > i) {
                sum -= self.games[pair] * (gamma[i] + gamma[j]).ln();
            }
        }
        sum
    }
}

/// Where the steps from `start` over `first` to `second` lead, and how many times the last step it is to there.
fn extrapolate(start: &[f64], first: &[f64], second: &[f64]) -> (Vec<f64>, f64) {
    let steps = || start.iter().zip(first).zip(second).map(|((a, b), c)| (b - a, (c - b) - (b - a)));
    let norm = |of: fn((f64, f64)) -> f64| steps().map(|step| of(step).powi(2)).sum::<f64>().sqrt();
    let (length, bend) = (norm(|step| step.0), norm(|step| step.1));
    let reach = if bend > 0.0 { (length / bend).max(1.0) } else { 1.0 };
    let leap = start.iter().zip(steps()).map(|(a, (r, v))| a + 2.0 * reach * r + reach * reach * v).collect();
    (leap, reach)
}
