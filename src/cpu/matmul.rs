//! Quantized GEMM and GEMV: `x Wᵀ` with weights in their blocks.
//!
//! Many rows of `x`: a few rows of `W` are dequantized into a tile that stays in the cache and are multiplied with all of
//! `x`, so that the cost of dequantizing is shared. Few rows: the blocks are multiplied as they are read (see [`product`]).

use super::formats::{Iq4Nl, Iq4Xs, Q2K, Q3K, Q4_0, Q4_1, Q4K, Q5_0, Q5_1, Q5K, Q6K, Q8_0};
use super::fused::{Rounded, product, round};
use super::threads::Threads;
use super::vector::{Level, products};
use super::weight::CpuWeight;
use crate::quant::{BlockType, Iq1M, Iq1S, Iq2S, Iq2Xs, Iq2Xxs, Iq3S, Iq3Xxs, Mxfp4, Tq1, Tq2, widen};
use std::ops::Range;
use wide::f32x4;

/// Rows of `W` dequantized together.
const TILE: usize = 8;
/// From this many rows of `x` on, quantized weights are dequantized into a tile; below, that costs more than it saves.
pub(super) const TILED_FROM: usize = 16;
/// The same for weights without blocks, which are read once for each row of `x` otherwise.
const FLOATS_TILED_FROM: usize = 4;

/// `y[n, rows] = x[n, cols] · wᵀ`.
pub(super) fn matmul(threads: &Threads, w: &CpuWeight, x: &[f32], y: &mut [f32]) {
    let n = x.len() / w.cols;
    let floats = w.block_type.block_len() == 1;
    let mut share = |part: &(dyn Fn(Range<usize>, &mut [f32]) + Sync)| {
        threads.columns(y, w.rows, TILE, x.len() * w.rows, part);
    };
    if n >= if floats { FLOATS_TILED_FROM } else { TILED_FROM } {
        share(&|rows, y| tiled(w, x, rows, y));
    } else {
        // Weights without blocks are multiplied with `x` as it is.
        let rounded = if floats { Rounded::default() } else { round(x) };
        share(&|rows, y| few(Level::here(), w, x, &rounded, rows, y));
    }
}

/// Some rows of `W`, as they are read, with few rows of `x`; blocks with these rounded.
pub(super) fn few(
    level: Level,
    w: &CpuWeight,
    floats: &[f32],
    x: &Rounded,
    rows: Range<usize>,
    y: &mut [f32],
) {
    match w.block_type {
        BlockType::F32 => vectors(w, floats, rows, y, |r, x| dot(&w.values()[r * w.cols..][..w.cols], x)),
        BlockType::F16 => vectors(w, floats, rows, y, |r, x| dot_16(w.row_bytes(r), x, widen)),
        BlockType::BF16 => {
            let widen = |h| f32::from_bits(u32::from(h) << 16);
            vectors(w, floats, rows, y, |r, x| dot_16(w.row_bytes(r), x, widen));
        }
        BlockType::Q4_0 => product::<Q4_0>(level, w, x, rows, y),
        BlockType::Q4_1 => product::<Q4_1>(level, w, x, rows, y),
        BlockType::Q5_0 => product::<Q5_0>(level, w, x, rows, y),
        BlockType::Q5_1 => product::<Q5_1>(level, w, x, rows, y),
        BlockType::Q8_0 => product::<Q8_0>(level, w, x, rows, y),
        BlockType::Q2_K => product::<Q2K>(level, w, x, rows, y),
        BlockType::Q3_K => product::<Q3K>(level, w, x, rows, y),
        BlockType::Q4_K => product::<Q4K>(level, w, x, rows, y),
        BlockType::Q5_K => product::<Q5K>(level, w, x, rows, y),
        BlockType::Q6_K => product::<Q6K>(level, w, x, rows, y),
        BlockType::IQ4_NL => product::<Iq4Nl>(level, w, x, rows, y),
        BlockType::IQ4_XS => product::<Iq4Xs>(level, w, x, rows, y),
        BlockType::IQ1_S => product::<Iq1S>(level, w, x, rows, y),
        BlockType::IQ1_M => product::<Iq1M>(level, w, x, rows, y),
        BlockType::IQ2_XXS => product::<Iq2Xxs>(level, w, x, rows, y),
        BlockType::IQ2_XS => product::<Iq2Xs>(level, w, x, rows, y),
        BlockType::IQ2_S => product::<Iq2S>(level, w, x, rows, y),
        BlockType::IQ3_XXS => product::<Iq3Xxs>(level, w, x, rows, y),
        BlockType::IQ3_S => product::<Iq3S>(level, w, x, rows, y),
        BlockType::TQ1_0 => product::<Tq1>(level, w, x, rows, y),
        BlockType::TQ2_0 => product::<Tq2>(level, w, x, rows, y),
        BlockType::MXFP4 => product::<Mxfp4>(level, w, x, rows, y),
    }
}

/// Each row of `x` with each row of `W`, one by one.
fn vectors(
    w: &CpuWeight,
    x: &[f32],
    rows: Range<usize>,
    y: &mut [f32],
    product: impl Fn(usize, &[f32]) -> f32,
) {
    for (x, y) in x.chunks_exact(w.cols).zip(y.chunks_exact_mut(rows.len())) {
        rows.clone().zip(y).for_each(|(r, y)| *y = product(r, x));
    }
}

/// Some rows of `W` with all of `x`.
fn tiled(w: &CpuWeight, x: &[f32], wanted: Range<usize>, y: &mut [f32]) {
    let (k, level) = (w.cols, Level::here());
    let mut tile = vec![0.0; TILE * k];
    for first in wanted.clone().step_by(TILE) {
        let rows = TILE.min(wanted.end - first);
        for (i, out) in tile.chunks_exact_mut(k).take(rows).enumerate() {
            w.row(first + i, out);
        }
        products(level, x, &tile[..rows * k], &mut y[first - wanted.start..], k, wanted.len());
    }
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
