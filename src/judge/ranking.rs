//! From pairwise results to a ranking: Bradley–Terry strengths with bootstrap confidence intervals.

use super::bradley_terry::Table;
use super::result::PairwiseResult;
use crate::statistics::{below, quantile};
use crate::{Error, Result};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};

pub const MOST_PLAYERS: usize = 1000;
pub const MOST_RESULTS: usize = 1_000_000;
const MOST_RESAMPLES: usize = 10_000;
/// Results × resamples: some seconds of work.
const MOST_WORK: usize = 1_000_000_000;

/// Strengths that differ by less are the same: the iteration leaves differences of this kind between equals.
const SAME: f64 = 1e-6;

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct RankOptions {
    /// How many players there are; one more than the highest index where not given.
    pub players: Option<usize>,
    /// Draws of each player against the common opponent. More of them pull the strengths together.
    pub prior: f64,
    /// Resamples of the bootstrap; 0: no intervals.
    pub resamples: usize,
    pub seed: u64,
}

impl Default for RankOptions {
    fn default() -> Self {
        RankOptions { players: None, prior: 1.0, resamples: 1000, seed: 0 }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ranking {
    /// In the order of their indices.
    pub players: Vec<Standing>,
    /// Indices, the best player's first; equals in the order of their indices.
    pub order: Vec<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    pub index: usize,
    /// From 1, the best first; equals share the best of their ranks.
    pub rank: usize,
    /// θ; the mean of all players is 0.
    pub strength: f64,
    /// Between which the strength lies in 95 of 100 resamples of the results; `None` when there are none.
    pub interval: Option<[f64; 2]>,
    /// p(this player beats one of strength 0).
    pub win_probability: f64,
    /// Results that this player is in.
    pub comparisons: usize,
}

/// Ranks the players of a table of results.
pub fn rank_results(results: &[PairwiseResult], options: &RankOptions) -> Result<Ranking> {
    let players = players(results, options)?;
    let mut table = Table::new(players, results, options.prior);
    let strengths = table.strengths(&vec![0.0; players], 1e-9)?;
    let intervals = intervals(&mut table, results, &strengths, options)?;
    let mut comparisons = vec![0; players];
    for result in results {
        comparisons[result.a] += 1;
        comparisons[result.b] += 1;
    }
    let better = |of: f64| strengths.iter().filter(|&&other| other > of + SAME).count();
    let standings: Vec<Standing> = strengths
        .iter()
        .enumerate()
        .map(|(index, &strength)| Standing {
            index,
            rank: better(strength) + 1,
            strength,
            interval: intervals.as_ref().map(|intervals| intervals[index]),
            win_probability: 1.0 / (1.0 + (-strength).exp()),
            comparisons: comparisons[index],
        })
        .collect();
    let mut order: Vec<usize> = (0..players).collect();
    order.sort_by_key(|&index| standings[index].rank);
    Ok(Ranking { players: standings, order })
}

/// The number of players, if everything is in order.
fn players(results: &[PairwiseResult], options: &RankOptions) -> Result<usize> {
    let wrong = |what: String| Err(Error::InvalidArgument(what));
    let RankOptions { prior, resamples, .. } = *options;
    let highest = results.iter().map(|r| r.a.max(r.b)).max();
    let Some(players) = options.players.or(highest.map(|index| index.saturating_add(1))) else {
        return wrong("there are no results: give some, or the number of `players`".into());
    };
    if !(1..=MOST_PLAYERS).contains(&players) {
        return wrong(format!("there are {players} players; there may be between 1 and {MOST_PLAYERS}"));
    }
    if results.len() > MOST_RESULTS {
        return wrong(format!("there are {} results; the most is {MOST_RESULTS}", results.len()));
    }
    if !(0.001..=1000.0).contains(&prior) {
        return wrong(format!("`prior` is {prior}; it must be between 0.001 and 1000"));
    }
    if resamples > MOST_RESAMPLES || resamples.saturating_mul(results.len()) > MOST_WORK {
        return wrong(format!(
            "`resamples` is {resamples}; with {} results the most is {}",
            results.len(),
            MOST_RESAMPLES.min(MOST_WORK / results.len().max(1))
        ));
    }
    for (i, result) in results.iter().enumerate() {
        let PairwiseResult { a, b, probability_a } = *result;
        if a.max(b) >= players {
            return wrong(format!("result {i} names player {}, but there are {players}", a.max(b)));
        }
        if a == b {
            return wrong(format!("result {i} compares player {a} with itself"));
        }
        if !(0.0..=1.0).contains(&probability_a) {
            return wrong(format!(
                "`probabilityA` of result {i} is {probability_a}; it must be between 0 and 1"
            ));
        }
    }
    Ok(players)
}

/// Percentile intervals of the bootstrap: the results are drawn anew, with replacement, and the strengths fitted again.
fn intervals(
    table: &mut Table,
    results: &[PairwiseResult],
    strengths: &[f64],
    options: &RankOptions,
) -> Result<Option<Vec<[f64; 2]>>> {
    if results.is_empty() || options.resamples == 0 {
        return Ok(None);
    }
    let mut random = ChaCha8Rng::seed_from_u64(options.seed);
    let mut drawn: Vec<Vec<f64>> = vec![Vec::with_capacity(options.resamples); strengths.len()];
    for _ in 0..options.resamples {
        table.clear();
        for _ in results {
            let i = below(&mut random, results.len());
            table.add(i, &results[i]);
        }
        // The interval is known to some hundredths at best.
        for (drawn, strength) in drawn.iter_mut().zip(table.strengths(strengths, 1e-4)?) {
            drawn.push(strength);
        }
    }
    let interval = |mut drawn: Vec<f64>| {
        drawn.sort_by(f64::total_cmp);
        let at =
            |q| quantile(&drawn, q).ok_or_else(|| Error::Internal("a bootstrap without resamples".into()));
        Ok([at(0.025)?, at(0.975)?])
    };
    drawn.into_iter().map(interval).collect::<Result<_>>().map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn results(table: &[(usize, usize, f64)]) -> Vec<PairwiseResult> {
        table.iter().map(|&(a, b, probability_a)| PairwiseResult { a, b, probability_a }).collect()
    }

    fn strengths(table: &[(usize, usize, f64)]) -> Vec<f64> {
        let options = RankOptions { resamples: 0, ..Default::default() };
        rank_results(&results(table), &options).unwrap().players.iter().map(|p| p.strength).collect()
    }

    #[track_caller]
    fn close(found: &[f64], expected: &[f64], tolerance: f64) {
        let far = |(a, b): (&f64, &f64)| (a - b).abs() > tolerance;
        assert!(
            found.len() == expected.len() && !found.iter().zip(expected).any(far),
            "{found:?} instead of {expected:?}"
        );
    }

    /// The American League's east in 1987, as in Agresti, "Categorical Data Analysis", which has strengths relative to
    /// Baltimore of 1.58, 1.44, 1.29, 1.25, 1.11, 0.68 and 0; more digits by choix 0.4 (`opt_pairwise`).
    #[test]
    fn a_published_example_has_its_published_strengths() {
        const WINS: [[usize; 7]; 7] = [
            [0, 7, 9, 7, 7, 9, 11],
            [6, 0, 7, 5, 11, 9, 9],
            [4, 6, 0, 7, 7, 8, 12],
            [6, 8, 6, 0, 6, 7, 10],
            [6, 2, 6, 7, 0, 7, 12],
            [4, 4, 5, 6, 6, 0, 6],
            [2, 4, 1, 3, 1, 7, 0],
        ];
        let mut table = Vec::new();
        for (a, row) in WINS.iter().enumerate() {
            for (b, wins) in row.iter().enumerate() {
                table.extend(std::iter::repeat_n((a, b, 1.0), *wins));
            }
        }
        let options = RankOptions { prior: 0.001, resamples: 0, ..Default::default() };
        let ranking = rank_results(&results(&table), &options).unwrap();
        let relative: Vec<f64> =
            ranking.players.iter().map(|p| p.strength - ranking.players[6].strength).collect();
        let published = [
            1.5813558763744466,
            1.4364084314684156,
            1.2944851236023036,
            1.2476178448331623,
            1.1076977050364547,
            0.6838527688556346,
            0.0,
        ];
        close(&relative, &published, 1e-3);
        assert_eq!(ranking.order, [0, 1, 2, 3, 4, 5, 6]);
        assert!(ranking.players.iter().all(|p| p.comparisons == 78 && p.interval.is_none()));
    }

    /// choix 0.4 (`opt_pairwise`) with the common opponent as one more player and all counts doubled or quadrupled, so
    /// that halves and quarters are whole.
    #[test]
    fn strengths_agree_with_choix() {
        let undefeated = [(0, 1, 1.0), (0, 2, 1.0), (1, 2, 1.0)];
        close(&strengths(&undefeated), &[1.2945726116757335, 0.0, -1.2945726116757335], 1e-8);
        let ties = [
            (0, 1, 1.0),
            (0, 1, 0.5),
            (1, 2, 1.0),
            (2, 3, 1.0),
            (3, 0, 0.5),
            (0, 2, 1.0),
            (1, 3, 0.0),
            (2, 1, 0.5),
        ];
        let expected = [0.665112228712463, -0.2657921665840808, -0.39492800702977177, -0.004392055098610407];
        close(&strengths(&ties), &expected, 1e-8);
        let disconnected = [(0, 1, 1.0), (0, 1, 1.0), (2, 3, 0.0), (2, 3, 0.5)];
        let options = RankOptions { players: Some(5), resamples: 0, ..Default::default() };
        let found: Vec<f64> = rank_results(&results(&disconnected), &options)
            .unwrap()
            .players
            .iter()
            .map(|p| p.strength)
            .collect();
        let expected = [1.012001087006997, -1.012001087006997, -0.4196176249910196, 0.4196176249910196, 0.0];
        close(&found, &expected, 1e-8);
        let probabilities = [(0, 1, 0.75), (1, 2, 0.25), (0, 2, 1.0)];
        let expected = [0.830474041744821, -0.5525873181501051, -0.27788672359471583];
        close(&strengths(&probabilities), &expected, 1e-8);
    }

    /// Of two players, θ of the first is half a logit, and a logit's standard error is 1 ⁄ √(n·p·(1 − p)).
    #[test]
    fn an_interval_is_as_wide_as_theory_says() {
        let table: Vec<_> = (0..400).map(|i| (0, 1, f64::from(i % 5 < 3))).collect();
        let ranking =
            rank_results(&results(&table), &RankOptions { resamples: 4000, ..Default::default() }).unwrap();
        let [low, high] = ranking.players[0].interval.unwrap();
        let expected = 1.96 / (400.0 * 0.6 * 0.4f64).sqrt();
        assert!(
            ((high - low) / expected - 1.0).abs() < 0.05,
            "{low}..{high}, expected a width of {expected}"
        );
        assert!((f64::midpoint(low, high) - ranking.players[0].strength).abs() < 0.01);
        close(&ranking.players[1].interval.unwrap(), &[-high, -low], 1e-4);
    }

    #[test]
    fn a_seed_repeats_and_another_does_not() {
        let results = results(&[(0, 1, 1.0), (1, 2, 1.0), (2, 0, 1.0), (0, 1, 0.0), (0, 2, 0.5)]);
        let with = |seed| {
            rank_results(&results, &RankOptions { seed, resamples: 50, ..Default::default() }).unwrap()
        };
        assert_eq!(with(1), with(1));
        assert_ne!(with(1), with(2));
    }

    #[test]
    fn equals_share_a_rank() {
        let results = results(&[(3, 1, 1.0), (0, 1, 1.0), (0, 2, 1.0), (3, 2, 1.0), (3, 0, 0.5)]);
        let ranking =
            rank_results(&results, &RankOptions { players: Some(5), ..Default::default() }).unwrap();
        assert_eq!(ranking.players.iter().map(|p| p.rank).collect::<Vec<_>>(), [1, 4, 4, 1, 3]);
        assert_eq!(ranking.order, [0, 3, 4, 1, 2]);
        assert_eq!(ranking.players[4].comparisons, 0);
        assert!((ranking.players[4].win_probability - 0.5).abs() < 1e-6);
    }

    #[test]
    fn players_without_results_are_equal() {
        let ranking = rank_results(&[], &RankOptions { players: Some(3), ..Default::default() }).unwrap();
        assert!(ranking.players.iter().all(|p| p.rank == 1 && p.strength.abs() < 1e-9));
        assert!(ranking.players.iter().all(|p| p.interval.is_none()));
    }

    /// The hardest cases for the algorithm: nothing but wins, down a line or between two groups.
    #[test]
    fn extremes_have_finite_strengths() {
        let line: Vec<_> = (1..1000).map(|i| (i - 1, i, 1.0)).collect();
        let groups: Vec<_> = (0..3000)
            .map(|i| match i % 3 {
                0 => (i % 20, 20 + (i / 7) % 20, 1.0),
                1 => (i % 20, (i + 1 + i / 11 % 19) % 20, f64::from(u8::from(i % 2 == 0))),
                _ => (20 + i % 20, 20 + (i + 1 + i / 13 % 19) % 20, 0.5),
            })
            .filter(|(a, b, _)| a != b)
            .collect();
        for table in [line, groups] {
            let strengths = strengths(&table);
            assert!(strengths.iter().all(|s| s.is_finite()));
            assert!(strengths[0] > 1.0 && strengths.iter().sum::<f64>().abs() < 1e-6);
        }
    }

    /// Without results between them, only the common opponent relates two groups: each group's mean is then 0, as the
    /// groups are mirror images. One result between them must weigh the more the less the prior does.
    #[test]
    fn groups_that_hardly_met_are_related() {
        let mut table: Vec<_> = (0..40_000)
            .flat_map(|i| {
                let won = f64::from(u8::from(i % 3 > 0));
                [(0, 1, won), (2, 3, won)]
            })
            .collect();
        let apart = strengths(&table);
        close(&[apart[0] - apart[2], apart[1] - apart[3]], &[0.0, 0.0], 1e-6);
        close(&[apart[0] - apart[1]], &[2f64.ln()], 1e-3);
        table.push((0, 2, 1.0));
        let linked = strengths(&table);
        // The groups move as wholes: 4 draws with the common opponent against one win make the distance Δ the root of
        // 1 − σ(Δ) = Σ σ(±½·ln 2 + Δ ⁄ 2) − 1: what the win pulls a group up, the draws pull it down.
        let shift = f64::midpoint(linked[0], linked[1]) - f64::midpoint(linked[2], linked[3]);
        let half = 2f64.ln() / 2.0;
        let sigma = |x: f64| 1.0 / (1.0 + (-x).exp());
        let pull = sigma(shift / 2.0 + half) + sigma(shift / 2.0 - half) - 1.0;
        close(&[1.0 - sigma(shift)], &[pull], 1e-3);
        assert!(shift > 0.5, "{shift}");
    }

    #[test]
    fn what_cannot_be_ranked_is_named() {
        let options = RankOptions::default;
        let one = [(0, 1, 1.0)];
        for (table, options, field) in [
            (&[][..], options(), "no results"),
            (&[(0, 0, 1.0)], options(), "with itself"),
            (&[(0, 1, 1.5)], options(), "`probabilityA` of result 0"),
            (&[(0, 1, f64::NAN)], options(), "`probabilityA` of result 0"),
            (&[(0, usize::MAX, 1.0)], options(), "players"),
            (&one, RankOptions { players: Some(1), ..options() }, "result 0 names player 1"),
            (&one, RankOptions { players: Some(0), ..options() }, "0 players"),
            (&one, RankOptions { players: Some(1001), ..options() }, "1001 players"),
            (&one, RankOptions { prior: 0.0, ..options() }, "`prior`"),
            (&one, RankOptions { prior: f64::NAN, ..options() }, "`prior`"),
            (&one, RankOptions { resamples: 10_001, ..options() }, "`resamples`"),
        ] {
            let error = rank_results(&results(table), &options).unwrap_err();
            assert_eq!(error.code(), "invalid-argument");
            assert!(error.to_string().contains(field), "{error}");
        }
        let many = vec![PairwiseResult { a: 0, b: 1, probability_a: 0.5 }; 200_000];
        let error = rank_results(&many, &RankOptions { resamples: 6000, ..options() }).unwrap_err();
        assert!(error.to_string().contains("the most is 5000"), "{error}");
    }

    #[test]
    fn a_result_is_a_winner_or_a_probability() {
        let read = |json: &str| serde_json::from_str::<PairwiseResult>(json);
        for (json, p) in [
            (r#"{"a":0,"b":1,"winner":"a"}"#, 1.0),
            (r#"{"a":0,"b":1,"winner":"b"}"#, 0.0),
            (r#"{"a":0,"b":1,"winner":"tie"}"#, 0.5),
            (r#"{"a":0,"b":1,"probabilityA":0.25}"#, 0.25),
        ] {
            assert_eq!(read(json).unwrap(), PairwiseResult { a: 0, b: 1, probability_a: p });
        }
        for json in [
            r#"{"a":0,"b":1}"#,
            r#"{"a":0,"b":1,"winner":"a","probabilityA":1}"#,
            r#"{"a":-1,"b":1,"winner":"a"}"#,
        ] {
            assert!(read(json).is_err(), "{json}");
        }
    }

    proptest! {
        #[test]
        fn a_mirrored_table_has_mirrored_strengths(
            table in prop::collection::vec((0usize..8, 0usize..8, 0f64..=1.0), 1..60)
        ) {
            let table: Vec<_> = table.into_iter().filter(|(a, b, _)| a != b).chain([(7, 0, 0.5)]).collect();
            let mirrored: Vec<_> = table.iter().map(|&(a, b, p)| (a, b, 1.0 - p)).collect();
            let swapped: Vec<_> = table.iter().map(|&(a, b, p)| (b, a, 1.0 - p)).collect();
            let (found, mirrored, swapped) = (strengths(&table), strengths(&mirrored), strengths(&swapped));
            for ((s, m), w) in found.iter().zip(&mirrored).zip(&swapped) {
                prop_assert!((s + m).abs() < 1e-7 && (s - w).abs() < 1e-7);
            }
        }
    }
}
