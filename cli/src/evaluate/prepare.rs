//! Rows before they are judged, with people's labels as the task takes them.

use super::spec::Spec;
use lunette::eval::dataset::{BadRow, Row};
use lunette::eval::run::labels;
use serde_json::{Map, Value};
use std::io;
use std::ops::ControlFlow;

/// A row that can be judged.
pub struct Prepared {
    pub row: Row,
    /// By rubric, one value for each rater, `null` where one said nothing.
    pub labels: Map<String, Value>,
}

impl Spec {
    /// Every row with its number, counted from 0, as far as the limit goes.
    pub fn rows(
        &self,
        each: &mut dyn FnMut(u64, Result<Prepared, BadRow>) -> ControlFlow<()>,
    ) -> io::Result<()> {
        let mut numbers = 0..self.limit.unwrap_or(u64::MAX);
        self.data.rows(&mut |row| match numbers.next() {
            Some(number) => each(number, row.and_then(|row| self.prepare(row))),
            None => ControlFlow::Break(()),
        })
    }

    pub fn prepare(&self, row: Row) -> Result<Prepared, BadRow> {
        let labels = labels(&row, &self.terms, &self.label_values)?;
        Ok(Prepared { row, labels })
    }
}
