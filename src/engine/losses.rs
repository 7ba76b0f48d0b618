//! How often a device may be lost before the model runs on the CPU.

use std::collections::VecDeque;
use std::time::Duration;
use web_time::Instant;

/// Older losses do not count.
const WINDOW: Duration = Duration::from_secs(60);

/// After so many losses within the window the model moves to the CPU.
const MOST: usize = 3;

/// The limit for devices that somebody destroyed: that says nothing about the GPU, but must not be retried without end.
const MOST_DESTROYED: usize = 12;

/// The losses of an engine.
#[derive(Debug, Default)]
pub(super) struct Losses {
    /// Those within the window: when, and whether somebody destroyed the device.
    recent: VecDeque<(Instant, bool)>,
    all: u32,
}

/// What to do about them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Try again after a while.
    Again(Duration),
    /// Use the CPU.
    GiveUp,
}

impl Losses {
    pub(super) fn note(&mut self, at: Instant, destroyed: bool) {
        self.recent.push_back((at, destroyed));
        self.all += 1;
    }

    /// All of them.
    pub(super) fn count(&self) -> u32 {
        self.all
    }

    pub(super) fn verdict(&mut self, now: Instant) -> Verdict {
        self.recent.retain(|(at, _)| now.saturating_duration_since(*at) < WINDOW);
        let destroyed = self.recent.iter().filter(|(_, destroyed)| *destroyed).count();
        verdict(self.recent.len() - destroyed, destroyed)
    }
}

/// Back-off: a GPU that has just been reset is left alone for a moment, longer with each loss.
fn verdict(failed: usize, destroyed: usize) -> Verdict {
    if failed >= MOST || destroyed >= MOST_DESTROYED {
        return Verdict::GiveUp;
    }
    Verdict::Again(Duration::from_millis([0, 250, 1000][failed]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_losses_within_a_minute_are_enough() {
        let start = Instant::now();
        let seconds = |s| start + Duration::from_secs(s);
        let again = |ms| Verdict::Again(Duration::from_millis(ms));
        let mut losses = Losses::default();
        for (at, destroyed, expected) in [
            (0, false, again(250)),
            (30, false, again(1000)),
            (61, false, again(1000)),
            (62, true, again(1000)),
            (63, false, Verdict::GiveUp),
            (64, true, Verdict::GiveUp),
            (200, false, again(250)),
        ] {
            losses.note(seconds(at), destroyed);
            assert_eq!(losses.verdict(seconds(at)), expected, "at {at} s");
        }
        assert_eq!(losses.count(), 7);
    }

    #[test]
    fn devices_that_are_destroyed_say_little_of_the_gpu() {
        let mut losses = Losses::default();
        let now = Instant::now();
        for n in 1..=12 {
            losses.note(now, true);
            let expected = if n < 12 { Verdict::Again(Duration::ZERO) } else { Verdict::GiveUp };
            assert_eq!(losses.verdict(now), expected);
        }
    }
}
