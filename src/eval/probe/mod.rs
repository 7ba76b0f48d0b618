//! Bias probes: rows are changed in a way that a fair judge does not mind, and judged again.
//!
//! `biases` and `attacks` have the changes as data, `change` makes them, `seen` reads verdicts, and `effect` measures how far the verdicts
//! moved. No probe needs labels. Who judges is the caller.

mod attacks;
mod biases;
mod change;
mod effect;
mod seen;
mod table;
mod variant;

pub use change::{Changed, Lane};
pub use effect::{Trial, effect};
pub use seen::{Reader, Seen};
pub use table::VARIANTS;
pub use variant::{Probe, Variant};
