//! Evaluations: how far a judge agrees with people, and how sure one may be of it.
//!
//! Rows with verdicts and human labels (`row`) become a sample for each rubric (`sample`), that its figures (`figure`, which
//! `measure` computes) with their baselines and ceilings (`baseline`), and all of them a [`Report`] (`section`, `evaluate`), with
//! the figures of each kind of rows (`slices`) and a leaderboard of who wrote the responses (`arena`). `paired` compares two runs
//! on the same rows, `comparison` several. `probe` looks for biases by changing rows, `self_preference` for one that needs no
//! change. `run` is what terminal and package share of a run over a data set. The formulas are in
//! [`statistics`](crate::statistics).

mod arena;
mod baseline;
mod comparison;
pub mod dataset;
mod evaluate;
mod figure;
mod grade;
mod measure;
mod metric;
mod paired;
mod pairs;
pub mod probe;
mod render;
mod report;
mod row;
pub mod run;
mod sample;
mod section;
mod self_preference;
mod settings;
mod slices;

pub use comparison::{ComparedFigure, ComparedSection, Comparison, Drop, Flip, Run};
pub use metric::Metric;
pub use paired::{Difference, Paired, PairedSection, Test, TestMethod};
pub use report::{
    Baseline, BaselineName, Bin, Check, Confusion, Counts, Effect, Estimate, Figure, Interval, LabelFigures,
    Leaderboard, Method, Raters, Rating, Report, Row, Section, Slice, System, VERSION,
};
pub use row::{Classified, Compared, Grade, Graded, Scored, Shown, Task};
pub use settings::{MOST_ROWS, Settings, Threshold};
