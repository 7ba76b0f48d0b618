//! A run over a data set: what its rows are judged for, and what its results say. Terminal and package share it.

mod fingerprint;
mod labels;
mod line;
mod terms;
mod worth;

pub use fingerprint::Fingerprint;
pub use labels::labels;
pub use line::{Line, Lines, settings};
pub use terms::{Asked, Terms};
pub use worth::Worth;
