//! Quantized GEMV for few rows of `x`: blocks are multiplied as they are read.
//!
//! `x` is rounded to sixteen bits for it, with a scale for each 32 elements: whole numbers multiply and add in one
//! instruction, without any of the quants being converted. The rounding is that of a value 1/65534 as large as the
//! greatest of its 32, so that a sum's error stays near that of adding up in `f32`. A lane adds at most eight products
//! below 2²², far from the end of its 32 bits.

use super::formats::{Format, Scales};
use super::kernel::Kernel;
use super::quants::{Quants, Values, place};
use super::weight::CpuWeight;
use std::ops::Range;
use wide::f32x4;

/// Elements that are rounded with one scale.
const GROUP: usize = 32;

/// 32 elements of a row of `x`. A vector of 64 bytes is read at once where there are such.
#[cfg_attr(target_arch = "x86_64", repr(align(64)))]
pub(super) struct Rounded {
    values: Values,
    scale: f32,
    /// Of all, as rounded.
    sum: f32,
    /// Of the first 16 and of the others.
    halves: [f32; 2],
}

impl Rounded {
    fn new(x: &[f32; GROUP]) -> Rounded {
        let mut whole = [0i16; GROUP];
        let scale = rounded(x, &mut whole);
        let sum = |half: &[i16]| half.iter().map(|v| i32::from(*v)).sum::<i32>() as f32 * scale;
        let halves = [sum(&whole[..16]), sum(&whole[16..])];
        let values = Values(std::array::from_fn(|i| whole[place(i)]));
        Rounded { values, scale, sum: halves[0] + halves[1], halves }
    }
}

/// Rounds elements, a multiple of four, to sixteen bits, and returns what one of these is worth.
#[inline(always)]
pub(super) fn rounded(x: &[f32], out: &mut [i16]) -> f32 {
    let fours = x.as_chunks::<4>().0;
    let most = fours.iter().fold(f32x4::ZERO, |most, four| most.max(f32x4::new(*four).abs()));
    let most = most.as_array().iter().fold(0.0f32, |a, b| a.max(*b));
    // `max` ignores NaN, which must not be lost.
    let whole = x.iter().sum::<f32>().is_finite();
    let scale = if whole { most / f32::from(i16::MAX) } else { f32::NAN };
    let inverse = if most > 0.0 { 1.0 / scale } else { 0.0 };
    // The inverse of the least numbers is infinite: these become 0.
    let inverse = f32x4::splat(if inverse.is_finite() { inverse } else { 0.0 });
    for (four, out) in fours.iter().zip(out.as_chunks_mut::<4>().0) {
        *out = (f32x4::new(*four) * inverse).round_int().to_array().map(|v| v as i16);
    }
    scale
}

/// All rows of `x`, 32 elements after 32.
pub(super) fn round(x: &[f32]) -> Vec<Rounded> {
    x.as_chunks().0.iter().map(Rounded::new).collect()
}

/// `y[n, wanted] = x[n, cols] · wᵀ` for some rows of a matrix of blocks.
pub(super) struct Product<'a> {
    pub w: &'a CpuWeight,
    pub x: &'a [Rounded],
    pub wanted: Range<usize>,
    pub y: &'a mut [f32],
}

impl Kernel for Product<'_> {
    #[inline(always)]
    fn run<F: Format, Q: Quants>(self) {
        if Q::WHOLE && !F::CODED {
            // That is for `fused_whole`, and no code of this is wanted.
            return;
        }
        let Product { w, x, wanted, y } = self;
        let groups = w.cols / GROUP;
        let row_bytes = groups / F::GROUPS * F::BYTES;
        let stride = wanted.len();
        let blocks = &w.blocks()[wanted.start * row_bytes..wanted.end * row_bytes];
        for (at, blocks) in blocks.chunks_exact(row_bytes).enumerate() {
            for (x, y) in x.chunks(4 * groups).zip(y.chunks_mut(4 * stride)) {
                match x.len() / groups {
                    1 => columns::<F, Q, 1>(blocks, x, &mut y[at..], stride),
                    2 => columns::<F, Q, 2>(blocks, x, &mut y[at..], stride),
                    3 => columns::<F, Q, 3>(blocks, x, &mut y[at..], stride),
                    _ => columns::<F, Q, 4>(blocks, x, &mut y[at..], stride),
                }
            }
        }
    }
}

/// One row of `W` with `T` rows of `x`; results are `stride` apart. Each is made in the same order whatever `T`.
#[inline(always)]
fn columns<F: Format, Q: Quants, const T: usize>(blocks: &[u8], x: &[Rounded], y: &mut [f32], stride: usize) {
    let xs: [&[Rounded]; T] = std::array::from_fn(|t| &x[t * (x.len() / T)..][..x.len() / T]);
    assert!(xs.iter().all(|x| x.len() == blocks.len() / F::BYTES * F::GROUPS));
    let (mut sums, mut offsets) = ([Q::zero(); T], [0.0f32; T]);
    for (b, block) in blocks.chunks_exact(F::BYTES).enumerate() {
        let Scales { factors, offsets: minima } = F::scales::<Q>(block);
        // SAFETY: each row has as many groups as its blocks have, which was asserted. A check here costs a tenth of the time.
        let xs: [&[Rounded]; T] =
            std::array::from_fn(|t| unsafe { xs[t].get_unchecked(b * F::GROUPS..(b + 1) * F::GROUPS) });
        for g in 0..F::GROUPS {
            let quants = F::quants::<Q>(block, g);
            for t in 0..T {
                let x = &xs[t][g];
                sums[t] = if F::HALVES {
                    let factors = [factors[2 * g] * x.scale, factors[2 * g + 1] * x.scale];
                    quants.add::<true>(&x.values, factors, sums[t])
                } else {
                    quants.add::<false>(&x.values, [factors[g] * x.scale; 2], sums[t])
                };
                if F::OFFSETS && F::HALVES {
                    offsets[t] += minima[2 * g] * x.halves[0] + minima[2 * g + 1] * x.halves[1];
                } else if F::OFFSETS {
                    offsets[t] += minima[g] * x.sum;
                }
            }
        }
    }
    for t in 0..T {
        y[t * stride] = Q::total(sums[t]) + offsets[t];
    }
}

#[cfg(test)]
mod tests {
    use super::super::kernel::run;
    use super::super::vector::Level;
    use super::super::weight::{example, waves};
    use super::super::whole::Rows;
    use super::*;
    use crate::quant::BlockType;

    fn multiply(level: Level, w: &CpuWeight, x: &[f32]) -> Vec<f32> {
        let mut y = vec![1.0; x.len() / w.cols * w.rows];
        run(level, w.block_type, Product { w, x: &round(x), wanted: 0..w.rows, y: &mut y });
        y
    }

    fn on_all_levels() -> impl Iterator<Item = (Level, CpuWeight, Vec<f32>)> {
        let all = |level| matrices().map(move |(w, values)| (level, w, values));
        let whole = |w: &CpuWeight| Rows::for_few(&[], w.block_type).is_some();
        Level::all().into_iter().flat_map(all).filter(move |(level, w, _)| *level != Level::Base || !whole(w))
    }

    fn matrices() -> impl Iterator<Item = (CpuWeight, Vec<f32>)> {
        let quantized = BlockType::ALL.into_iter().filter(|t| t.block_len() > 1);
        quantized.map(|block_type| example(block_type, 7, 768))
    }

    #[test]
    fn products_are_those_of_the_values() {
        for (level, w, values) in on_all_levels() {
            let x = waves(6 * w.cols, 0.11);
            let y = multiply(level, &w, &x);
            for (x, y) in x.chunks_exact(w.cols).zip(y.chunks_exact(w.rows)) {
                for (row, got) in values.chunks_exact(w.cols).zip(y) {
                    let products = || row.iter().zip(x).map(|(w, x)| f64::from(*w) * f64::from(*x));
                    let (expected, size) = (products().sum::<f64>(), products().map(f64::abs).sum::<f64>());
                    // Of ternary weights most are 0: fewer roundings of x cancel out.
                    let right = (f64::from(*got) - expected).abs() <= 6e-6 * size;
                    assert!(right, "{:?} {level:?}: {got}, not {expected}", w.block_type);
                }
            }
        }
    }

    #[test]
    fn a_row_does_not_depend_on_its_neighbours() {
        for (level, w, _) in on_all_levels() {
            let x = waves(7 * w.cols, 0.23);
            let together = multiply(level, &w, &x);
            for (x, together) in x.chunks_exact(w.cols).zip(together.chunks_exact(w.rows)) {
                assert_eq!(multiply(level, &w, x), together, "{:?} {level:?}", w.block_type);
            }
        }
    }

    #[test]
    fn nothing_and_no_numbers() {
        for (level, w, _) in on_all_levels() {
            let what = format!("{:?} {level:?}", w.block_type);
            assert!(multiply(level, &w, &vec![0.0; w.cols]).iter().all(|y| *y == 0.0), "{what}");
            for strange in [f32::NAN, f32::INFINITY, f32::MIN_POSITIVE / 8.0] {
                let mut x = waves(w.cols, 0.5);
                x[40] = strange;
                let finite = multiply(level, &w, &x).iter().all(|y| y.is_finite());
                assert_eq!(finite, strange.is_finite(), "{what} {strange}");
            }
        }
    }
}
