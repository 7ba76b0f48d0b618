//! What probes compare of a verdict.

use super::change::{Lane, letter};
use crate::eval::row::{Classified, Compared, Scored};
use crate::judge::{Level, Rubric, Winner};
use serde_json::Value;

/// A verdict as one number, with what was answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Expected score, p(the labels that pass) or p(the changed response is the better one); `None` for labels of which none
    /// is better than others.
    pub value: Option<f64>,
    pub answer: String,
    /// Whether the response passes: in the upper half of the scale or at its threshold, by its label, or as the winner.
    pub passes: Option<bool>,
}

/// How verdicts under a rubric are read.
pub struct Reader<'a> {
    pub rubric: &'a Rubric,
    /// The lowest score that passes.
    pub threshold: Option<f64>,
    /// The labels that pass; of two labels the first where empty.
    pub pass: &'a [String],
    /// Which response of a comparison counts.
    pub side: Winner,
}

impl Reader<'_> {
    /// The verdict before and after the change. `before` is the verdict on the row as it was.
    pub fn pair(&self, lane: Lane, before: &Value, after: &Value) -> Option<(Seen, Seen)> {
        match lane {
            Lane::Same => Some((self.seen(before)?, self.seen(after)?)),
            Lane::Classify => Some((self.seen(before)?, self.lettered(after)?)),
            Lane::Orders => {
                let readings = after["reliability"]["readings"].as_array()?;
                // With several samples, each order has as many readings.
                let (given, reversed) = readings.split_at_checked(readings.len() / 2)?;
                Some((self.reading(given.first()?)?, self.reading(reversed.first()?)?))
            }
            Lane::Known => {
                let order = |first: &str| {
                    let orders = before["orders"].as_array()?;
                    self.seen(orders.iter().find(|order| order["first"] == first)?)
                };
                Some((order("b")?, order("a")?))
            }
        }
    }

    fn seen(&self, verdict: &Value) -> Option<Seen> {
        let read = || verdict.clone();
        match self.rubric {
            Rubric::Score(_) => {
                let Scored { score, expected, .. } = serde_json::from_value(read()).ok()?;
                Some(self.scored(score, expected))
            }
            Rubric::Class(_) => Some(self.classified(&serde_json::from_value(read()).ok()?)),
            Rubric::Criteria(_) => {
                let Compared { winner, probability_a, .. } = serde_json::from_value(read()).ok()?;
                let of_side = if self.side == Winner::A { probability_a } else { 1.0 - probability_a };
                let answer = match winner {
                    Winner::Tie => "tie",
                    winner if winner == self.side => "won",
                    _ => "lost",
                };
                Some(Seen { value: Some(of_side), answer: answer.into(), passes: Some(winner == self.side) })
            }
        }
    }

    fn scored(&self, score: Level, expected: f64) -> Seen {
        let passes = match (self.threshold, self.middle()) {
            (Some(least), _) => Some(score.value() >= least),
            (None, middle) => middle.map(|middle| expected > middle),
        };
        Seen { value: Some(expected), answer: score.to_string(), passes }
    }

    fn middle(&self) -> Option<f64> {
        let levels = self.levels()?;
        Some(f64::midpoint(levels.first()?.value(), levels.last()?.value()))
    }

    fn levels(&self) -> Option<Vec<Level>> {
        let Rubric::Score(rubric) = self.rubric else { return None };
        Some(rubric.levels().ok()?.into_iter().map(|level| level.0).collect())
    }

    fn classified(&self, verdict: &Classified) -> Seen {
        let Classified { label, distribution } = verdict;
        let first = match self.rubric {
            Rubric::Class(rubric) if rubric.labels.len() == 2 => rubric.labels.first(),
            _ => None,
        };
        let passing: Vec<&String> = match self.pass {
            [] => first.iter().map(|first| &first.0).collect(),
            pass => pass.iter().collect(),
        };
        let all: f64 = distribution.iter().map(|(_, p)| p).sum();
        let passed: f64 = distribution.iter().filter(|(l, _)| passing.contains(&l)).map(|(_, p)| p).sum();
        Seen {
            value: (!passing.is_empty() && all > 0.0).then(|| passed / all),
            answer: label.clone(),
            passes: (!passing.is_empty()).then(|| passing.contains(&label)),
        }
    }

    /// A verdict of letters, as one of what they stand for.
    fn lettered(&self, verdict: &Value) -> Option<Seen> {
        let verdict: Classified = serde_json::from_value(verdict.clone()).ok()?;
        let place = |label: &String| (0..).map_while(letter).position(|letter| letter == *label);
        match self.rubric {
            Rubric::Score(_) => {
                let levels = self.levels()?;
                let weighted = verdict.distribution.iter().map(|(l, p)| Some((levels.get(place(l)?)?, *p)));
                let weighted = weighted.collect::<Option<Vec<_>>>()?;
                self.expected(*levels.get(place(&verdict.label)?)?, &weighted)
            }
            Rubric::Class(rubric) => {
                let name = |label: &String| Some(rubric.labels.get(place(label)?)?.0.clone());
                let named = verdict.distribution.iter().map(|(l, p)| Some((name(l)?, *p)));
                let (label, distribution) = (name(&verdict.label)?, named.collect::<Option<Vec<_>>>()?);
                Some(self.classified(&Classified { label, distribution }))
            }
            Rubric::Criteria(_) => None,
        }
    }

    /// One of several readings.
    fn reading(&self, reading: &Value) -> Option<Seen> {
        let vote = reading["vote"].as_str()?;
        let distribution: Vec<(String, f64)> = reading["distribution"]
            .as_object()?
            .iter()
            .map(|(label, p)| Some((label.clone(), p.as_f64()?)))
            .collect::<Option<_>>()?;
        match self.rubric {
            Rubric::Score(_) => {
                let levels = distribution.iter().map(|(l, p)| Some((l.parse().ok()?, *p)));
                let levels: Vec<(Level, f64)> = levels.collect::<Option<_>>()?;
                let weighted: Vec<(&Level, f64)> = levels.iter().map(|(level, p)| (level, *p)).collect();
                self.expected(vote.parse().ok()?, &weighted)
            }
            Rubric::Class(_) => Some(self.classified(&Classified { label: vote.into(), distribution })),
            Rubric::Criteria(_) => None,
        }
    }

    fn expected(&self, score: Level, weighted: &[(&Level, f64)]) -> Option<Seen> {
        let all: f64 = weighted.iter().map(|(_, p)| p).sum();
        let sum: f64 = weighted.iter().map(|(level, p)| level.value() * p).sum();
        (all > 0.0).then(|| self.scored(score, sum / all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn verdicts_of_each_lane_are_read() {
        let rubric = Rubric::parse("objective: o\nscale: {1: bad, 2: fair, 3: good}").unwrap();
        let reader = Reader { rubric: &rubric, threshold: None, pass: &[], side: Winner::A };
        let plain = json!({ "score": 3, "expected": 2.5, "distribution": { "1": 0.1, "2": 0.3, "3": 0.6 } });
        let letters = json!({ "label": "A", "distribution": { "A": 0.5, "B": 0.5, "C": 0.0 } });
        let (before, after) = reader.pair(Lane::Classify, &plain, &letters).unwrap();
        assert_eq!((before.value, before.answer.as_str(), before.passes), (Some(2.5), "3", Some(true)));
        assert_eq!((after.value, after.answer.as_str(), after.passes), (Some(1.5), "1", Some(false)));
        let reading = |p: f64| json!({ "vote": "1", "distribution": { "1": p, "3": 1.0 - p } });
        let orders = json!({ "reliability": { "readings": [reading(1.0), reading(0.5)] } });
        let (before, after) = reader.pair(Lane::Orders, &plain, &orders).unwrap();
        assert_eq!((before.value, after.value), (Some(1.0), Some(2.0)));
    }

    #[test]
    fn positions_are_in_a_verdict_already() {
        let rubric = Rubric::parse("objective: o").unwrap();
        let reader = Reader { rubric: &rubric, threshold: None, pass: &[], side: Winner::A };
        let verdict = json!({ "orders": [
            { "first": "a", "winner": "a", "probabilityA": 0.9 }, { "first": "b", "winner": "b", "probabilityA": 0.2 }] });
        let (before, after) = reader.pair(Lane::Known, &verdict, &verdict).unwrap();
        assert_eq!((before.value, after.value), (Some(0.2), Some(0.9)));
        assert_eq!((before.answer.as_str(), after.answer.as_str()), ("lost", "won"));
    }
}
