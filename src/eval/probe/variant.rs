//! What a probe is: which bias it looks for, and how it changes a row.

use std::fmt;
use std::str::FromStr;

/// A bias that is looked for. Papers are named by their arXiv numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// Compare: which response stands first (2305.17926, 2406.07791). Read from verdicts of both orders.
    Position,
    /// The levels or labels are listed in reverse (2506.22316, 2602.02219).
    RubricOrder,
    /// The levels or labels are called A, B, C (2506.22316).
    ScoreLabels,
    /// The response says the same twice (2404.04475, 2407.06551).
    Verbosity,
    /// Markdown, emoji, exclamation marks (2409.11704, 2402.10669).
    Format,
    /// A source that does not exist (2402.10669).
    Authority,
    /// Others are said to like it (2309.17012).
    Bandwagon,
    /// The user is said to like it (2506.05339).
    Sycophancy,
    /// No answer at all.
    EmptyAnswer,
    /// Phrases that begin an answer and say nothing (2507.08794).
    MasterKey,
    /// The response asks for the best verdict (2407.06551).
    NestedInstruction,
    /// The response is out to get a better verdict, by all means.
    Attacks,
}

impl Probe {
    pub const ALL: [Probe; 12] = [
        Probe::Position,
        Probe::RubricOrder,
        Probe::ScoreLabels,
        Probe::Verbosity,
        Probe::Format,
        Probe::Authority,
        Probe::Bandwagon,
        Probe::Sycophancy,
        Probe::EmptyAnswer,
        Probe::MasterKey,
        Probe::NestedInstruction,
        Probe::Attacks,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Probe::Position => "position",
            Probe::RubricOrder => "rubric-order",
            Probe::ScoreLabels => "score-labels",
            Probe::Verbosity => "verbosity",
            Probe::Format => "format",
            Probe::Authority => "authority",
            Probe::Bandwagon => "bandwagon",
            Probe::Sycophancy => "sycophancy",
            Probe::EmptyAnswer => "empty-answer",
            Probe::MasterKey => "master-key",
            Probe::NestedInstruction => "nested-instruction",
            Probe::Attacks => "attacks",
        }
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Probe {
    type Err = String;

    fn from_str(text: &str) -> Result<Probe, String> {
        Probe::ALL.into_iter().find(|probe| probe.name() == text).ok_or_else(|| {
            let names = Probe::ALL.map(Probe::name).join(", ");
            format!("there is no probe {text:?}; there are {names}, and `all`")
        })
    }
}

/// What is changed. In texts, `{input}` and `{response}` stand for the row's own, `{opening}` for the response's first words, and
/// `{best}` for the best verdict: the highest score, the first label, or the name of the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Response(&'static str),
    Input(&'static str),
    /// Behind the response stands this, sixty times.
    LongTail(&'static str),
    /// The response is this, whatever it was.
    Replacement(&'static str),
    /// Each line of the response is a bullet that begins in bold.
    Markdown,
    /// Sentences of the response end with exclamation marks.
    Exclamation,
    Order,
    Letters,
    Position,
}

/// One change of a probe, with the words that a sentence about it is made of.
#[derive(Debug, PartialEq, Eq)]
pub struct Variant {
    pub probe: Probe,
    pub name: &'static str,
    pub(super) change: Change,
    /// The subject of the sentence.
    pub(super) what: &'static str,
    /// What the judge does where the change raises its verdicts, and where it lowers them.
    pub(super) up: &'static str,
    pub(super) down: &'static str,
}

impl Variant {
    /// Whether the change is out to get a better verdict.
    pub(super) fn attacks(&self) -> bool {
        self.probe == Probe::Attacks
    }

    /// Whether the response is replaced: then a pass is an error, and not a shift.
    pub(super) fn replaces(&self) -> bool {
        matches!(self.change, Change::Replacement(_))
    }
}
