//! What columns can mean, and how a user says so.

use crate::{Error, Result};
use std::collections::BTreeMap;

/// What a column can mean to a judge or a report.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    Input,
    Response,
    ResponseA,
    ResponseB,
    Reference,
    Context,
    Rubric,
    Criteria,
    Id,
    Group,
    Slice,
    /// Who wrote the response.
    System,
    SystemA,
    SystemB,
    /// Human labels of what is named; of the only thing that was rated, the empty name.
    Label(String),
}

/// Which columns a field is read from. Several are a label's raters, and the paragraphs of a text.
pub type Columns = BTreeMap<Field, Vec<String>>;

/// Reads `input=question,response=answer,label.clarity=rater1+rater2`.
pub fn parse(text: &str) -> Result<Columns> {
    let mut columns = Columns::new();
    for part in text.split(',').filter(|part| !part.trim().is_empty()) {
        let Some((field, names)) = part.split_once('=') else {
            return Err(Error::InvalidArgument(format!(
                "{part:?} maps nothing; a map is written as input=question,response=answer"
            )));
        };
        let names = names.split('+').map(|name| name.trim().to_string()).collect();
        columns.insert(field.trim().parse()?, names);
    }
    Ok(columns)
}

impl std::str::FromStr for Field {
    type Err = Error;

    fn from_str(name: &str) -> Result<Field> {
        if let Some(rated) = name.strip_prefix("label.") {
            return Ok(Field::Label(rated.to_string()));
        }
        Ok(match name {
            "input" => Field::Input,
            "response" => Field::Response,
            "responseA" => Field::ResponseA,
            "responseB" => Field::ResponseB,
            "reference" => Field::Reference,
            "context" => Field::Context,
            "rubric" => Field::Rubric,
            "criteria" => Field::Criteria,
            "id" => Field::Id,
            "group" => Field::Group,
            "slice" => Field::Slice,
            "system" => Field::System,
            "systemA" => Field::SystemA,
            "systemB" => Field::SystemB,
            "label" => Field::Label(String::new()),
            other => {
                return Err(Error::InvalidArgument(format!(
                    "`map` has the field {other:?}; there are input, response, responseA, responseB, reference, context, rubric, criteria, id, group, slice, system, systemA, systemB, label, and label.NAME for one of several things rated"
                )));
            }
        })
    }
}

impl std::fmt::Display for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(match self {
            Field::Label(rated) if !rated.is_empty() => return write!(f, "label.{rated}"),
            Field::Input => "input",
            Field::Response => "response",
            Field::ResponseA => "responseA",
            Field::ResponseB => "responseB",
            Field::Reference => "reference",
            Field::Context => "context",
            Field::Rubric => "rubric",
            Field::Criteria => "criteria",
            Field::Id => "id",
            Field::Group => "group",
            Field::Slice => "slice",
            Field::System => "system",
            Field::SystemA => "systemA",
            Field::SystemB => "systemB",
            Field::Label(_) => "label",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_are_read_and_wrong_ones_named() {
        let columns = parse("input=question, label.clarity=r1+r2").unwrap();
        assert_eq!(columns[&Field::Label("clarity".into())], ["r1", "r2"]);
        for (text, why) in [("question", "input=question"), ("inptu=q", "inptu")] {
            assert!(parse(text).unwrap_err().to_string().contains(why), "{text}");
        }
    }
}
