//! Data sets: any bytes as each of the formats.

use crate::limits::within;
use lunette::eval::dataset::{Columns, Dataset, label};
use std::io::{BufRead, BufReader, Cursor};
use std::ops::ControlFlow;
use std::sync::Arc;

pub fn run(data: &[u8]) {
    let bytes: Arc<[u8]> = data.into();
    within((4 << 20) + data.len() * 1024, 2.0, || {
        for name in ["a.jsonl", "a.json", "a.csv", "a.tsv"] {
            let bytes = bytes.clone();
            let open = move || Ok(Box::new(BufReader::new(Cursor::new(bytes.clone()))) as Box<dyn BufRead>);
            if let Ok(dataset) = Dataset::new(open, name, None, Columns::new()) {
                read(&dataset);
            }
        }
    });
}

/// Every row has a task, and its labels are understood or refused.
fn read(dataset: &Dataset) {
    let labels = ["Yes".to_string(), "No".into()];
    let done = dataset.rows(&mut |row| {
        if let Ok(row) = row {
            assert!(row.task.contains_key("input"));
            for value in row.labels.values().flatten() {
                let _ = (label::score(value, 0.0, 1.0), label::class(value, &labels), label::winner(value));
            }
        }
        ControlFlow::Continue(())
    });
    assert!(done.is_ok(), "bytes in memory can be read");
}
