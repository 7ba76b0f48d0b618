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
}

impl Progress {
    pub fn new(quiet: bool, wanted: bool) -> Progress {
        let mode = match (quiet, wanted, stderr().is_terminal()) {
            (true, ..) => Mode::Quiet,
            (_, _, true) => Mode::Terminal,
            (_, true, false) => Mode::Lines,
            _ => Mode::Summary,
        };
        Progress { mode, start: Instant::now(), shown: None }
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
        let start = self.start;
        self.show(|| rows(tally, start.elapsed()));
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
    format!("{}; {:.1} s, {rate:.2} rows/s", parts.join(", "), took.as_secs_f64())
}
