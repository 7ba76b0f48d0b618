//! What is done with bytes that come from anywhere. Each module is a target: its `run` takes any bytes, and panics or
//! aborts where Lunette does not keep what it promises of hostile files.
//!
//! `cargo xtask fuzz` looks for such bytes; `tests/replay.rs` gives the targets all that were found, and the seeds.

pub mod adapter;
pub mod chat;
pub mod config;
pub mod constraint;
pub mod container;
pub mod dataset;
mod file;
pub mod judge;
mod limits;
pub mod load;
#[path = "../../tests/common/texts.rs"]
mod texts;
#[allow(dead_code)]
#[path = "../../tests/common/tiny.rs"]
mod tiny;
pub mod tokenizer;
pub mod verdict;

/// A target's name, and what it does with bytes.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 10] = [
    ("container", container::run),
    ("config", config::run),
    ("tokenizer", tokenizer::run),
    ("chat", chat::run),
    ("load", load::run),
    ("judge", judge::run),
    ("constraint", constraint::run),
    ("dataset", dataset::run),
    ("adapter", adapter::run),
    ("verdict", verdict::run),
];
