//! Quantized GEMV for few rows of `x`: blocks are multiplied as they are read.
//!
//! `x` is rounded to sixteen bits for it, with a scale for each 32 elements: whole numbers multiply and add in one
//! instruction, without any of the quants being converted. The rounding is that of a value 1/65534 as large as the
//! greatest of its 32, so that a sum's error stays near that of adding up in `f32`. A lane adds at most eight products
//! below 2²², far from the end of its 32 bits.

use super::formats::{Format, Scales};
use super::weight::CpuWeight;
use std::ops::Range;
use wide::{f32x4, i16x8, i32x4};

/// Elements that are rounded with one scale.
const GROUP: usize = 32;

/// 32 elements of a row of `x`.
pub(super) struct Rounded {
    /// In the order that [`Format::quants`] gives the weights in.
    values: [i16x8; 4],
    scale: f32,
    /// Of the first 16 elements and of the others, as rounded.
    sums: [f32; 2],
}

impl Rounded {
    fn new(x: &[f32; GROUP]) -> Rounded {
        let fours = x.as_chunks::<4>().0;
        let most = fours.iter().fold(f32x4::ZERO, |most, four| most.max(f32x4::new(*four).abs()));
        let most = most.as_array().iter().fold(0.0f32, |a, b| a.max(*b));
        // `max` ignores NaN, which must not be lost.
        let whole = x.iter().sum::<f32>().is_finite();
        let scale = if whole { most / f32::from(i16::MAX) } else { f32::NAN };
        let inverse = if most > 0.0 { 1.0 / scale } else { 0.0 };
        // The inverse of the least numbers is infinite: these become 0.
        let inverse = f32x4::splat(if inverse.is_finite() { inverse } else { 0.0 });
        let mut rounded = [0i16; GROUP];
        for (four, out) in fours.iter().zip(rounded.as_chunks_mut::<4>().0) {
            *out = (f32x4::new(*four) * inverse).round_int().to_array().map(|v| v as i16);
        }
        let sum = |half: &[i16]| half.iter().map(|v| i32::from(*v)).sum::<i32>() as f32 * scale;
        let every_other = |from: usize| i16x8::new(std::array::from_fn(|i| rounded[from + 2 * i]));
        Rounded {
            values: [0, 1, 16, 17].map(every_other),
            scale,
            sums: [sum(&rounded[..16]), sum(&rounded[16..])],
        }
    }
}

/// All rows of `x`, 32 elements after 32.
pub(super) fn round(x: &[f32]) -> Vec<Rounded> {
    x.as_chunks().0.iter().map(Rounded::new).collect()
}

/// `y[n, wanted] = x[n, cols] · wᵀ` for some rows of a matrix of blocks.
pub(super) fn product<F: Format>(w: &CpuWeight, x: &[Rounded], wanted: Range<usize>, y: &mut [f32]) {
    let groups = w.cols / GROUP;
    let stride = wanted.len();
    for (at, r) in wanted.enumerate() {
        let blocks = w.row_bytes(r);
        for (x, y) in x.chunks(4 * groups).zip(y.chunks_mut(4 * stride)) {
            match x.len() / groups {
                1 => columns::<F, 1>(blocks, x, &mut y[at..], stride),
                2 => columns::<F, 2>(blocks, x, &mut y[at..], stride),
                3 => columns::<F, 3>(blocks, x, &mut y[at..], stride),
                _ => columns::<F, 4>(blocks, x, &mut y[at..], stride),
            }
        }
    }
}

/// One row of `W` with `T` rows of `x`; results are `stride` apart. Each is made in the same order whatever `T`.
#[inline]
fn columns<F: Format, const T: usize>(blocks: &[u8], x: &[Rounded], y: &mut [f32], stride: usize) {
    let xs: [&[Rounded]; T] = std::array::from_fn(|t| &x[t * (x.len() / T)..][..x.len() / T]);
    let mut sums = [f32x4::ZERO; T];
    let mut offsets = [0.0f32; T];
    for (b, block) in blocks.chunks_exact(F::BYTES).enumerate() {
        let Scales { factors, offsets: minima } = F::scales(block);
        let xs = xs.map(|x| &x[b * F::GROUPS..][..F::GROUPS]);
        for g in 0..F::GROUPS {
            let q = F::quants(block, g);
            for ((sum, offset), x) in sums.iter_mut().zip(&mut offsets).zip(xs) {
                let x = &x[g];
                let first = q[0].dot(x.values[0]) + q[1].dot(x.values[1]);
                let second = q[2].dot(x.values[2]) + q[3].dot(x.values[3]);
                if F::HALVES {
                    *sum += scaled(first, factors[2 * g] * x.scale);
                    *sum += scaled(second, factors[2 * g + 1] * x.scale);
                    if F::OFFSETS {
                        *offset += minima[2 * g] * x.sums[0] + minima[2 * g + 1] * x.sums[1];
                    }
                } else {
                    *sum += scaled(first + second, factors[2 * g] * x.scale);
                    if F::OFFSETS {
                        *offset += minima[2 * g] * (x.sums[0] + x.sums[1]);
                    }
                }
            }
        }
    }
    for t in 0..T {
        y[t * stride] = sums[t].reduce_add() + offsets[t];
    }
}

#[inline]
fn scaled(sums: i32x4, scale: f32) -> f32x4 {
    f32x4::from_i32x4(sums) * f32x4::splat(scale)
}

#[cfg(test)]
mod tests {
    use super::super::matmul::matmul;
    use super::super::threads::ONE_THREAD;
    use super::super::weight::CpuStore;
    use super::*;
    use crate::model::WeightStore;
    use crate::quant::BlockType;

    fn waves(n: usize, step: f32) -> Vec<f32> {
        (0..n).map(|i| (i as f32 * step).sin() * (1.0 + (i % 7) as f32)).collect()
    }

    fn matrices() -> impl Iterator<Item = (CpuWeight, Vec<f32>)> {
        let quantized = BlockType::ALL.into_iter().filter(|t| t.block_len() > 1);
        quantized.map(|block_type| {
            let (rows, cols) = (7, 768);
            let bytes = block_type.quantize(&waves(rows * cols, 0.37));
            let mut w = CpuStore.allocate("test", block_type, rows, cols).unwrap();
            CpuStore.write(&mut w, 0, &bytes).unwrap();
            let mut values = vec![0.0; rows * cols];
            block_type.dequantize(&bytes, &mut values);
            (w, values)
        })
    }

    #[test]
    fn products_are_those_of_the_values() {
        for (w, values) in matrices() {
            let x = waves(6 * w.cols, 0.11);
            let mut y = vec![0.0; 6 * w.rows];
            matmul(&ONE_THREAD, &w, &x, &mut y);
            for (x, y) in x.chunks_exact(w.cols).zip(y.chunks_exact(w.rows)) {
                for (w, got) in values.chunks_exact(w.cols).zip(y) {
                    let products = || w.iter().zip(x).map(|(w, x)| f64::from(*w) * f64::from(*x));
                    let (expected, size) = (products().sum::<f64>(), products().map(f64::abs).sum::<f64>());
                    // Of ternary weights most are 0: fewer roundings of x cancel out.
                    assert!((f64::from(*got) - expected).abs() <= 6e-6 * size, "{got}, not {expected}");
                }
            }
        }
    }

    #[test]
    fn a_row_does_not_depend_on_its_neighbours() {
        for (w, _) in matrices() {
            let x = waves(7 * w.cols, 0.23);
            let mut together = vec![0.0; 7 * w.rows];
            matmul(&ONE_THREAD, &w, &x, &mut together);
            for (x, together) in x.chunks_exact(w.cols).zip(together.chunks_exact(w.rows)) {
                let mut alone = vec![0.0; w.rows];
                matmul(&ONE_THREAD, &w, x, &mut alone);
                assert_eq!(alone, together, "{:?}", w.block_type);
            }
        }
    }

    #[test]
    fn nothing_and_no_numbers() {
        for (w, _) in matrices() {
            let mut y = vec![1.0; w.rows];
            matmul(&ONE_THREAD, &w, &vec![0.0; w.cols], &mut y);
            assert!(y.iter().all(|y| *y == 0.0), "{:?}", w.block_type);
            for strange in [f32::NAN, f32::INFINITY, f32::MIN_POSITIVE / 8.0] {
                let mut x = waves(w.cols, 0.5);
                x[40] = strange;
                matmul(&ONE_THREAD, &w, &x, &mut y);
                assert_eq!(
                    y.iter().all(|y| y.is_finite()),
                    strange.is_finite(),
                    "{:?} {strange}",
                    w.block_type
                );
            }
        }
    }
}
