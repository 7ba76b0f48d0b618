//! Gates (verdicts that change the exit code), and the tally of the rows.

use crate::exit::{Exit, Stop};
use crate::task::Task;
use serde_json::Value;

/// What no verdict should be.
#[derive(Debug)]
pub enum Gate {
    Open,
    /// A score or reward lower than this.
    Below(f64),
    /// One of these labels or winners.
    On(Vec<String>),
}

impl Gate {
    pub fn below(score: Option<f64>) -> Gate {
        score.map_or(Gate::Open, Gate::Below)
    }

    pub fn on(names: Vec<String>) -> Gate {
        if names.is_empty() { Gate::Open } else { Gate::On(names) }
    }

    /// Fails if no row can ever match the gate: a misspelt label would let everything pass.
    pub fn check(&self, task: &Task) -> Result<(), Stop> {
        let (Gate::On(names), Task::Classify(Some(rubric))) = (self, task) else { return Ok(()) };
        match names.iter().find(|name| rubric.labels.iter().all(|(label, _)| label != *name)) {
            Some(name) => Err(Stop::Fault(format!("`--fail-on {name}`: the rubric has no such label"))),
            None => Ok(()),
        }
    }

    fn stops(&self, verdict: &Value) -> bool {
        match self {
            Gate::Open => false,
            Gate::Below(least) => ["score", "reward"]
                .iter()
                .filter_map(|field| verdict[field].as_f64())
                .chain(best(verdict))
                .any(|found| found < *least),
            Gate::On(names) => ["label", "winner"]
                .iter()
                .filter_map(|field| verdict[field].as_str())
                .any(|found| names.iter().any(|name| name == found)),
        }
    }
}

/// The highest reward of a row with several responses.
fn best(verdict: &Value) -> Option<f64> {
    let rewards = verdict["rewards"].as_array()?;
    rewards.iter().filter_map(|one| one["reward"].as_f64()).max_by(f64::total_cmp)
}

/// What became of the rows.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub judged: u64,
    pub failed: u64,
    /// Of the judged.
    pub gated: u64,
    /// Of all, those that were answered before this run.
    pub resumed: u64,
}

impl Tally {
    /// Counts a row by its verdict; `None` where it has an error.
    pub fn count(&mut self, verdict: Option<&Value>, gate: &Gate) {
        match verdict {
            Some(verdict) => {
                self.judged += 1;
                self.gated += u64::from(gate.stops(verdict));
            }
            None => self.failed += 1,
        }
    }

    pub fn rows(&self) -> u64 {
        self.judged + self.failed
    }

    pub fn exit(&self, allow_errors: bool) -> Exit {
        match self {
            Tally { failed: 1.., .. } if !allow_errors => Exit::Failed,
            Tally { gated: 1.., .. } => Exit::Gated,
            _ => Exit::Done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn gates_stop_what_they_name() {
        let on = |names: &[&str]| Gate::on(names.iter().map(|name| name.to_string()).collect());
        for (gate, verdict, stops) in [
            (Gate::below(None), json!({ "score": 1 }), false),
            (Gate::below(Some(3.0)), json!({ "score": 2 }), true),
            (Gate::below(Some(3.0)), json!({ "score": 3 }), false),
            (Gate::below(Some(-1.0)), json!({ "reward": -1.5 }), true),
            (Gate::below(Some(1.0)), json!({ "rewards": [{ "reward": 0.5 }, { "reward": 1.5 }] }), false),
            (Gate::below(Some(2.0)), json!({ "rewards": [{ "reward": 0.5 }, { "reward": 1.5 }] }), true),
            (on(&[]), json!({ "label": "No" }), false),
            (on(&["No", "Maybe"]), json!({ "label": "Maybe" }), true),
            (on(&["No"]), json!({ "label": "Yes" }), false),
            (on(&["b"]), json!({ "winner": "b" }), true),
        ] {
            assert_eq!(gate.stops(&verdict), stops, "{gate:?} {verdict}");
        }
    }

    #[test]
    fn failed_rows_come_before_gates() {
        let gate = Gate::below(Some(3.0));
        let mut tally = Tally::default();
        assert_eq!(tally.exit(false), Exit::Done);
        tally.count(Some(&json!({ "score": 1 })), &gate);
        assert_eq!(tally.exit(false), Exit::Gated);
        tally.count(None, &gate);
        assert_eq!((tally.exit(false), tally.exit(true)), (Exit::Failed, Exit::Gated));
    }
}
