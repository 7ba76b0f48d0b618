//! Rows as CSV (RFC 4180).

use crate::eval::report::Row;
use crate::eval::row::Task;

const COLUMNS: [&str; 20] = [
    "rubric",
    "id",
    "cluster",
    "slice",
    "task",
    "answer",
    "expected",
    "probabilityA",
    "consistent",
    "consensus",
    "human",
    "disagreement",
    "error",
    "distribution",
    "critique",
    "input",
    "response",
    "responseB",
    "system",
    "systemB",
];

pub fn table(rows: &[Row]) -> String {
    let mut table = line(&COLUMNS.map(String::from));
    for row in rows {
        table.push_str(&line(&cells(row)));
    }
    table
}

fn cells(row: &Row) -> [String; COLUMNS.len()] {
    let graded = &row.graded;
    let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    let optional = |value: &Option<String>| text(value.as_deref().unwrap_or_default());
    let system = |i: usize| text(graded.systems.get(i).map_or("", String::as_str));
    let response = |i: usize| text(graded.shown.responses.get(i).map_or("", String::as_str));
    let (expected, probability_a) = match graded.grade.task() {
        Task::Score => (graded.grade.number(), None),
        _ => (None, graded.grade.number()),
    };
    [
        text(&graded.rubric),
        text(&graded.id),
        optional(&graded.cluster),
        optional(&graded.slice),
        graded.grade.task().name().into(),
        optional(&graded.grade.answer()),
        number(expected),
        number(probability_a),
        graded.grade.consistent().map(|same| same.to_string()).unwrap_or_default(),
        optional(&row.consensus),
        json(&graded.grade.human()),
        number(row.disagreement),
        optional(&graded.error),
        json(&graded.grade.distribution()),
        optional(&graded.shown.critique),
        text(&graded.shown.input),
        response(0),
        response(1),
        system(0),
        system(1),
    ]
}

/// A text of the data. One that a spreadsheet would take for a formula begins with an apostrophe.
fn text(value: &str) -> String {
    let number = value.parse::<f64>().is_ok();
    match value.starts_with(['=', '+', '-', '@', '\t', '\r']) && !number {
        true => format!("'{value}"),
        false => value.into(),
    }
}

fn json<T: serde::Serialize>(value: &T) -> String {
    // Of numbers and texts, which are always written.
    serde_json::to_string(value).unwrap_or_default()
}

fn line(cells: &[String]) -> String {
    let quoted =
        cells.iter().map(|cell| match cell.contains([',', '"', '\n', '\r']) || cell.trim() != cell {
            true => format!("\"{}\"", cell.replace('"', "\"\"")),
            false => cell.clone(),
        });
    quoted.collect::<Vec<String>>().join(",") + "\r\n"
}
