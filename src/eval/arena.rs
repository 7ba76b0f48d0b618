//! Who wins the comparisons: a leaderboard by the judge, and one by people.

use super::report::{Leaderboard, Rating, System};
use super::row::Task;
use super::sample::{Pair, Sample};
use super::settings::Settings;
use crate::Result;
use crate::judge::{PairwiseResult, RankOptions, Standing, rank_results};
use crate::statistics::kendall;
use std::collections::BTreeMap;

/// With more, the names are no systems.
const MOST_SYSTEMS: usize = 200;
/// Of the bootstrap. Each of them fits all strengths anew.
const MOST_RESAMPLES: usize = 1000;
/// Where Judge Arena starts, and how far a result moves there at most.
const START: f64 = 1200.0;
const K: f64 = 32.0;

/// `None` where no row names two systems; with a reason where there are too many.
pub(super) fn leaderboard(
    sample: &Sample,
    settings: &Settings,
) -> Result<(Option<Leaderboard>, Option<String>)> {
    if sample.task != Task::Compare {
        return Ok((None, None));
    }
    let named: Vec<(&Pair, [&str; 2])> =
        sample.pairs.iter().filter_map(|pair| Some((pair, systems(sample, pair)?))).collect();
    let mut players: BTreeMap<&str, usize> = BTreeMap::new();
    players.extend(named.iter().flat_map(|(_, names)| names).map(|name| (*name, 0)));
    players.values_mut().zip(0..).for_each(|(index, next)| *index = next);
    match players.len() {
        0 => return Ok((None, None)),
        1..=MOST_SYSTEMS => {}
        many => {
            let why =
                format!("The responses are of {many} systems: more than {MOST_SYSTEMS} are not ranked.");
            return Ok((None, Some(why)));
        }
    }
    let result =
        |[a, b]: [&str; 2], value: f64| PairwiseResult { a: players[a], b: players[b], probability_a: value };
    let judged = named.iter().map(|(pair, names)| result(*names, sample.values[pair.answer]));
    let judged: Vec<PairwiseResult> = judged.collect();
    let labelled = named.iter().filter_map(|(pair, names)| Some(result(*names, pair.truth?.value)));
    let labelled: Vec<PairwiseResult> = labelled.collect();
    let judge = ratings(&judged, players.len(), settings)?;
    let human = ratings(&labelled, players.len(), settings)?;
    let system = |(name, (judge, human)): (&&str, (Rating, Rating))| System {
        name: (*name).to_string(),
        judge,
        human: (human.wins + human.ties + human.losses > 0).then_some(human),
    };
    let mut systems: Vec<System> = players.keys().zip(judge.into_iter().zip(human)).map(system).collect();
    systems.sort_by_key(|system| system.judge.rank);
    let both = systems.iter().filter_map(|system| Some((system.judge.strength, system.human?.strength)));
    let agreement = kendall(&both.collect::<Vec<_>>());
    let (judged, labelled) = (judged.len(), labelled.len());
    let unnamed = sample.pairs.len() - judged;
    Ok((Some(Leaderboard { systems, judged, labelled, unnamed, agreement }), None))
}

/// The two systems of a row, if they are known and not the same.
fn systems<'a>(sample: &Sample<'a>, pair: &Pair) -> Option<[&'a str; 2]> {
    match sample.rows[pair.row].systems.as_slice() {
        [a, b] if a != b => Some([a, b]),
        _ => None,
    }
}

/// Of each player, by its index.
fn ratings(results: &[PairwiseResult], players: usize, settings: &Settings) -> Result<Vec<Rating>> {
    let resamples = settings.resamples.min(MOST_RESAMPLES);
    let options =
        RankOptions { players: Some(players), resamples, seed: settings.seed, ..RankOptions::default() };
    let ranking = rank_results(results, &options)?;
    let rating = |standing: &Standing| Rating {
        rank: standing.rank,
        wins: 0,
        ties: 0,
        losses: 0,
        strength: standing.strength,
        interval: standing.interval,
        elo: START,
    };
    let mut ratings: Vec<Rating> = ranking.players.iter().map(rating).collect();
    for PairwiseResult { a, b, probability_a } in results {
        // Elo, "The Rating of Chessplayers", 1978.
        let expected = 1.0 / (1.0 + 10f64.powf((ratings[*b].elo - ratings[*a].elo) / 400.0));
        let change = K * (probability_a - expected);
        for (player, sign) in [(*a, 1.0), (*b, -1.0)] {
            let rating = &mut ratings[player];
            rating.elo += sign * change;
            match sign * (probability_a - 0.5) {
                won if won > 0.0 => rating.wins += 1,
                lost if lost < 0.0 => rating.losses += 1,
                _ => rating.ties += 1,
            }
        }
    }
    Ok(ratings)
}

#[cfg(test)]
mod tests {
    use crate::eval::{Graded, Report, Settings};
    use serde_json::{Value, json};

    fn compared(id: usize, systems: &[&str], winner: &str, human: &[&str]) -> Value {
        let p = match winner {
            "a" => 0.9,
            "b" => 0.1,
            _ => 0.5,
        };
        json!({ "id": id.to_string(), "task": "compare", "systems": systems, "human": human,
            "verdict": { "winner": winner, "probabilityA": p } })
    }

    fn report(rows: Vec<Value>) -> Report {
        let rows: Vec<Graded> = serde_json::from_value(rows.into()).unwrap();
        Report::of(rows, &Settings { resamples: 200, ..Settings::default() }).unwrap()
    }

    #[test]
    fn systems_are_ranked_by_judge_and_by_people() {
        let rows = vec![
            compared(0, &["x", "y"], "a", &["a"]),
            compared(1, &["y", "z"], "a", &["b"]),
            compared(2, &["z", "x"], "tie", &[]),
            compared(3, &["x", "y"], "a", &["a"]),
            compared(4, &["x", "x"], "a", &["a"]),
            compared(5, &[], "b", &["a"]),
        ];
        let report = report(rows);
        let board = report.sections[0].leaderboard.as_ref().unwrap();
        assert_eq!((board.judged, board.labelled, board.unnamed), (4, 3, 2));
        let of = |name: &str| board.systems.iter().find(|system| system.name == name).unwrap();
        let (x, y, z) = (of("x"), of("y"), of("z"));
        assert_eq!((x.judge.rank, x.judge.wins, x.judge.ties, x.judge.losses), (1, 2, 1, 0));
        assert_eq!((y.judge.wins, y.judge.ties, y.judge.losses), (1, 0, 2));
        // The same four results through Judge Arena's own formula, in Python.
        for (found, elo) in [(x, 1229.8635), (y, 1185.3697), (z, 1184.7668)] {
            assert!((found.judge.elo - elo).abs() < 1e-3, "{found:?}");
        }
        let human = z.human.unwrap();
        assert_eq!((human.wins, human.ties, human.losses), (1, 0, 0));
        assert!(
            x.judge.interval.is_some_and(|[low, high]| low <= x.judge.strength && x.judge.strength <= high)
        );
        let html = report.to_html().unwrap();
        assert!(html.contains("4 comparisons by the judge, 3 by people, 2 without two systems"));
        assert!(report.to_markdown().unwrap().contains("| x | 1 |"));
    }

    #[test]
    fn names_that_are_no_systems_are_not_ranked() {
        let of = |systems: &dyn Fn(usize) -> [String; 2]| {
            let row = |i| {
                let [a, b] = systems(i);
                compared(i, &[&a, &b], "a", &["a"])
            };
            report((0..150).map(row).collect())
        };
        let many = of(&|i| [format!("{i}"), format!("{i}'")]);
        assert!(many.sections[0].leaderboard.is_none());
        assert!(many.sections[0].notes.iter().any(|note| note.contains("300 systems")));
        let none = report(vec![compared(0, &["x"], "a", &["a"])]);
        assert!(none.sections[0].leaderboard.is_none());
    }
}
