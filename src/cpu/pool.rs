//! Threads that help another one with its work. They are started elsewhere: in WebAssembly only the host can start a thread.

use std::cell::UnsafeCell;
use std::hint::spin_loop;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Looks before a thread sleeps: some 10 µs. The next product of a forward pass mostly comes sooner, and waking takes longer.
const LOOKS: usize = 1 << 12;
/// The gate's bit that says that helpers may enter. The others count those inside.
const OPEN: u32 = 1 << 31;

/// One job at a time, whose parts the threads take one by one.
pub struct Pool {
    /// The job, whole while the gate is open or somebody is inside.
    each: UnsafeCell<Option<&'static (dyn Fn(usize) + Sync)>>,
    parts: AtomicUsize,
    next: AtomicUsize,
    /// Most helpers that the job wants.
    most: AtomicU32,
    gate: AtomicU32,
    /// Counts jobs; helpers sleep until it changes.
    round: AtomicU32,
    /// Helpers that sleep.
    asleep: Mutex<usize>,
    woken: Condvar,
    emptied: Condvar,
    helpers: AtomicUsize,
    failed: AtomicBool,
    /// Held by the thread whose job it is.
    turn: Mutex<()>,
}

// SAFETY: `each` is written only by the holder of `turn`, while the gate is closed and nobody inside.
unsafe impl Sync for Pool {}

impl Pool {
    pub const fn new() -> Pool {
        Pool {
            each: UnsafeCell::new(None),
            parts: AtomicUsize::new(0),
            next: AtomicUsize::new(0),
            most: AtomicU32::new(0),
            gate: AtomicU32::new(0),
            round: AtomicU32::new(0),
            asleep: Mutex::new(0),
            woken: Condvar::new(),
            emptied: Condvar::new(),
            helpers: AtomicUsize::new(0),
            failed: AtomicBool::new(false),
            turn: Mutex::new(()),
        }
    }

    /// Threads that help.
    pub fn helpers(&self) -> usize {
        self.helpers.load(Acquire)
    }

    /// Calls `each` once with every number below `parts`, on this thread and at most `most` helpers.
    ///
    /// # Panics
    /// If a helper has failed: its part was not computed.
    pub fn run(&self, parts: usize, most: usize, each: &(dyn Fn(usize) + Sync)) {
        let _turn = lock(&self.turn);
        // SAFETY: `Closing` lets nobody out of this function before the last helper has left the job.
        let each =
            unsafe { std::mem::transmute::<&(dyn Fn(usize) + Sync), &'static (dyn Fn(usize) + Sync)>(each) };
        // SAFETY: it is this thread's turn, the gate is closed, and nobody is inside.
        unsafe { *self.each.get() = Some(each) };
        self.parts.store(parts, Relaxed);
        self.next.store(0, Relaxed);
        self.most.store(u32::try_from(most).unwrap_or(u32::MAX).min(OPEN - 1), Relaxed);
        self.gate.store(OPEN, Release);
        let closing = Closing(self);
        self.round.fetch_add(1, AcqRel);
        if *lock(&self.asleep) > 0 {
            self.woken.notify_all();
        }
        self.work(each);
        drop(closing);
        assert!(!self.failed.load(Acquire), "a thread of the CPU backend has failed");
    }

    /// A thread will help.
    pub fn join(&self) {
        self.helpers.fetch_add(1, AcqRel);
    }

    /// Helps for ever, after [`Pool::join`].
    pub fn help(&self) -> ! {
        let mut round = 0;
        loop {
            round = self.after(round);
            if self.enter() {
                // SAFETY: the job is whole while this thread is inside.
                if let Some(each) = unsafe { *self.each.get() } {
                    self.work(each);
                }
                self.leave();
            }
        }
    }

    /// Called for a helper that failed within its part, by what is left of its thread.
    pub fn fail(&self) {
        self.helpers.fetch_sub(1, AcqRel);
        self.failed.store(true, Release);
        self.leave();
    }

    fn work(&self, each: &(dyn Fn(usize) + Sync)) {
        let parts = self.parts.load(Relaxed);
        loop {
            match self.next.fetch_add(1, Relaxed) {
                part if part < parts => each(part),
                _ => return,
            }
        }
    }

    /// Waits for a job after that of `round`.
    fn after(&self, round: u32) -> u32 {
        let now = || Some(self.round.load(Acquire)).filter(|now| *now != round);
        if let Some(now) = look(now) {
            return now;
        }
        let mut asleep = lock(&self.asleep);
        *asleep += 1;
        loop {
            if let Some(now) = now() {
                *asleep -= 1;
                return now;
            }
            asleep = self.woken.wait(asleep).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Enters a job that still wants help.
    fn enter(&self) -> bool {
        let wanted = |gate| (gate & OPEN != 0 && gate & !OPEN < self.most.load(Relaxed)).then(|| gate + 1);
        self.gate.fetch_update(AcqRel, Acquire, wanted).is_ok()
    }

    fn leave(&self) {
        // Closed, and this was the last one inside.
        if self.gate.fetch_sub(1, AcqRel) == 1 {
            drop(lock(&self.asleep));
            self.emptied.notify_one();
        }
    }
}

/// Closes the gate, and waits until nobody is inside.
struct Closing<'a>(&'a Pool);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        let Closing(pool) = self;
        let empty = || (pool.gate.load(Acquire) == 0).then_some(());
        if pool.gate.fetch_and(!OPEN, AcqRel) == OPEN || look(empty).is_some() {
            return;
        }
        let mut asleep = lock(&pool.asleep);
        while empty().is_none() {
            asleep = pool.emptied.wait(asleep).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Looks a while for what is about to come.
fn look<T>(what: impl Fn() -> Option<T>) -> Option<T> {
    (0..LOOKS).find_map(|_| {
        spin_loop();
        what()
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::thread;
    use std::time::Duration;

    fn pool(helpers: usize) -> &'static Pool {
        let pool: &'static Pool = Box::leak(Box::new(Pool::new()));
        for _ in 0..helpers {
            pool.join();
            thread::spawn(|| pool.help());
        }
        pool
    }

    #[test]
    fn every_part_is_computed_once() {
        for helpers in [0, 1, 2, 5] {
            let pool = pool(helpers);
            for round in 0..2_000 {
                let (parts, most) = (round % 17, round % 4);
                let counts: Vec<_> = (0..parts).map(|_| AtomicUsize::new(0)).collect();
                pool.run(parts, most, &|part| {
                    counts[part].fetch_add(1, Relaxed);
                });
                assert!(counts.iter().all(|count| count.load(Relaxed) == 1), "{helpers} {round}");
                if round % 500 == 0 {
                    // Long enough for all to fall asleep.
                    thread::sleep(Duration::from_millis(5));
                }
            }
        }
    }

    #[test]
    fn no_more_help_than_was_asked_for() {
        let pool = pool(4);
        let (inside, highest) = (AtomicUsize::new(0), AtomicUsize::new(0));
        for most in 0..4 {
            highest.store(0, Relaxed);
            pool.run(20, most, &|_| {
                highest.fetch_max(inside.fetch_add(1, Relaxed) + 1, Relaxed);
                thread::sleep(Duration::from_millis(1));
                inside.fetch_sub(1, Relaxed);
            });
            assert!(highest.load(Relaxed) <= most + 1, "{most}");
        }
    }

    #[test]
    fn several_threads_take_turns() {
        let pool = pool(2);
        let sum = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        pool.run(10, 2, &|part| {
                            sum.fetch_add(part, Relaxed);
                        });
                    }
                });
            }
        });
        assert_eq!(sum.into_inner(), 4 * 500 * 45);
    }

    #[test]
    fn the_failure_of_a_helper_ends_the_job_with_a_word() {
        let pool: &'static Pool = Box::leak(Box::new(Pool::new()));
        let here = thread::current().id();
        pool.join();
        let helper = thread::spawn(|| {
            let failed = catch_unwind(AssertUnwindSafe(|| -> () { pool.help() }));
            assert!(failed.is_err());
            pool.fail();
        });
        let job = || {
            pool.run(1_000, 1, &|_| {
                assert!(thread::current().id() == here, "a fault in a kernel");
                thread::sleep(Duration::from_micros(100));
            });
        };
        let panic = catch_unwind(AssertUnwindSafe(job)).unwrap_err();
        assert!(panic.downcast_ref::<&str>().is_some_and(|text| text.contains("has failed")));
        helper.join().unwrap();
        assert_eq!(pool.helpers(), 0);
    }

    #[test]
    fn a_failure_of_the_caller_leaves_the_pool_usable() {
        let pool = pool(2);
        for _ in 0..20 {
            let here = thread::current().id();
            let job = || pool.run(100, 2, &|part| assert!(part < 50 || thread::current().id() != here));
            let _ = catch_unwind(AssertUnwindSafe(job));
        }
        let sum = AtomicUsize::new(0);
        pool.run(10, 2, &|part| {
            sum.fetch_add(part, Relaxed);
        });
        assert_eq!(sum.into_inner(), 45);
    }
}
