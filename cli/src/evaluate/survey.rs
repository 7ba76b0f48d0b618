//! What there is to be judged, found before a model is loaded: rows are counted, checked and looked at.

use super::prepare::Prepared;
use super::spec::Spec;
use crate::exit::Stop;
use crate::task::Task;
use lunette::eval::dataset::BadRow;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, HashSet};
use std::io;
use std::ops::ControlFlow;

/// The rows in numbers.
pub struct Survey {
    pub rows: u64,
    /// Those of this shard.
    pub own: u64,
    pub bad: u64,
    pub first_bad: Option<BadRow>,
    pub repeated_ids: u64,
    /// Rows with labels, by rubric.
    pub labelled: Vec<u64>,
    /// What there are labels of, where no rubric has any.
    pub unused: Vec<String>,
    /// Of all rows and labels: shards of one run have the same.
    pub digest: String,
}

impl Survey {
    pub fn of(spec: &Spec) -> Result<Survey, Stop> {
        let mut survey = Survey {
            rows: 0,
            own: 0,
            bad: 0,
            first_bad: None,
            repeated_ids: 0,
            labelled: vec![0; spec.rubrics.len()],
            unused: Vec::new(),
            digest: String::new(),
        };
        let (mut ids, mut digest, mut there) = (HashSet::new(), Sha256::new(), BTreeSet::new());
        let mut fitting = 0;
        let read = spec.rows(&mut |number, row| {
            survey.rows += 1;
            survey.own += u64::from(spec.shard.holds(number));
            match row {
                Ok(Prepared { row, labels }) => {
                    let text =
                        json!([row.id, row.group, row.slice, row.systems, row.task, labels]).to_string();
                    digest.update(text.len().to_le_bytes());
                    digest.update(text);
                    // 64 bits of each are enough to notice, and little to hold.
                    let new = row.id.as_ref().is_none_or(|id| ids.insert(short(id)));
                    survey.repeated_ids += u64::from(!new);
                    for (count, rubric) in survey.labelled.iter_mut().zip(&spec.rubrics) {
                        *count += u64::from(labels.contains_key(&rubric.name));
                    }
                    there.extend(row.labels.into_keys());
                    fitting += u64::from(row.task.contains_key("responseA") == spec.compares());
                }
                Err(bad) => {
                    digest.update(&bad.reason);
                    survey.bad += 1;
                    survey.first_bad.get_or_insert(bad);
                }
            }
            ControlFlow::Continue(())
        });
        read.map_err(|e| Stop::Fault(format!("the data cannot be read: {e}")))?;
        survey.digest = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        if survey.labelled.iter().all(|count| *count == 0) {
            survey.unused = there.into_iter().filter(|name: &String| !name.is_empty()).collect();
        }
        survey.check(spec, fitting)?;
        Ok(survey)
    }

    fn check(&self, spec: &Spec, fitting: u64) -> Result<(), Stop> {
        let fault = |what: String| Err(Stop::Fault(what));
        match &self.first_bad {
            _ if self.rows == 0 => return fault("the data has no rows".into()),
            Some(BadRow { line, reason, .. }) if self.bad == self.rows => {
                return fault(format!("no row of the data can be judged; of line {line}, {reason}"));
            }
            _ => {}
        }
        if fitting == 0 {
            return fault(match spec.compares() {
                true => "the rows have one response each: compare needs two, so name them with a map, such as responseA=first,responseB=second, or choose another task".into(),
                false => "the rows have two responses each, which are for the task `compare`; a map such as response=NAME chooses one".into(),
            });
        }
        for (count, rubric) in self.labelled.iter().zip(&spec.rubrics) {
            let asked = spec.labelled.contains(&rubric.name) || spec.labelled.contains(&String::new());
            if *count == 0 && asked {
                return fault(format!(
                    "no row has a label in the columns that `labels` names for {:?}",
                    rubric.name
                ));
            }
        }
        if let Some(name) = spec
            .labelled
            .iter()
            .find(|name| !name.is_empty() && spec.rubrics.iter().all(|rubric| rubric.name != **name))
        {
            return fault(format!("`labels` has {name:?}, and no rubric has this name"));
        }
        Ok(())
    }

    /// What a user should know of the data, in words.
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        if let Some(BadRow { line, reason, .. }) = &self.first_bad {
            remarks.push(format!(
                "{} of {} rows cannot be judged, the first in line {line}: {reason}",
                self.bad, self.rows
            ));
        }
        if self.repeated_ids > 0 {
            remarks.push(format!(
                "{} rows have the id of another row; the report numbers them",
                self.repeated_ids
            ));
        }
        if !self.unused.is_empty() {
            let names = self.unused.join(", ");
            remarks.push(format!(
                "no labels are used; there are some of {names}: give a rubric one of these names"
            ));
        }
        remarks
    }
}

fn short(text: &str) -> u64 {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

impl Spec {
    pub fn compares(&self) -> bool {
        self.rubrics.iter().any(|rubric| matches!(rubric.task, Task::Compare(_)))
    }

    /// Prints how the data is read.
    pub fn preview(&self) -> Result<(), Stop> {
        let failed = |e: io::Error| Stop::Fault(format!("the data cannot be read: {e}"));
        println!("format: {:?}, {}", self.data.format(), self.data.shape().name());
        for (field, column) in self.data.columns().map_err(failed)? {
            println!("{field} = {column}");
        }
        self.rows(&mut |number, row| {
            match row {
                Ok(Prepared { row, labels }) => {
                    println!(
                        "\nrow {}, line {}{}",
                        number + 1,
                        row.line,
                        row.id.map_or(String::new(), |id| format!(", id {id}"))
                    );
                    for (field, value) in row.task.iter().chain(&labels) {
                        let label = if labels.contains_key(field) { "label " } else { "" };
                        println!("  {label}{field}: {}", shortened(&value.to_string()));
                    }
                }
                Err(bad) => println!("\nrow {}, line {}: {}", number + 1, bad.line, bad.reason),
            }
            if number >= 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .map_err(failed)
    }
}

fn shortened(text: &str) -> String {
    const MOST: usize = 200;
    match text.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_string(),
    }
}
