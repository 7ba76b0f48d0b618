//! Memory and time that a target may take.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

/// The system's allocator, counting what a thread holds.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(isize::MAX) };
}

/// Counts `bytes` more. What is too much ends the program: an allocator cannot panic.
fn count(bytes: isize) {
    // Threads may free what they hold after their counters are gone.
    let held = HELD.try_with(|held| {
        held.set(held.get() + bytes);
        held.get()
    });
    if held.is_ok_and(|held| MOST.try_with(|most| held > most.get()).unwrap_or(false)) {
        let _ = MOST.try_with(|most| most.set(isize::MAX));
        eprintln!("too much memory: an allocation of {bytes} bytes");
        std::process::abort();
    }
}

// SAFETY: all is the system allocator's work; the counters allocate nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both may exist at once.
        count(size as isize);
        count(-(layout.size() as isize));
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// Runs `run`, which may hold `bytes` at any time and compute for `seconds`.
pub fn within<T>(bytes: usize, seconds: f64, run: impl FnOnce() -> T) -> T {
    MOST.set(HELD.get() + bytes as isize);
    let start = computed();
    let result = run();
    let took = computed() - start;
    MOST.set(isize::MAX);
    assert!(took.as_secs_f64() <= seconds, "too slow: {took:?}");
    result
}

/// Time that the processor spent on this thread: what a busy machine does beside it does not count.
fn computed() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is valid for the call to write to.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    assert_eq!(failed, 0, "this system does not count a thread's time");
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
