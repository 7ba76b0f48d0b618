//! Quantized GEMM and GEMV: `x Wᵀ` with weights in their blocks.
//!
//! Many rows of `x`: a few rows of `W` are dequantized into a tile that stays in the cache and are multiplied with all of
//! `x`, so that the cost of dequantizing is shared. Few rows: the blocks are multiplied as they are read (see [`product`]).

use super::formats::{Iq4Nl, Iq4Xs, Q2K, Q3K, Q4_0, Q4_1, Q4K, Q5_0, Q5_1, Q5K, Q6K, Q8_0};
use super::fused::product;
use super::weight::CpuWeight;
use crate::quant::{BlockType, Iq1M, Iq1S, Iq2S, Iq2Xs, Iq2Xxs, Iq3S, Iq3Xxs, Mxfp4, Tq1, Tq2, widen};
use wide::f32x4;

/// Rows of `W` dequantized together.
const TILE: usize = 8;
/// From this many rows of `x` on, quantized weights are dequantized into a tile; below, that costs more than it saves.
pub(super) const TILED_FROM: usize = 16;
/// The same for weights without blocks, which are read once for each row of `x` otherwise.
const FLOATS_TILED_FROM: usize = 4;

/// `y[n, rows] = x[n, cols] · wᵀ`.
pub(super) fn matmul(w: &CpuWeight, x: &[f32], y: &mut [f32]) {
    let n = x.len() / w.cols;
    match w.block_type {
        _ if n >= TILED_FROM => tiled(w, x, y, n),
        BlockType::F32 | BlockType::F16 | BlockType::BF16 if n >= FLOATS_TILED_FROM => tiled(w, x, y, n),
        BlockType::F32 => vectors(x, y, w, |r, x| dot(&w.values()[r * w.cols..][..w.cols], x)),
        BlockType::F16 => vectors(x, y, w, |r, x| dot_16(w.row_bytes(r), x, widen)),
        BlockType::BF16 => {
            vectors(x, y, w, |r, x| dot_16(w.row_bytes(r), x, |h| f32::from_bits(u32::from(h) << 16)))
        }
        BlockType::Q4_0 => product::<Q4_0>(w, x, y),
        BlockType::Q4_1 => product::<Q4_1>(w, x, y),
        BlockType::Q5_0 => product::<Q5_0>(w, x, y),
        BlockType::Q5_1 => product::<Q5_1>(w, x, y),
        BlockType::Q8_0 => product::<Q8_0>(w, x, y),
        BlockType::Q2_K => product::<Q2K>(w, x, y),
        BlockType::Q3_K => product::<Q3K>(w, x, y),
        BlockType::Q4_K => product::<Q4K>(w, x, y),
        BlockType::Q5_K => product::<Q5K>(w, x, y),
        BlockType::Q6_K => product::<Q6K>(w, x, y),
        BlockType::IQ4_NL => product::<Iq4Nl>(w, x, y),
        BlockType::IQ4_XS => product::<Iq4Xs>(w, x, y),
        BlockType::IQ1_S => product::<Iq1S>(w, x, y),
        BlockType::IQ1_M => product::<Iq1M>(w, x, y),
        BlockType::IQ2_XXS => product::<Iq2Xxs>(w, x, y),
        BlockType::IQ2_XS => product::<Iq2Xs>(w, x, y),
        BlockType::IQ2_S => product::<Iq2S>(w, x, y),
        BlockType::IQ3_XXS => product::<Iq3Xxs>(w, x, y),
        BlockType::IQ3_S => product::<Iq3S>(w, x, y),
        BlockType::TQ1_0 => product::<Tq1>(w, x, y),
        BlockType::TQ2_0 => product::<Tq2>(w, x, y),
        BlockType::MXFP4 => product::<Mxfp4>(w, x, y),
    }
}

/// Each row of `x` with each row of `W`, one by one.
fn vectors(x: &[f32], y: &mut [f32], w: &CpuWeight, product: impl Fn(usize, &[f32]) -> f32) {
    for (x, y) in x.chunks_exact(w.cols).zip(y.chunks_exact_mut(w.rows)) {
        y.iter_mut().enumerate().for_each(|(r, y)| *y = product(r, x));
    }
}

fn tiled(w: &CpuWeight, x: &[f32], y: &mut [f32], n: usize) {
    let k = w.cols;
    let mut tile = vec![0.0; TILE * k];
    for first in (0..w.rows).step_by(TILE) {
        let rows = TILE.min(w.rows - first);
        for (i, out) in tile.chunks_exact_mut(k).take(rows).enumerate() {
            w.row(first + i, out);
        }
        let tile = &tile[..rows * k];
        for t in (0..n).step_by(4) {
            let (x, y) = (&x[t * k..], &mut y[t * w.rows + first..]);
            match n - t {
                1 => columns::<1>(x, tile, y, k, w.rows),
                2 => columns::<2>(x, tile, y, k, w.rows),
                3 => columns::<3>(x, tile, y, k, w.rows),
                _ => columns::<4>(x, tile, y, k, w.rows),
            }
        }
    }
}

/// `T` rows of `x` with all rows of the tile; `y` begins at the first result, its rows are `stride` apart.
fn columns<const T: usize>(x: &[f32], tile: &[f32], y: &mut [f32], k: usize, stride: usize) {
    let xs: [&[f32]; T] = std::array::from_fn(|t| &x[t * k..][..k]);
    let rows = tile.len() / k;
    let row = |r: usize| &tile[r * k..][..k];
    for r in (0..rows - rows % 2).step_by(2) {
        let dots = dots::<T, 2>(xs, [row(r), row(r + 1)]);
        for (t, pair) in dots.iter().enumerate() {
            y[t * stride + r..][..2].copy_from_slice(pair);
        }
    }
    if rows % 2 == 1 {
        let dots = dots::<T, 1>(xs, [row(rows - 1)]);
        for (t, [value]) in dots.iter().enumerate() {
            y[t * stride + rows - 1] = *value;
        }
    }
}

/// `T` rows of `x` with `R` rows of `W`. Four by two are eight accumulators, which with their operands fit the sixteen
/// SIMD registers of x86 and of WebAssembly engines on it.
///
/// Each sum is made in the same order whatever `T` and `R`: a row's result does not depend on what it is computed with,
/// so that a text gives the same bits however it is cut into steps.
#[inline]
pub(super) fn dots<const T: usize, const R: usize>(xs: [&[f32]; T], ws: [&[f32]; R]) -> [[f32; R]; T] {
    let (x_fours, x_rest) = (xs.map(|x| x.as_chunks::<4>().0), xs.map(|x| x.as_chunks::<4>().1));
    let (w_fours, w_rest) = (ws.map(|w| w.as_chunks::<4>().0), ws.map(|w| w.as_chunks::<4>().1));
    let len = w_fours[0].len();
    // With these lengths known the loop below needs no bounds checks.
    assert!(x_fours.iter().all(|x| x.len() == len) && w_fours.iter().all(|w| w.len() == len));
    let mut sums = [[f32x4::ZERO; R]; T];
    for i in 0..len {
        let w = w_fours.map(|w| f32x4::new(w[i]));
        for (sums, x) in sums.iter_mut().zip(x_fours) {
            let x = f32x4::new(x[i]);
            for (sum, w) in sums.iter_mut().zip(w) {
                *sum = x.mul_add(w, *sum);
            }
        }
    }
    let mut out = sums.map(|row| row.map(|sum| sum.reduce_add()));
    for (out, x) in out.iter_mut().zip(x_rest) {
        for (out, w) in out.iter_mut().zip(w_rest) {
            *out += x.iter().zip(w).map(|(x, w)| x * w).sum::<f32>();
        }
    }
    out
}

#[inline]
fn load(values: &[f32], at: usize) -> f32x4 {
    let v = &values[at..at + 4];
    f32x4::new([v[0], v[1], v[2], v[3]])
}

/// `Σ aᵢ bᵢ`.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [f32x4::ZERO; 4];
    let (a_chunks, b_chunks) = (a.chunks_exact(16), b.chunks_exact(16));
    let tail: f32 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a_chunks.zip(b_chunks) {
        for (j, sum) in sums.iter_mut().enumerate() {
            *sum = load(a, 4 * j).mul_add(load(b, 4 * j), *sum);
        }
    }
    ((sums[0] + sums[1]) + (sums[2] + sums[3])).reduce_add() + tail
}

/// `Σ aᵢ bᵢ` with `a` in sixteen bits.
#[inline]
fn dot_16(a: &[u8], b: &[f32], widen: impl Fn(u16) -> f32) -> f32 {
    let mut sums = [f32x4::ZERO; 4];
    let value = |raw: &[u8; 2]| widen(u16::from_le_bytes(*raw));
    let (a, b) = (a.as_chunks::<2>().0.as_chunks::<16>(), b.as_chunks::<16>());
    for (a, b) in a.0.iter().zip(b.0) {
        let a = a.map(|raw| value(&raw));
        for (j, sum) in sums.iter_mut().enumerate() {
            *sum = load(&a, 4 * j).mul_add(load(b, 4 * j), *sum);
        }
    }
    let tail: f32 = a.1.iter().zip(b.1).map(|(a, b)| value(a) * b).sum();
    ((sums[0] + sums[1]) + (sums[2] + sums[3])).reduce_add() + tail
}
