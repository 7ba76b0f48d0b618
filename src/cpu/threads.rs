//! Threads that share the rows of a product, or the heads of attention.

use crate::{Error, Result};
use std::marker::PhantomData;
use std::ops::Range;

/// The threads of a model.
pub struct Threads(Team);

/// Computes on the thread that asks.
pub static ONE_THREAD: Threads = Threads(Team::ONE);

/// Most threads that can be asked for.
const MOST: usize = 256;
/// Below so many multiplications a thread would take longer to wake than to compute: some 40 µs.
const WORTH_SHARING: usize = if cfg!(target_arch = "wasm32") { 1 << 17 } else { 1 << 20 };
/// Parts that a thread gets on average: where another program takes a core for a while, the others take over.
const PARTS: usize = 4;

impl Threads {
    /// As many as asked for, else as many as the machine runs at once. In WebAssembly fewer, where the host starts no threads.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for none or far too many, [`Error::OutOfMemory`] where the system gives none.
    pub fn new(wanted: Option<usize>) -> Result<Threads> {
        match wanted {
            None | Some(1..=MOST) => Ok(Threads(Team::new(wanted)?)),
            Some(n) => Err(Error::InvalidArgument(format!("`threads` is {n}; it can be 1 to {MOST}"))),
        }
    }

    pub fn count(&self) -> usize {
        self.0.count()
    }

    /// Fills `y`, `[n, columns]`, with what `part` computes of some of its columns: `[n, those]`. What a column gets must not
    /// depend on the others, so that results are the same on any number of threads. `cost` is that of all, in
    /// multiplications; parts are multiples of `step` columns.
    pub(super) fn columns(
        &self,
        y: &mut [f32],
        columns: usize,
        step: usize,
        cost: usize,
        part: impl Fn(Range<usize>, &mut [f32]) + Sync,
    ) {
        let threads = self.count();
        let width = columns.div_ceil(threads * PARTS).next_multiple_of(step);
        if threads == 1 || cost < WORTH_SHARING || width >= columns {
            return part(0..columns, y);
        }
        let y = Columns { first: y.as_mut_ptr(), rows: y.len() / columns, columns, of: PhantomData };
        self.0.run(columns.div_ceil(width), &|i| {
            let range = i * width..columns.min((i + 1) * width);
            // SAFETY: each range is given once, and they do not overlap.
            unsafe { y.fill(range, &part) };
        });
    }
}

/// A matrix whose columns are filled by several threads.
struct Columns<'a> {
    first: *mut f32,
    rows: usize,
    columns: usize,
    of: PhantomData<&'a mut [f32]>,
}

// SAFETY: threads write to different columns.
unsafe impl Sync for Columns<'_> {}

impl Columns<'_> {
    /// # Safety
    /// No other thread may have any of these columns, which must exist.
    unsafe fn fill(&self, range: Range<usize>, part: &impl Fn(Range<usize>, &mut [f32])) {
        let row = |row: usize| {
            // SAFETY: within the matrix, and nobody else's.
            unsafe {
                std::slice::from_raw_parts_mut(self.first.add(row * self.columns + range.start), range.len())
            }
        };
        if self.rows == 1 {
            return part(range.clone(), row(0));
        }
        // The columns of several rows are not one slice.
        let mut own = vec![0.0; self.rows * range.len()];
        part(range.clone(), &mut own);
        for (i, from) in own.chunks_exact(range.len()).enumerate() {
            row(i).copy_from_slice(from);
        }
    }
}

/// Natively: threads of rayon, which are the model's own.
#[cfg(not(target_arch = "wasm32"))]
struct Team(Option<rayon::ThreadPool>);

#[cfg(not(target_arch = "wasm32"))]
impl Team {
    const ONE: Team = Team(None);

    fn new(wanted: Option<usize>) -> Result<Team> {
        let here = || std::thread::available_parallelism().map_or(1, |most| most.get().min(MOST));
        match wanted.unwrap_or_else(here) {
            1 => Ok(Team::ONE),
            n => rayon::ThreadPoolBuilder::new()
                .num_threads(n)
                .thread_name(|i| format!("lunette-{i}"))
                .build()
                .map(|pool| Team(Some(pool)))
                .map_err(|e| Error::OutOfMemory(format!("{n} threads could not be started: {e}"))),
        }
    }

    fn count(&self) -> usize {
        self.0.as_ref().map_or(1, rayon::ThreadPool::current_num_threads)
    }

    fn run(&self, parts: usize, each: &(dyn Fn(usize) + Sync)) {
        use rayon::prelude::*;
        match &self.0 {
            Some(pool) => pool.install(|| (0..parts).into_par_iter().for_each(each)),
            None => (0..parts).for_each(each),
        }
    }
}

/// In WebAssembly: those that the host has started, shared by all models of an instance. They may come at any time.
#[cfg(target_arch = "wasm32")]
struct Team {
    most: usize,
}

#[cfg(target_arch = "wasm32")]
pub static POOL: super::pool::Pool = super::pool::Pool::new();

/// Asks the host for threads: so many, or as many as it has cores.
#[cfg(target_arch = "wasm32")]
type Start = Box<dyn Fn(Option<usize>)>;

#[cfg(target_arch = "wasm32")]
thread_local! {
    static START: std::cell::RefCell<Option<Start>> = const { std::cell::RefCell::new(None) };
}

/// Tells how threads are started.
#[cfg(target_arch = "wasm32")]
pub fn start_threads_by(start: impl Fn(Option<usize>) + 'static) {
    START.set(Some(Box::new(start)));
}

#[cfg(target_arch = "wasm32")]
impl Team {
    const ONE: Team = Team { most: 1 };

    fn new(wanted: Option<usize>) -> Result<Team> {
        START.with_borrow(|start| {
            if let Some(start) = start {
                start(wanted);
            }
        });
        Ok(Team { most: wanted.unwrap_or(MOST) })
    }

    fn count(&self) -> usize {
        self.most.min(1 + POOL.helpers())
    }

    fn run(&self, parts: usize, each: &(dyn Fn(usize) + Sync)) {
        POOL.run(parts, self.most - 1, each);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_columns_are_computed_once() {
        for count in [1, 2, 3, 7] {
            let threads = Threads::new(Some(count)).unwrap();
            assert_eq!(threads.count(), count);
            for (rows, columns, step) in [(1, 1, 8), (3, 40, 8), (2, 1001, 8), (5, 64, 1)] {
                let mut y = vec![-1.0; rows * columns];
                threads.columns(&mut y, columns, step, usize::MAX, |range, y| {
                    assert!(range.start % step == 0 && y.len() == rows * range.len());
                    for (row, y) in y.chunks_exact_mut(range.len()).enumerate() {
                        y.iter_mut()
                            .zip(range.clone())
                            .for_each(|(y, column)| *y = (row * columns + column) as f32);
                    }
                });
                assert!(y.iter().enumerate().all(|(i, y)| *y == i as f32), "{count} {rows} {columns} {step}");
            }
        }
        for count in [0, 100_000] {
            assert!(matches!(Threads::new(Some(count)), Err(Error::InvalidArgument(_))));
        }
    }
}
