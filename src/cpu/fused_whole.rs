//! Quantized GEMV on vectors of 128 bits: [`super::fused`] with less to do for each group of weights.
//!
//! What counts on such vectors is the number of instructions. Where scales are whole numbers, quants are multiplied with them as they
//! are read, and a run of groups is added up in 32 bits. Where each group has a scale in half precision, four become `f32` at once.

use super::formats::{Format, Steps};
use super::kernel::Kernel;
use super::quants::{Base, Quants, widen_four};
use super::weight::CpuWeight;
use super::whole::{GROUP, Rows, shared};
use std::ops::Range;
use wide::{f32x4, f32x8, i32x4, i32x8};

/// `y[n, wanted] = x[n, cols] · wᵀ` for some rows of a matrix of blocks.
pub(super) struct Product<'a> {
    pub w: &'a CpuWeight,
    pub x: &'a Rows,
    pub wanted: Range<usize>,
    pub y: &'a mut [f32],
}

impl Kernel for Product<'_> {
    #[inline(always)]
    fn run<F: Format, Q: Quants>(self) {
        if F::CODED {
            return;
        }
        let Product { w, x, wanted, y } = self;
        let stride = wanted.len();
        for (at, row) in wanted.enumerate() {
            let blocks = w.row_bytes(row);
            for (part, y) in y.chunks_mut(4 * stride).enumerate() {
                let (first, rows, y) = (4 * part, y.len() / stride, &mut y[at..]);
                match rows {
                    1 => few::<F, 1>(blocks, x, first, y, stride),
                    2 => few::<F, 2>(blocks, x, first, y, stride),
                    3 => {
                        // Not often enough for four kilobytes more of the wasm module.
                        few::<F, 2>(blocks, x, first, y, stride);
                        few::<F, 1>(blocks, x, first + 2, &mut y[2 * stride..], stride);
                    }
                    _ => few::<F, 4>(blocks, x, first, y, stride),
                }
            }
        }
    }
}

/// Some rows of `x`.
struct Part<'a, const T: usize> {
    values: [&'a [[i16; GROUP]]; T],
    scales: [&'a [f32]; T],
    sums: [&'a [f32]; T],
}

impl<'a, const T: usize> Part<'a, T> {
    /// `T` rows from the `first` on, of which each has so many groups.
    #[inline(always)]
    fn new<F: Format>(x: &'a Rows, first: usize, groups: usize) -> Part<'a, T> {
        let (scales, sums) =
            (groups / F::RUN.max(1), if F::OFFSETS { groups * GROUP / shared::<F>() } else { 0 });
        Part {
            values: std::array::from_fn(|t| &x.values.as_chunks().0[(first + t) * groups..][..groups]),
            scales: std::array::from_fn(|t| &x.scales[(first + t) * scales..][..scales]),
            sums: std::array::from_fn(|t| &x.sums[(first + t) * sums..][..sums]),
        }
    }
}

/// One row of `W` with `T` rows of `x`; results are `stride` apart. Each is made in the same order whatever `T`.
///
/// Not inlined: compilers of WebAssembly allot registers badly in large functions.
#[inline(never)]
fn few<F: Format, const T: usize>(blocks: &[u8], x: &Rows, first: usize, y: &mut [f32], stride: usize) {
    let x = Part::<T>::new::<F>(x, first, blocks.len() / F::BYTES * F::GROUPS);
    let mut sums = [f32x4::ZERO; T];
    if F::GROUPS == 1 {
        let fours = blocks.chunks_exact(4 * F::BYTES);
        let rest = fours.remainder();
        for (i, four) in fours.enumerate() {
            add_four::<F, T>(four, &x, 4 * i, &mut sums);
        }
        let from = blocks.len() / F::BYTES / 4 * 4;
        for (i, block) in rest.chunks_exact(F::BYTES).enumerate() {
            add_one::<F, T>(block, &x, from + i, &mut sums);
        }
    } else {
        for (i, block) in blocks.chunks_exact(F::BYTES).enumerate() {
            add_runs::<F, T>(block, &x, i, &mut sums);
        }
    }
    for (t, sum) in sums.into_iter().enumerate() {
        y[t * stride] = sum.reduce_add();
    }
}

/// What stands there, once with each number from 0 to 7: where it is a loop, compilers leave it one.
macro_rules! unrolled {
    ($i:ident => $body:expr) => {
        unrolled!($i => $body; 0 1 2 3 4 5 6 7)
    };
    ($i:ident => $body:expr; $($at:literal)*) => {{
        $({ let $i: usize = $at; $body })*
    }};
}

/// Four blocks of one group, from the `at`th on.
#[inline(always)]
fn add_four<F: Format, const T: usize>(four: &[u8], x: &Part<T>, at: usize, sums: &mut [f32x4; T]) {
    let block = |i: usize| &four[i * F::BYTES..][..F::BYTES];
    let halves = |part: usize| widen_four([0, 1, 2, 3].map(|i| F::halves(block(i))[part]));
    let factors = halves(0);
    let mut scales = [f32x4::ZERO; T];
    for t in 0..T {
        scales[t] = factors * f32x4::new(*four_of(x.scales[t], at));
        if F::OFFSETS {
            sums[t] += halves(1) * f32x4::new(*four_of(x.sums[t], at));
        }
    }
    unrolled!(i => if i < 4 {
        let quants = F::quants::<Base>(block(i), 0);
        for (t, sum) in sums.iter_mut().enumerate() {
            // SAFETY: `Part::new` cut rows of as many groups as there are blocks. A check here costs a tenth of the time.
            let whole = quants.add_whole(unsafe { x.values[t].get_unchecked(at + i) }, i32x4::ZERO);
            *sum += f32x4::from_i32x4(whole) * f32x4::splat(scales[t].to_array()[i]);
        }
    });
}

#[inline(always)]
fn four_of(values: &[f32], at: usize) -> &[f32; 4] {
    values[at..].first_chunk().expect("as many as blocks")
}

/// A block of one group.
#[inline(always)]
fn add_one<F: Format, const T: usize>(block: &[u8], x: &Part<T>, at: usize, sums: &mut [f32x4; T]) {
    let [factor, offset] = F::halves(block).map(Base::widen);
    let quants = F::quants::<Base>(block, 0);
    for (t, sum) in sums.iter_mut().enumerate() {
        let whole = quants.add_whole(&x.values[t][at], i32x4::ZERO);
        *sum += f32x4::from_i32x4(whole) * f32x4::splat(factor * x.scales[t][at]);
        if F::OFFSETS {
            *sum += f32x4::new([offset * x.sums[t][at], 0.0, 0.0, 0.0]);
        }
    }
}

/// The `at`th block, which has scales in whole numbers.
#[inline(always)]
fn add_runs<F: Format, const T: usize>(block: &[u8], x: &Part<T>, at: usize, sums: &mut [f32x4; T]) {
    let steps = F::steps::<Base>(block);
    let runs = F::GROUPS / F::RUN.max(1);
    unrolled!(run => if run < runs {
        let mut whole = [i32x4::ZERO; T];
        unrolled!(i => if i < F::RUN {
            let g = run * F::RUN + i;
            let quants = F::quants::<Base>(block, g).times(steps.of_group::<F>(g));
            for (t, whole) in whole.iter_mut().enumerate() {
                // SAFETY: `Part::new` cut rows of as many groups as the blocks have. A check here costs a tenth of the time.
                *whole = quants.add_whole(unsafe { x.values[t].get_unchecked(at * F::GROUPS + g) }, *whole);
            }
        });
        for (t, sum) in sums.iter_mut().enumerate() {
            // SAFETY: as above, and of each run a scale.
            let scale = steps.units[0] * unsafe { x.scales[t].get_unchecked(at * runs + run) };
            *sum += f32x4::from_i32x4(whole[t]) * f32x4::splat(scale);
        }
    });
    if F::OFFSETS {
        let of_block = F::GROUPS * GROUP / shared::<F>();
        for (t, sum) in sums.iter_mut().enumerate() {
            // SAFETY: as above, and of each group, or half of one, a sum.
            let of_x = unsafe { x.sums[t].get_unchecked(at * of_block..(at + 1) * of_block) };
            *sum += products(&steps, of_x) * f32x4::splat(steps.units[1]);
        }
    }
}

/// The products of a block's offsets with the sums of what they are added to.
#[inline(always)]
fn products(steps: &Steps, sums: &[f32]) -> f32x4 {
    let mut total = f32x8::ZERO;
    for (sums, offsets) in sums.as_chunks::<8>().0.iter().zip(steps.offsets) {
        total += f32x8::from_i32x8(i32x8::from_i16x8(offsets)) * f32x8::new(*sums);
    }
    let [low, high]: [f32x4; 2] = bytemuck::cast(total);
    low + high
}
