//! What a reader makes of a file: records as they stand there, rows as a judge and a report take them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// One entry of a file, before its columns have a meaning.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Where it begins, counted from 1.
    pub line: u64,
    pub fields: Map<String, Value>,
    /// The key of its list, in a file that holds several.
    pub list: Option<String>,
}

/// An entry that cannot be judged. It keeps its place among the rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BadRow {
    pub line: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    pub reason: String,
}

/// What people said of a row: by the name of what was rated (empty where the data names nothing), one value for each rater
/// as it stands in the data.
pub type Labels = BTreeMap<String, Vec<Value>>;

/// One row to be judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    #[serde(default)]
    pub line: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What rows share that are not independent of each other: a document, an author.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// What kind of row it is: a category, a subset, a list of the file. A report has figures of each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slice: Option<String>,
    /// Who wrote the response, or A and B; empty where not all of them are known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub systems: Vec<String>,
    /// `input`, and `response` or `responseA` and `responseB`; `reference`, `context`, `rubric` and `criteria` where the
    /// row has its own. In this order, so that equal rows are equal texts.
    pub task: Map<String, Value>,
    #[serde(default)]
    pub labels: Labels,
}

impl BadRow {
    pub fn new(line: u64, reason: impl Into<String>) -> BadRow {
        BadRow { line, id: None, reason: reason.into() }
    }
}
