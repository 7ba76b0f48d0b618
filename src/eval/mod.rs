//! Evaluations: how far a judge agrees with people, and how sure one may be of it.
//!
//! Rows with verdicts and human labels (`row`) become a [`Report`] (`report`): figures with intervals, baselines and a
//! ceiling.

mod metric;
mod pairs;
mod report;
mod row;
mod settings;

pub use metric::Metric;
pub use report::{
    Baseline, BaselineName, Bin, Check, Confusion, Counts, Figure, Interval, LabelFigures, Method, Raters,
    Report, Row, Section, Task, VERSION,
};
pub use row::{Classified, Compared, Grade, Graded, Scored, Shown};
pub use settings::{MOST_ROWS, Settings, Threshold};
