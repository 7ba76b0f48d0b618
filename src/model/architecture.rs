//! The architectures that are read, and what tells them apart.

use super::RopeStyle;

/// One of them, by the name that a file gives it (`general.architecture`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Architecture {
    pub name: &'static str,
    /// Which elements of a head are rotated together.
    pub rope_style: RopeStyle,
    /// Whether Q, K and V have biases (`blk.N.attn_q.bias` …).
    pub biases: bool,
}

const ALL: [Architecture; 2] = [
    Architecture { name: "llama", rope_style: RopeStyle::Interleaved, biases: false },
    Architecture { name: "qwen2", rope_style: RopeStyle::Halves, biases: true },
];

impl Architecture {
    pub fn named(name: &str) -> Option<Architecture> {
        ALL.into_iter().find(|architecture| architecture.name == name)
    }
}

/// Their names.
pub const ARCHITECTURES: [&str; ALL.len()] = {
    let mut names = [""; ALL.len()];
    let mut i = 0;
    while i < names.len() {
        names[i] = ALL[i].name;
        i += 1;
    }
    names
};
