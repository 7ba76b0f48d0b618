//! Threads that share the rows of a product, or the heads of attention. In WebAssembly there is one.

use crate::{Error, Result};
use std::ops::Range;

/// The threads of a model.
pub struct Threads {
    #[cfg(not(target_arch = "wasm32"))]
    pool: Option<rayon::ThreadPool>,
}

/// Computes on the thread that asks.
pub static ONE_THREAD: Threads = Threads {
    #[cfg(not(target_arch = "wasm32"))]
    pool: None,
};

/// Below so many multiplications a thread would take longer to wake than to compute: some 40 µs.
#[cfg(not(target_arch = "wasm32"))]
const WORTH_SHARING: usize = 1 << 20;
/// Parts that a thread gets on average: where another program takes a core for a while, the others take over.
#[cfg(not(target_arch = "wasm32"))]
const PARTS: usize = 4;

#[cfg(not(target_arch = "wasm32"))]
impl Threads {
    /// As many as asked for, else as many as the machine runs at once.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for none or far too many, [`Error::OutOfMemory`] where the system gives none.
    pub fn new(wanted: Option<usize>) -> Result<Threads> {
        const MOST: usize = 256;
        let here = || std::thread::available_parallelism().map_or(1, |most| most.get().min(MOST));
        match wanted.unwrap_or_else(here) {
            1 => Ok(Threads { pool: None }),
            n @ 2..=MOST => rayon::ThreadPoolBuilder::new()
                .num_threads(n)
                .thread_name(|i| format!("lunette-{i}"))
                .build()
                .map(|pool| Threads { pool: Some(pool) })
                .map_err(|e| Error::OutOfMemory(format!("{n} threads could not be started: {e}"))),
            n => Err(Error::InvalidArgument(format!("`threads` is {n}; it can be 1 to {MOST}"))),
        }
    }

    pub fn count(&self) -> usize {
        self.pool.as_ref().map_or(1, rayon::ThreadPool::current_num_threads)
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
        let width = columns.div_ceil(self.count() * PARTS).next_multiple_of(step);
        match &self.pool {
            Some(pool) if cost >= WORTH_SHARING && width < columns => on_pool(pool, y, columns, width, part),
            _ => part(0..columns, y),
        }
    }
}

/// Of several rows each part into memory of its own, since its columns are not one slice of `y`.
#[cfg(not(target_arch = "wasm32"))]
fn on_pool(
    pool: &rayon::ThreadPool,
    y: &mut [f32],
    columns: usize,
    width: usize,
    part: impl Fn(Range<usize>, &mut [f32]) + Sync,
) {
    use rayon::prelude::*;
    let rows = y.len() / columns;
    if rows == 1 {
        let each = |(i, y): (usize, &mut [f32])| part(i * width..i * width + y.len(), y);
        return pool.install(|| y.par_chunks_mut(width).enumerate().for_each(each));
    }
    let compute = |i: usize| {
        let range = i * width..columns.min((i + 1) * width);
        let mut own = vec![0.0; rows * range.len()];
        part(range.clone(), &mut own);
        (range, own)
    };
    let parts = columns.div_ceil(width);
    let done: Vec<_> = pool.install(|| (0..parts).into_par_iter().map(compute).collect());
    for (range, own) in done {
        for (to, from) in y.chunks_exact_mut(columns).zip(own.chunks_exact(range.len())) {
            to[range.clone()].copy_from_slice(from);
        }
    }
}

#[cfg(target_arch = "wasm32")]
impl Threads {
    /// # Errors
    /// [`Error::InvalidArgument`] for another number than 1.
    pub fn new(wanted: Option<usize>) -> Result<Threads> {
        match wanted {
            None | Some(1) => Ok(Threads {}),
            Some(n) => Err(Error::InvalidArgument(format!("`threads` is {n}; WebAssembly has 1"))),
        }
    }

    pub fn count(&self) -> usize {
        1
    }

    pub(super) fn columns(
        &self,
        y: &mut [f32],
        columns: usize,
        _step: usize,
        _cost: usize,
        part: impl Fn(Range<usize>, &mut [f32]),
    ) {
        part(0..columns, y);
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
