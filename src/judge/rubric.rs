//! Rubrics: what is judged, and what each verdict means.

use super::level::Level;
use crate::{Error, Result};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// What is scored, and what each score means.
///
/// Prometheus's fields are read as well: `criteria` for the objective, `score1_description` and so on for the scale.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "ScoreFields")]
pub struct ScoreRubric {
    pub objective: String,
    /// The description of each score: `{"1": "…", …, "5": "…"}`, any numbers.
    pub scale: BTreeMap<String, String>,
}

/// What is decided, and what each label means, in the order given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassRubric {
    #[serde(alias = "criteria")]
    pub objective: String,
    /// `{"Yes": "…", "No": "…"}`
    #[serde(serialize_with = "super::serialize::as_object", deserialize_with = "in_order")]
    pub labels: Vec<(String, String)>,
}

/// A rubric from a file, of whichever kind its fields make it.
#[derive(Debug, Clone, PartialEq)]
pub enum Rubric {
    Score(ScoreRubric),
    Class(ClassRubric),
    /// Only an objective: what makes one of two responses the better one.
    Criteria(String),
}

/// Scores on a scale.
const MAX_LEVELS: usize = 101;
/// Labels of a classification.
const MAX_LABELS: usize = 20;
const MAX_LABEL_CHARS: usize = 64;
/// A rubric is a page of text.
const MAX_BYTES: usize = 1 << 20;

fn wrong<T>(what: String) -> Result<T> {
    Err(Error::InvalidArgument(what))
}

fn check_objective(objective: &str) -> Result<()> {
    match objective.trim().is_empty() {
        true => wrong("`rubric.objective` is empty: say what is judged".into()),
        false => Ok(()),
    }
}

impl ScoreRubric {
    /// The levels in ascending order; fails with the field that is wrong.
    pub fn levels(&self) -> Result<Vec<(Level, &str)>> {
        check_objective(&self.objective)?;
        if !(2..=MAX_LEVELS).contains(&self.scale.len()) {
            return wrong(format!(
                "`rubric.scale` has {} levels; it needs 2 to {MAX_LEVELS}, such as {{1: \"…\", 2: \"…\"}}",
                self.scale.len()
            ));
        }
        let mut levels = Vec::new();
        for (key, description) in &self.scale {
            match key.parse() {
                Ok(level) => levels.push((level, description.as_str())),
                Err(_) => {
                    return wrong(format!(
                        "`rubric.scale` has the key {key:?}; scores are numbers in their shortest form, such as 3, -1 or 0.5"
                    ));
                }
            }
            if description.trim().is_empty() {
                return wrong(format!("`rubric.scale[{key}]` is empty: say what the score means"));
            }
        }
        levels.sort_unstable_by_key(|level| level.0);
        Ok(levels)
    }
}

impl ClassRubric {
    /// The labels with their descriptions; fails with the field that is wrong.
    pub fn checked(&self) -> Result<&[(String, String)]> {
        check_objective(&self.objective)?;
        if !(2..=MAX_LABELS).contains(&self.labels.len()) {
            return wrong(format!(
                "`rubric.labels` has {} labels; it needs 2 to {MAX_LABELS}, such as {{Yes: \"…\", No: \"…\"}}",
                self.labels.len()
            ));
        }
        for (i, (label, description)) in self.labels.iter().enumerate() {
            if label.trim() != label || label.is_empty() || label.contains(char::is_control) {
                return wrong(format!(
                    "`rubric.labels` has the label {label:?}; a label is one line with no space around it"
                ));
            }
            if label.chars().count() > MAX_LABEL_CHARS {
                return wrong(format!("the label {label:?} is longer than {MAX_LABEL_CHARS} characters"));
            }
            if self.labels[..i].iter().any(|(other, _)| other == label) {
                return wrong(format!("`rubric.labels` has the label {label:?} twice"));
            }
            if description.trim().is_empty() {
                return wrong(format!("`rubric.labels[{label:?}]` is empty: say what the label means"));
            }
        }
        Ok(&self.labels)
    }
}

impl Rubric {
    /// From YAML or JSON. A `scale` (or Prometheus's descriptions) makes it a scoring rubric, `labels` a
    /// classification; an `objective` alone is a comparison's criteria.
    pub fn parse(text: &str) -> Result<Rubric> {
        if text.len() > MAX_BYTES {
            return wrong(format!("the rubric has {} bytes; {MAX_BYTES} are the most", text.len()));
        }
        let failed =
            |e: serde_saphyr::Error| Error::InvalidArgument(format!("the rubric cannot be read: {e}"));
        let fields: BTreeMap<String, serde::de::IgnoredAny> = serde_saphyr::from_str(text).map_err(failed)?;
        let has = |name: &str| fields.contains_key(name);
        if has("labels") {
            let rubric: ClassRubric = serde_saphyr::from_str(text).map_err(failed)?;
            rubric.checked()?;
            return Ok(Rubric::Class(rubric));
        }
        if fields.len() == 1 && (has("objective") || has("criteria")) {
            let fields: BTreeMap<String, String> = serde_saphyr::from_str(text).map_err(failed)?;
            let objective = fields.into_values().next().unwrap_or_default();
            check_objective(&objective)?;
            return Ok(Rubric::Criteria(objective));
        }
        let rubric: ScoreRubric = serde_saphyr::from_str(text).map_err(failed)?;
        rubric.levels()?;
        Ok(Rubric::Score(rubric))
    }
}

/// A scoring rubric as it is written.
#[derive(Deserialize)]
struct ScoreFields {
    #[serde(alias = "criteria")]
    objective: String,
    #[serde(default)]
    scale: BTreeMap<String, String>,
    #[serde(flatten)]
    others: BTreeMap<String, String>,
}

impl TryFrom<ScoreFields> for ScoreRubric {
    type Error = String;

    fn try_from(fields: ScoreFields) -> std::result::Result<ScoreRubric, String> {
        let mut scale = fields.scale;
        for (name, description) in fields.others {
            let score = name.strip_prefix("score").and_then(|rest| rest.strip_suffix("_description"));
            let score = score
                .map(|score| score.trim_start_matches('_'))
                .filter(|score| score.parse::<Level>().is_ok());
            match score {
                Some(score) if !scale.contains_key(score) => scale.insert(score.to_string(), description),
                Some(score) => return Err(format!("the score {score} is described twice")),
                None => {
                    return Err(format!(
                        "`{name}` is no field of a scoring rubric; it has `objective` and `scale`"
                    ));
                }
            };
        }
        Ok(ScoreRubric { objective: fields.objective, scale })
    }
}

/// A map's entries as they come: the order of labels is the author's.
fn in_order<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(String, String)>, D::Error> {
    struct Entries;

    impl<'de> Visitor<'de> for Entries {
        type Value = Vec<(String, String)>;

        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            write!(f, "an object of labels with their descriptions")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut entries = Vec::new();
            while let Some(entry) = map.next_entry()? {
                // One more than allowed is enough to be refused.
                if entries.len() > MAX_LABELS {
                    break;
                }
                entries.push(entry);
            }
            Ok(entries)
        }
    }

    deserializer.deserialize_map(Entries)
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
        assert_eq!(
            rubric.levels().unwrap(),
            [(-1, "a"), (2, "b"), (10, "c")].map(|(score, text)| (Level::from(score), text))
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (rubric, name) in [
            (rubric(" ", &[("1", "a"), ("2", "b")]), "rubric.objective"),
            (rubric("o", &[("1", "a")]), "1 levels"),
            (rubric("o", &[("1", "a"), ("01", "b")]), "\"01\""),
            (rubric("o", &[("1", "a"), ("good", "b")]), "\"good\""),
            (rubric("o", &[("0.50", "a"), ("1", "b")]), "\"0.50\""),
            (rubric("o", &[("1", "a"), ("2", "")]), "rubric.scale[2]"),
        ] {
            let error = rubric.levels().unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
    }

    #[test]
    fn files_of_each_kind() {
        let Rubric::Score(score) = Rubric::parse("objective: o\nscale:\n  1: bad\n  2: good\n").unwrap()
        else {
            panic!("a scale makes a scoring rubric");
        };
        assert_eq!(
            score.levels().unwrap(),
            [(1, "bad"), (2, "good")].map(|(score, text)| (Level::from(score), text))
        );
        let prometheus = r#"{"criteria": "o", "score1_description": "bad", "score2_description": "good"}"#;
        assert_eq!(Rubric::parse(prometheus).unwrap(), Rubric::Score(score));
        let Rubric::Class(class) = Rubric::parse("objective: o\nlabels: {Yes: y, Maybe: m, No: n}").unwrap()
        else {
            panic!("labels make a classification");
        };
        let names: Vec<&str> = class.labels.iter().map(|label| label.0.as_str()).collect();
        assert_eq!(names, ["Yes", "Maybe", "No"]);
        assert_eq!(Rubric::parse("criteria: o").unwrap(), Rubric::Criteria("o".into()));
    }

    #[test]
    fn what_is_wrong_in_a_file_is_named() {
        for (text, name) in [
            ("objective: o\nscale: {1: a}", "1 levels"),
            ("objective: o\nscales: {1: a, 2: b}", "scales"),
            ("objective: o\nlabels: {Yes: a}", "1 labels"),
            ("objective: o\nlabels: {Yes: a, No: ''}", "\"No\""),
            ("objective: o\nlabels: {Yes: a, ' No': b}", "\" No\""),
            ("scale: {1: a, 2: b}", "objective"),
            ("objective: ' '", "objective"),
            ("[1, 2]", "rubric"),
            ("objective: *anchor", "anchor"),
        ] {
            let error = Rubric::parse(text).unwrap_err();
            assert!(error.to_string().contains(name), "{text}: {error}");
        }
    }
}
