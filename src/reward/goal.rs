//! Goals: states that good responses come to.

use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq)]
pub struct Goal {
    pub name: String,
    /// `[width]`
    pub state: Vec<f32>,
}

/// Which of a head's goals a state shall be near to.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(untagged)]
pub enum GoalChoice {
    /// All of them alike.
    #[default]
    All,
    Named(String),
    /// Names with weights: directions add up, so that one can be followed more than another, or shunned (below 0).
    Mixed(BTreeMap<String, f32>),
    /// A state of one's own (see `RewardModel::goal_from`).
    State(Vec<f32>),
}

impl Goal {
    /// The mean of states.
    pub(super) fn mean(name: &str, states: &[Vec<f32>]) -> Result<Goal> {
        let [first, others @ ..] = states else {
            return Err(Error::InvalidArgument("a goal needs at least one example".into()));
        };
        let mut state = first.clone();
        for other in others {
            state.iter_mut().zip(other).for_each(|(sum, value)| *sum += value);
        }
        state.iter_mut().for_each(|value| *value /= states.len() as f32);
        Ok(Goal { name: name.into(), state })
    }

    /// The cosine of this goal and a state; 0 where one of them has no direction.
    pub fn nearness(&self, state: &[f32]) -> f32 {
        let dot =
            |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        let lengths = (dot(&self.state, &self.state) * dot(state, state)).sqrt();
        if lengths > 0.0 { (dot(&self.state, state) / lengths) as f32 } else { 0.0 }
    }

    /// In its direction, with the length 1.
    fn unit(&self) -> impl Iterator<Item = f32> {
        let length = self.state.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt() as f32;
        self.state.iter().map(move |v| if length > 0.0 { v / length } else { 0.0 })
    }
}

impl GoalChoice {
    /// One state for what was chosen of `goals`, which are all of one width.
    pub(super) fn state(&self, goals: &[Goal]) -> Result<Goal> {
        let weights: Vec<(&Goal, f32)> = match self {
            GoalChoice::All => goals.iter().map(|goal| (goal, 1.0)).collect(),
            GoalChoice::Named(name) => vec![(named(goals, name)?, 1.0)],
            GoalChoice::Mixed(weights) => weights
                .iter()
                .map(|(name, weight)| Ok((named(goals, name)?, *weight)))
                .collect::<Result<_>>()?,
            GoalChoice::State(state) => return own(state, goals),
        };
        if weights.is_empty() || weights.iter().any(|(_, weight)| !weight.is_finite()) {
            return Err(Error::InvalidArgument("`goal` needs at least one goal, each with a number".into()));
        }
        let mut state = vec![0.0; weights[0].0.state.len()];
        for (goal, weight) in weights {
            state.iter_mut().zip(goal.unit()).for_each(|(sum, value)| *sum += weight * value);
        }
        Ok(Goal { name: String::new(), state })
    }
}

fn named<'a>(goals: &'a [Goal], name: &str) -> Result<&'a Goal> {
    goals.iter().find(|goal| goal.name == name).ok_or_else(|| {
        let known: Vec<&str> = goals.iter().map(|goal| &goal.name[..]).collect();
        Error::InvalidArgument(format!("there is no goal {name:?}; the head has {known:?}"))
    })
}

fn own(state: &[f32], goals: &[Goal]) -> Result<Goal> {
    let width = goals.first().map_or(state.len(), |goal| goal.state.len());
    if state.len() != width || state.iter().any(|value| !value.is_finite()) {
        return Err(Error::InvalidArgument(format!(
            "`goal` must be {width} numbers, as `goalFrom` gives them"
        )));
    }
    Ok(Goal { name: String::new(), state: state.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn goal(name: &str, state: &[f32]) -> Goal {
        Goal { name: name.into(), state: state.into() }
    }

    #[test]
    fn goals_are_mixed_by_their_directions() {
        let goals = [goal("kind", &[10.0, 0.0]), goal("short", &[0.0, 0.1])];
        let near = |choice: GoalChoice, state: &[f32]| choice.state(&goals).unwrap().nearness(state);
        assert_eq!(near(GoalChoice::Named("kind".into()), &[3.0, 0.0]), 1.0);
        assert_eq!(near(GoalChoice::Named("short".into()), &[3.0, 0.0]), 0.0);
        assert!((near(GoalChoice::All, &[1.0, 1.0]) - 1.0).abs() < 1e-6);
        let away = GoalChoice::Mixed([("kind".to_string(), -1.0)].into());
        assert_eq!(near(away, &[3.0, 0.0]), -1.0);
        assert_eq!(near(GoalChoice::State(vec![1.0, 0.0]), &[0.0, 0.0]), 0.0);
        for wrong in [
            GoalChoice::Named("long".into()),
            GoalChoice::Mixed(BTreeMap::new()),
            GoalChoice::Mixed([("kind".to_string(), f32::NAN)].into()),
            GoalChoice::State(vec![1.0]),
        ] {
            assert_eq!(wrong.state(&goals).unwrap_err().code(), "invalid-argument", "{wrong:?}");
        }
        assert!(Goal::mean("none", &[]).is_err());
        assert_eq!(Goal::mean("two", &[vec![1.0, 3.0], vec![3.0, 5.0]]).unwrap(), goal("two", &[2.0, 4.0]));
    }
}
