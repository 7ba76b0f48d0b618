//! A panel: the verdicts of several judges on one task become one, with a measure of their disagreement.
//!
//! What comes in is plain data, so that verdicts of any origin can be combined.

use super::compare::Winner;
use super::level::Level;
use crate::statistics::{mean, quantile, standard_deviation, usable};
use crate::{Error, Result};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

const MOST_JUDGES: usize = 1000;

/// How far above 1 a distribution may add up: its numbers may have been rounded.
const ROUNDING: f64 = 1e-3;

/// Probabilities by label, in the order given.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution(pub Vec<(String, f64)>);

impl Serialize for Distribution {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(label, p)| (label, p)))
    }
}

impl<'de> Deserialize<'de> for Distribution {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Distribution;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object of labels and their probabilities")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Distribution, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Distribution(entries))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

/// One judge's score. Further fields of a verdict are not read.
#[derive(Debug, Clone, Deserialize)]
pub struct ScoreBallot {
    pub score: Level,
    pub expected: f64,
    pub distribution: Distribution,
}

/// One judge's class.
#[derive(Debug, Clone, Deserialize)]
pub struct ClassBallot {
    pub label: String,
    pub distribution: Distribution,
}

/// One judge's preference.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PreferenceBallot {
    pub winner: Winner,
    pub probability_a: f64,
}

/// How far judges are apart.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Disagreement {
    /// The share of the judges whose own verdict is another than the panel's.
    pub dissent: f64,
    /// Standard deviation of the judges' expected scores, or of their p(A); `None` for classes, which have no order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spread: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PanelScore {
    /// The score that most judges gave; among equals the likeliest by the mean distribution, then the lowest.
    pub score: Level,
    /// Mean of the judges' expected scores.
    pub expected: f64,
    /// Their median, which a single judge cannot move far.
    pub median: f64,
    /// Mean of the judges' distributions.
    pub distribution: Distribution,
    /// What the mean distribution leaves to everything off the scale.
    pub outside: f64,
    pub disagreement: Disagreement,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PanelClass {
    /// The label that most judges gave; among equals the likeliest by the mean distribution, then the first.
    pub label: String,
    pub distribution: Distribution,
    pub outside: f64,
    pub disagreement: Disagreement,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PanelPreference {
    /// What most judges said. As many votes for A as for B: the side of the mean p(A). As many for a tie as for the
    /// most voted side: a tie.
    pub winner: Winner,
    /// Mean of the judges' p(A).
    pub probability_a: f64,
    pub disagreement: Disagreement,
}

pub fn combine_scores(ballots: &[ScoreBallot]) -> Result<PanelScore> {
    let labels: Vec<String> = ballots.iter().map(|b| b.score.to_string()).collect();
    let scored: Vec<(&str, &Distribution)> =
        ballots.iter().zip(&labels).map(|(b, label)| (label.as_str(), &b.distribution)).collect();
    let tally = Tally::of(&scored)?;
    let mut expected = Vec::with_capacity(ballots.len());
    for (i, ballot) in ballots.iter().enumerate() {
        expected.push(usable(ballot.expected, || format!("verdicts[{i}].expected"))?);
    }
    expected.sort_by(f64::total_cmp);
    let lowest = |place: usize| {
        ballots.iter().zip(&labels).find(|(_, l)| **l == tally.label(place)).map(|(b, _)| b.score)
    };
    let chosen = tally.winners().into_iter().filter_map(lowest).min().ok_or_else(no_verdicts)?;
    let (distribution, outside, dissent) = tally.result();
    Ok(PanelScore {
        score: chosen,
        expected: mean(&expected).ok_or_else(no_verdicts)?,
        median: quantile(&expected, 0.5).ok_or_else(no_verdicts)?,
        distribution,
        outside,
        disagreement: Disagreement { dissent, spread: standard_deviation(&expected) },
    })
}

pub fn combine_classes(ballots: &[ClassBallot]) -> Result<PanelClass> {
    let labelled: Vec<(&str, &Distribution)> =
        ballots.iter().map(|b| (b.label.as_str(), &b.distribution)).collect();
    let tally = Tally::of(&labelled)?;
    let label =
        tally.winners().first().map(|&place| tally.label(place).to_string()).ok_or_else(no_verdicts)?;
    let (distribution, outside, dissent) = tally.result();
    Ok(PanelClass { label, distribution, outside, disagreement: Disagreement { dissent, spread: None } })
}

pub fn combine_preferences(ballots: &[PreferenceBallot]) -> Result<PanelPreference> {
    within_bounds(ballots.len())?;
    let mut chances = Vec::with_capacity(ballots.len());
    for (i, PreferenceBallot { probability_a, .. }) in ballots.iter().enumerate() {
        chances.push(probability(*probability_a, || format!("verdicts[{i}].probabilityA"))?);
    }
    // A sum depends on its order; the panel must not.
    chances.sort_by(f64::total_cmp);
    let probability_a = mean(&chances).ok_or_else(no_verdicts)?;
    let votes = |winner| ballots.iter().filter(|b| b.winner == winner).count();
    let (a, b, tie) = (votes(Winner::A), votes(Winner::B), votes(Winner::Tie));
    let winner = match () {
        _ if tie >= a.max(b) => Winner::Tie,
        _ if a > b || (a == b && probability_a > 0.5) => Winner::A,
        _ if b > a || probability_a < 0.5 => Winner::B,
        _ => Winner::Tie,
    };
    let dissent = 1.0 - votes(winner) as f64 / ballots.len() as f64;
    let spread = standard_deviation(&chances);
    Ok(PanelPreference { winner, probability_a, disagreement: Disagreement { dissent, spread } })
}

fn no_verdicts() -> Error {
    Error::InvalidArgument("there are no verdicts to combine".into())
}

fn within_bounds(judges: usize) -> Result<()> {
    match judges {
        0 => Err(no_verdicts()),
        1..=MOST_JUDGES => Ok(()),
        _ => Err(Error::InvalidArgument(format!(
            "there are {judges} verdicts; the most that can be combined is {MOST_JUDGES}"
        ))),
    }
}

fn probability(p: f64, field: impl FnOnce() -> String) -> Result<f64> {
    match (0.0..=1.0).contains(&p) {
        true => Ok(p),
        false => Err(Error::InvalidArgument(format!("`{}` is {p}; it must be between 0 and 1", field()))),
    }
}

/// The votes for each label of a task, and the mean distribution.
struct Tally<'a> {
    /// In the order of the first judge.
    labels: Vec<&'a str>,
    votes: Vec<usize>,
    means: Vec<f64>,
    judges: usize,
}

impl<'a> Tally<'a> {
    /// All judges must have judged by the same labels; each verdict's own is one of them.
    fn of(ballots: &[(&'a str, &'a Distribution)]) -> Result<Tally<'a>> {
        within_bounds(ballots.len())?;
        let wrong = |i: usize, what: String| Err(Error::InvalidArgument(format!("`verdicts[{i}]` {what}")));
        let labels: Vec<&str> = ballots[0].1.0.iter().map(|(label, _)| label.as_str()).collect();
        let mut votes = vec![0; labels.len()];
        let mut sums = vec![0.0; labels.len()];
        for (i, (chosen, Distribution(entries))) in ballots.iter().enumerate() {
            let mut seen = vec![false; labels.len()];
            for (label, p) in entries {
                let p = probability(*p, || format!("verdicts[{i}].distribution[{label:?}]"))?;
                match labels.iter().position(|known| known == label) {
                    Some(place) if !seen[place] => {
                        seen[place] = true;
                        sums[place] += p;
                    }
                    Some(_) => return wrong(i, format!("has the label {label:?} twice")),
                    None => return wrong(i, format!("has the label {label:?}, which the first has not")),
                }
            }
            if let Some(missing) = seen.iter().position(|seen| !seen) {
                return wrong(i, format!("lacks the label {:?}, which the first has", labels[missing]));
            }
            let total: f64 = entries.iter().map(|(_, p)| p).sum();
            if total > 1.0 + ROUNDING {
                return wrong(i, format!("has probabilities that add up to {total}"));
            }
            match labels.iter().position(|label| label == chosen) {
                Some(place) => votes[place] += 1,
                None => return wrong(i, format!("gives {chosen:?}, which its distribution has not")),
            }
        }
        let judges = ballots.len();
        let means = sums.into_iter().map(|sum| sum / judges as f64).collect();
        Ok(Tally { labels, votes, means, judges })
    }

    fn label(&self, place: usize) -> &'a str {
        self.labels[place]
    }

    /// The places of those with the most votes and, among these, the highest mean probability.
    fn winners(&self) -> Vec<usize> {
        let most = self.votes.iter().max().copied().unwrap_or(0);
        let voted: Vec<usize> = (0..self.votes.len()).filter(|&place| self.votes[place] == most).collect();
        let highest = voted.iter().map(|&place| self.means[place]).fold(0.0, f64::max);
        voted.into_iter().filter(|&place| self.means[place] == highest).collect()
    }

    /// The mean distribution, what is missing to 1, and the share of the votes that did not win.
    fn result(self) -> (Distribution, f64, f64) {
        let outside = (1.0 - self.means.iter().sum::<f64>()).max(0.0);
        let most = self.votes.iter().max().copied().unwrap_or(0);
        let dissent = 1.0 - most as f64 / self.judges as f64;
        let entries = self.labels.iter().map(|label| label.to_string()).zip(self.means).collect();
        (Distribution(entries), outside, dissent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn scores(verdicts: serde_json::Value) -> Result<PanelScore> {
        combine_scores(&serde_json::from_value::<Vec<ScoreBallot>>(verdicts).unwrap())
    }

    fn classes(verdicts: serde_json::Value) -> Result<PanelClass> {
        combine_classes(&serde_json::from_value::<Vec<ClassBallot>>(verdicts).unwrap())
    }

    fn preferences(votes: &[(Winner, f64)]) -> Result<PanelPreference> {
        let ballot = |&(winner, probability_a)| PreferenceBallot { winner, probability_a };
        combine_preferences(&votes.iter().map(ballot).collect::<Vec<_>>())
    }

    #[track_caller]
    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-12, "{found} instead of {expected}");
    }

    /// Means and the deviation by hand: (2.5, 1.25, 2.75), whose mean is 13/6 and whose variance is 31/72.
    #[test]
    fn scores_are_voted_on_and_averaged() {
        let panel = scores(json!([
            { "score": 3, "expected": 2.5, "distribution": { "1": 0.125, "2": 0.25, "3": 0.625 }, "critique": null },
            { "score": 1, "expected": 1.25, "distribution": { "1": 0.75, "2": 0.25, "3": 0.0 } },
            { "score": 3, "expected": 2.75, "distribution": { "3": 0.75, "2": 0.25, "1": 0.0 } },
        ]))
        .unwrap();
        assert_eq!((panel.score, panel.median), (3.into(), 2.5));
        close(panel.expected, 13.0 / 6.0);
        close(panel.disagreement.spread.unwrap(), (31f64 / 72.0).sqrt());
        close(panel.disagreement.dissent, 1.0 / 3.0);
        close(panel.outside, 0.0);
        let json = serde_json::to_value(&panel).unwrap();
        close(json["distribution"]["1"].as_f64().unwrap(), 0.875 / 3.0);
        close(json["distribution"]["3"].as_f64().unwrap(), 1.375 / 3.0);
    }

    #[test]
    fn equal_votes_go_to_the_likelier_then_to_the_lower_score() {
        let two = |p: [f64; 2], q: [f64; 2]| {
            let ballot = |score: i32, p: [f64; 2]| json!({ "score": score, "expected": 0, "distribution": { "-2": p[0], "10": p[1] } });
            scores(json!([ballot(10, p), ballot(-2, q)])).unwrap().score
        };
        assert_eq!(two([0.125, 0.75], [0.5, 0.25]), 10.into());
        assert_eq!(two([0.25, 0.75], [0.75, 0.25]), (-2).into());
    }

    #[test]
    fn classes_are_voted_on_and_averaged() {
        let ballot = |label: &str, p: [f64; 3]| json!({ "label": label, "distribution": { "z": p[0], "é": p[1], "a": p[2] } });
        let majority = classes(json!([
            ballot("é", [0.0, 0.5, 0.25]),
            ballot("z", [1.0, 0.0, 0.0]),
            ballot("é", [0.25, 0.5, 0.25]),
        ]))
        .unwrap();
        assert_eq!(majority.label, "é");
        close(majority.disagreement.dissent, 1.0 / 3.0);
        close(majority.outside, 0.25 / 3.0);
        let json = serde_json::to_string(&majority).unwrap();
        assert!(
            json.contains(r#""disagreement":{"dissent":0.33"#) && json.contains(r#""distribution":{"z":"#),
            "{json}"
        );
        let split = classes(json!([ballot("z", [0.5, 0.25, 0.25]), ballot("a", [0.25, 0.0, 0.75])])).unwrap();
        assert_eq!((split.label.as_str(), split.disagreement.dissent), ("a", 0.5));
    }

    #[test]
    fn preferences_are_voted_on() {
        use Winner::{A, B, Tie};
        for (votes, winner, dissent) in [
            (&[(A, 0.75), (A, 0.5), (B, 0.0)][..], A, 1.0 / 3.0),
            (&[(A, 0.75), (B, 0.125)], B, 0.5),
            (&[(A, 0.875), (B, 0.25)], A, 0.5),
            (&[(A, 0.75), (B, 0.25)], Tie, 1.0),
            (&[(A, 0.75), (Tie, 0.5)], Tie, 0.5),
            (&[(A, 0.75), (B, 0.25), (Tie, 0.5)], Tie, 2.0 / 3.0),
            (&[(B, 0.25), (B, 0.25), (Tie, 0.5)], B, 1.0 / 3.0),
            (&[(Tie, 0.625)], Tie, 0.0),
        ] {
            let panel = preferences(votes).unwrap();
            assert_eq!(panel.winner, winner, "{votes:?}");
            close(panel.disagreement.dissent, dissent);
            let swapped: Vec<_> = votes
                .iter()
                .map(|&(winner, p)| {
                    (
                        match winner {
                            A => B,
                            B => A,
                            Tie => Tie,
                        },
                        1.0 - p,
                    )
                })
                .collect();
            let mirror = preferences(&swapped).unwrap();
            close(mirror.probability_a, 1.0 - panel.probability_a);
            assert_eq!(
                mirror.winner,
                match winner {
                    A => B,
                    B => A,
                    Tie => Tie,
                }
            );
            assert_eq!(mirror.disagreement, panel.disagreement);
        }
    }

    #[test]
    fn verdicts_of_different_tasks_are_refused() {
        let yes = json!({ "label": "Yes", "distribution": { "Yes": 0.75, "No": 0.25 } });
        for (other, what) in [
            (json!({ "label": "Yes", "distribution": { "Yes": 0.5 } }), "lacks the label \"No\""),
            (
                json!({ "label": "Yes", "distribution": { "Yes": 0.5, "No": 0.25, "Maybe": 0.25 } }),
                "\"Maybe\"",
            ),
            (json!({ "label": "Maybe", "distribution": { "Yes": 0.5, "No": 0.5 } }), "gives \"Maybe\""),
            (json!({ "label": "Yes", "distribution": { "Yes": 0.75, "No": 0.75 } }), "add up to 1.5"),
            (json!({ "label": "Yes", "distribution": { "Yes": 1.5, "No": 0.5 } }), "distribution[\"Yes\"]"),
        ] {
            let error = classes(json!([yes, other])).unwrap_err();
            assert_eq!(error.code(), "invalid-argument");
            let message = error.to_string();
            assert!(message.contains("verdicts[1]") && message.contains(what), "{message}");
        }
        assert!(classes(json!([])).is_err() && scores(json!([])).is_err() && preferences(&[]).is_err());
        assert!(preferences(&[(Winner::A, f64::NAN)]).is_err());
        let unbounded = json!([{ "score": 1, "expected": 1e300, "distribution": { "1": 1.0 } }]);
        assert!(scores(unbounded).unwrap_err().to_string().contains("verdicts[0].expected"));
    }
}
