//! How far a run has come, on stderr.

use crate::gate::Tally;
use lunette::model;
use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Nothing at all.
    Quiet,
    /// Only what it came to.
    Summary,
    /// A line from time to time.
    Lines,
    /// One line that changes.
    Terminal,
}

pub struct Progress {
    mode: Mode,
    start: Instant,
    shown: Option<Instant>,
    /// Rows to come to, where that is known.
    total: Option<u64>,
}

impl Progress {
    pub fn new(quiet: bool, wanted: bool) -> Progress {
        let mode = match (quiet, wanted, stderr().is_terminal()) {
            (true, ..) => Mode::Quiet,
            (_, _, true) => Mode::Terminal,
            (_, true, false) => Mode::Lines,
            _ => Mode::Summary,
        };
        Progress { mode, start: Instant::now(), shown: None, total: None }
    }

    /// There are this many rows: from now on it says how long they take.
    pub fn expect(&mut self, total: u64) {
        self.total = Some(total);
    }

    pub fn loading(&mut self, progress: model::Progress) {
        let percent = progress.total.map_or(0, |total| progress.loaded * 100 / total.max(1));
        match progress.phase {
            model::Phase::Download => self.show(|| format!("reading the model: {percent} %")),
            model::Phase::Compile => self.show(|| format!("preparing the GPU: {percent} %")),
            model::Phase::Ready => {}
        }
    }

    /// The model is loaded: rates are counted from here on.
    pub fn loaded(&mut self, what: impl FnOnce() -> String) {
        self.start = Instant::now();
        if matches!(self.mode, Mode::Lines | Mode::Terminal) {
            self.clear();
            say(&format!("lunette: {}\n", what()));
        }
    }

    pub fn rows(&mut self, tally: &Tally) {
        let (start, total) = (self.start, self.total);
        self.show(|| match total {
            Some(total) => outlook(tally, total, start.elapsed()),
            None => rows(tally, start.elapsed()),
        });
    }

    pub fn finish(mut self, tally: &Tally) {
        self.clear();
        if self.mode != Mode::Quiet {
            say(&format!("lunette: {}\n", rows(tally, self.start.elapsed())));
        }
    }

    /// Takes away the line that changes.
    pub fn clear(&mut self) {
        if self.mode == Mode::Terminal && self.shown.take().is_some() {
            say("\r\x1b[K");
        }
    }

    fn show(&mut self, text: impl FnOnce() -> String) {
        let pause = match self.mode {
            Mode::Terminal => Duration::from_millis(100),
            Mode::Lines => Duration::from_secs(5),
            Mode::Quiet | Mode::Summary => return,
        };
        if self.shown.is_some_and(|shown| shown.elapsed() < pause) {
            return;
        }
        self.shown = Some(Instant::now());
        match self.mode {
            Mode::Terminal => say(&format!("\r\x1b[K{}", text())),
            _ => say(&format!("lunette: {}\n", text())),
        }
    }
}

/// Where stderr is gone, nobody misses it.
fn say(text: &str) {
    let _ = stderr().write_all(text.as_bytes());
}

fn rows(tally: &Tally, took: Duration) -> String {
    let Tally { judged, failed, gated, resumed } = tally;
    let mut parts = vec![format!("{judged} rows judged")];
    for (count, what) in [(failed, "failed"), (gated, "of them gated"), (resumed, "answered before")] {
        if *count > 0 {
            parts.push(format!("{count} {what}"));
        }
    }
    let rate = (tally.rows() - resumed) as f64 / took.as_secs_f64().max(1e-3);
    // A slow run is not a fraction of a row.
    let rate = if rate < 1.0 { format!("{:.1} rows/min", rate * 60.0) } else { format!("{rate:.2} rows/s") };
    format!("{}; {:.1} s, {rate}", parts.join(", "), took.as_secs_f64())
}

/// How far it is, and how long it will take at the speed so far. Rows that were answered before cost nothing.
fn outlook(tally: &Tally, total: u64, took: Duration) -> String {
    let done = tally.rows();
    let fresh = done - tally.resumed;
    let minutes = took.as_secs_f64().max(1e-3) / 60.0;
    let rate = fresh as f64 / minutes;
    let left = match fresh {
        0 => "?".to_string(),
        _ => duration((total.saturating_sub(done)) as f64 / rate),
    };
    let failed = if tally.failed > 0 { format!(", {} failed", tally.failed) } else { String::new() };
    format!("{done} of {total} rows{failed}; {rate:.1} rows/min, {left} left")
}

fn duration(minutes: f64) -> String {
    match minutes {
        m if m < 1.0 => format!("{:.0} s", m * 60.0),
        m if m < 90.0 => format!("{m:.0} min"),
        m => format!("{:.1} h", m / 60.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_follows_from_the_rows_of_this_run() {
        let tally = Tally { judged: 55, failed: 5, gated: 0, resumed: 40 };
        let text = outlook(&tally, 100, Duration::from_secs(60));
        assert_eq!(text, "60 of 100 rows, 5 failed; 20.0 rows/min, 2 min left");
        let text = outlook(&Tally::default(), 100, Duration::ZERO);
        assert!(text.ends_with("? left"), "{text}");
        assert_eq!([0.5, 45.0, 600.0].map(duration), ["30 s", "45 min", "10.0 h"]);
    }
}
