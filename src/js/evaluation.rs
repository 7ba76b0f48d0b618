//! Evaluations for JavaScript: rows before they are judged, what their verdicts come to, and reports.

use super::convert::{argument, plain, thrown};
use crate::eval::dataset::{BadRow, Row};
use crate::eval::run::{Fingerprint, Line, Lines, Terms, Worth, labels, settings};
use crate::eval::{Paired, Report, Settings};
use crate::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use wasm_bindgen::prelude::*;

type Thrown<T> = std::result::Result<T, JsValue>;

/// Throws what is wrong with rubrics `{ name, task, rubric, weight, threshold, pass }`.
#[wasm_bindgen(js_name = checkTerms)]
pub fn check(rubrics: JsValue) -> Thrown<()> {
    read::<Vec<Terms>>(rubrics, "rubrics").and_then(|rubrics| Terms::check(&rubrics)).map_err(thrown)
}

/// A row that can be judged, or why it cannot.
#[derive(Serialize)]
#[serde(untagged)]
enum Prepared {
    Row {
        /// By rubric, one value for each rater.
        labels: Map<String, Value>,
        /// One for each rubric.
        hashes: Vec<String>,
    },
    Bad(BadRow),
}

/// What a row `{ line, id, task, labels }` has before it is judged: `{ labels, hashes }`, or `{ reason }`. `meanings` says what
/// labels of the data mean, and `settings` all that verdicts depend on beside rubric and row.
#[wasm_bindgen(js_name = prepareRow)]
pub fn prepare(rubrics: JsValue, meanings: JsValue, settings: &str, row: JsValue) -> Thrown<JsValue> {
    let prepared = || {
        let row: Row = read(row, "row")?;
        let terms: Vec<Terms> = read(rubrics, "rubrics")?;
        let said = match labels(&row, &terms, &argument::<BTreeMap<String, String>>(meanings, "labelValues")?)
        {
            Ok(said) => said,
            Err(bad) => return plain(&Prepared::Bad(bad)),
        };
        let text = serde_json::to_vec(&row.task).map_err(internal)?;
        let hash = |terms: &Terms| {
            let settings = (env!("CARGO_PKG_VERSION"), settings, terms.asked.task(), &terms.given);
            Ok(Fingerprint::new(&settings).map_err(internal)?.of(&text))
        };
        let hashes = terms.iter().map(hash).collect::<Result<_>>()?;
        plain(&Prepared::Row { labels: said, hashes })
    };
    prepared().map_err(thrown)
}

/// `{ overall, passed }` of a row's verdicts, which are named by their rubrics.
#[wasm_bindgen(js_name = rowWorth)]
pub fn worth(rubrics: JsValue, task: JsValue, verdicts: JsValue) -> Thrown<JsValue> {
    let worth = || {
        let terms: Vec<Terms> = read(rubrics, "rubrics")?;
        let mut verdicts: Map<String, Value> = argument(verdicts, "verdicts")?;
        let verdicts: Vec<_> = terms.iter().map(|rubric| verdicts.remove(&rubric.name)).collect();
        plain(&Worth::of(&argument(task, "task")?, &terms, &verdicts))
    };
    worth().map_err(thrown)
}

/// The results of a run, gathered for a report.
#[wasm_bindgen]
pub struct WasmResults(Lines);

#[wasm_bindgen]
impl WasmResults {
    #[wasm_bindgen(constructor)]
    pub fn new(rubrics: JsValue) -> Thrown<WasmResults> {
        let lines = || {
            let rubrics: Vec<Terms> = read(rubrics, "rubrics")?;
            Terms::check(&rubrics)?;
            Ok(WasmResults(Lines::new(rubrics)))
        };
        lines().map_err(thrown)
    }

    /// Takes a list of lines. `first` is the number of the first one, for messages.
    pub fn add(&mut self, results: JsValue, first: usize) -> Thrown<()> {
        let add = || {
            for (number, line) in (first..).zip(argument::<Vec<Value>>(results, "results")?) {
                let wrong =
                    |e: serde_json::Error| Error::InvalidArgument(format!("`results[{number}]`: {e}"));
                let line: Line = serde_json::from_value(line).map_err(wrong)?;
                self.0.push(&line).map_err(wrong)?;
            }
            Ok(())
        };
        add().map_err(thrown)
    }

    /// The report as JSON, under settings beside those of the run. Without details a row has only its place: of many rows, texts,
    /// verdicts and labels are most of the report.
    pub fn report(self, given: JsValue, details: bool) -> Thrown<String> {
        let report = || {
            let settings = self.settings(argument(given, "settings")?)?;
            let mut report = Report::of(self.0.graded(), &settings)?;
            if !details {
                report.leave_out_details();
            }
            report.to_json()
        };
        report().map_err(thrown)
    }

    /// How `second` differs from these, as JSON.
    pub fn compared(self, second: WasmResults, given: JsValue) -> Thrown<String> {
        let compared = || {
            let larger = if second.0.len() > self.0.len() { &second } else { &self };
            let settings = larger.settings(argument(given, "settings")?)?;
            let paired = Paired::of(&self.0.graded(), &second.0.graded(), &settings)?;
            serde_json::to_string(&paired).map_err(internal)
        };
        compared().map_err(thrown)
    }
}

impl WasmResults {
    /// The settings of the run, and over them those that are given.
    fn settings(&self, given: Map<String, Value>) -> Result<Settings> {
        let own = settings(self.0.rubrics(), 0, self.0.len());
        let mut all = serde_json::to_value(own).map_err(internal)?;
        if let Some(all) = all.as_object_mut() {
            all.extend(given);
        }
        serde_json::from_value(all).map_err(|e| Error::InvalidArgument(format!("`settings`: {e}")))
    }
}

/// A report in one of the forms "html", "markdown", "csv", "junit" or "json".
#[wasm_bindgen(js_name = renderReport)]
pub fn render(report: JsValue, form: &str) -> Thrown<String> {
    let render = || {
        let report = read::<Report>(report, "report")?.known()?;
        match form {
            "html" => report.to_html(),
            "markdown" => report.to_markdown(),
            "csv" => Ok(report.to_csv()),
            "junit" => report.to_junit(),
            "json" => report.to_json(),
            other => Err(Error::InvalidArgument(format!(
                "a report has no form {other:?}; it is html, markdown, csv, junit or json"
            ))),
        }
    };
    render().map_err(thrown)
}

/// An argument by way of JSON's values: each other way of reading a type is code of its own, and the module is to be small.
fn read<T: DeserializeOwned>(value: JsValue, what: &str) -> Result<T> {
    let value: Value = argument(value, what)?;
    serde_json::from_value(value).map_err(|e| Error::InvalidArgument(format!("`{what}`: {e}")))
}

fn internal(error: serde_json::Error) -> Error {
    Error::Internal(error.to_string())
}
