use crate::{Error, Result};
use serde::Deserialize;
use std::collections::BTreeMap;

/// What is scored, and what each score means.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ScoreRubric {
    pub objective: String,
    /// The description of each score: `{"1": "…", …, "5": "…"}`, any integers.
    pub scale: BTreeMap<String, String>,
}

/// Scores on a scale.
const MAX_LEVELS: usize = 101;

impl ScoreRubric {
    /// The levels in ascending order; fails with the field that is wrong.
    pub fn levels(&self) -> Result<Vec<(i64, &str)>> {
        let wrong = |what: String| Err(Error::InvalidArgument(what));
        if self.objective.trim().is_empty() {
            return wrong("`rubric.objective` is empty: say what is scored".into());
        }
        if !(2..=MAX_LEVELS).contains(&self.scale.len()) {
            return wrong(format!(
                "`rubric.scale` has {} levels; it needs 2 to {MAX_LEVELS}, such as {{1: \"…\", 2: \"…\"}}",
                self.scale.len()
            ));
        }
        let mut levels = Vec::new();
        for (key, description) in &self.scale {
            match key.parse::<i64>() {
                // Leading zeros and signs would make two names for one score.
                Ok(score) if score.to_string() == *key => levels.push((score, description.as_str())),
                _ => return wrong(format!("`rubric.scale` has the key {key:?}; scores are integers")),
            }
            if description.trim().is_empty() {
                return wrong(format!("`rubric.scale[{key}]` is empty: say what the score means"));
            }
        }
        levels.sort_unstable_by_key(|level| level.0);
        Ok(levels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rubric(objective: &str, scale: &[(&str, &str)]) -> ScoreRubric {
        let scale = scale.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        ScoreRubric { objective: objective.into(), scale }
    }

    #[test]
    fn levels_are_ordered_as_numbers() {
        let rubric = rubric("Is it clear?", &[("10", "c"), ("-1", "a"), ("2", "b")]);
        assert_eq!(rubric.levels().unwrap(), [(-1, "a"), (2, "b"), (10, "c")]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (rubric, name) in [
            (rubric(" ", &[("1", "a"), ("2", "b")]), "rubric.objective"),
            (rubric("o", &[("1", "a")]), "1 levels"),
            (rubric("o", &[("1", "a"), ("01", "b")]), "\"01\""),
            (rubric("o", &[("1", "a"), ("good", "b")]), "\"good\""),
            (rubric("o", &[("1", "a"), ("2", "")]), "rubric.scale[2]"),
        ] {
            let error = rubric.levels().unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
    }
}
