//! `x Wᵀ` with `f32` activations and weights in their quantized blocks.
//!
//! Several rows of `x`: a few rows of `W` are dequantized into a tile that stays in the cache and are multiplied with
//! all of `x`, so that the cost of dequantizing is shared. One row: the blocks are multiplied as they are read.

use super::weight::CpuWeight;
use crate::quant::BlockType;
use wide::f32x4;

/// Rows of `W` dequantized together.
const TILE: usize = 8;
/// From this many rows of `x` on, the tile pays.
pub(super) const TILED_FROM: usize = 4;

/// `y[n, rows] = x[n, cols] · wᵀ`.
pub(super) fn matmul(w: &CpuWeight, x: &[f32], y: &mut [f32]) {
    let n = x.len() / w.cols;
    if n >= TILED_FROM {
        tiled(w, x, y, n);
    } else {
        for (x, y) in x.chunks_exact(w.cols).zip(y.chunks_exact_mut(w.rows)) {
            vector(w, x, y);
        }
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
fn dots<const T: usize, const R: usize>(xs: [&[f32]; T], ws: [&[f32]; R]) -> [[f32; R]; T] {
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

/// `y += a · x`.
pub(super) fn axpy(a: f32, x: &[f32], y: &mut [f32]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y += a * x);
}

/// One row of `x`.
fn vector(w: &CpuWeight, x: &[f32], y: &mut [f32]) {
    let blocks_of_32 = x.len() / 32;
    match w.block_type {
        BlockType::F32 => {
            for (y, row) in y.iter_mut().zip(w.values().chunks_exact(w.cols)) {
                *y = dot(row, x);
            }
        }
        BlockType::Q4_0 => {
            for (r, y) in y.iter_mut().enumerate() {
                *y = w.row_bytes(r).chunks_exact(18).zip(x.chunks_exact(32)).map(|(b, x)| q4_0(b, x)).sum();
            }
        }
        BlockType::Q4_1 => {
            let sums: Vec<f32> = x.chunks_exact(32).map(|x| x.iter().sum()).collect();
            for (r, y) in y.iter_mut().enumerate() {
                *y = q4_1_row(w.row_bytes(r), x, &sums[..blocks_of_32]);
            }
        }
        BlockType::Q8_0 => {
            for (r, y) in y.iter_mut().enumerate() {
                *y = w.row_bytes(r).chunks_exact(34).zip(x.chunks_exact(32)).map(|(b, x)| q8_0(b, x)).sum();
            }
        }
        _ => {
            let mut row = vec![0.0; w.cols];
            for (r, y) in y.iter_mut().enumerate() {
                w.row(r, &mut row);
                *y = dot(&row, x);
            }
        }
    }
}

fn half(raw: &[u8]) -> f32 {
    half::f16::from_le_bytes([raw[0], raw[1]]).to_f32()
}

/// `Σ qⱼ xⱼ` of 32 nibbles: byte j holds element j in its low half and element j + 16 in its high half.
#[inline]
fn nibbles(quants: &[u8], x: &[f32]) -> f32 {
    let mut sums = [0.0f32; 16];
    let (quants, low, high) = (&quants[..16], &x[..16], &x[16..32]);
    for j in 0..16 {
        sums[j] = (quants[j] & 15) as f32 * low[j] + (quants[j] >> 4) as f32 * high[j];
    }
    pairwise(sums)
}

#[inline]
fn pairwise(s: [f32; 16]) -> f32 {
    let quarter = |i: usize| f32x4::new([s[i], s[i + 1], s[i + 2], s[i + 3]]);
    ((quarter(0) + quarter(4)) + (quarter(8) + quarter(12))).reduce_add()
}

/// `w = d (q − 8)`.
fn q4_0(block: &[u8], x: &[f32]) -> f32 {
    half(block) * (nibbles(&block[2..], x) - 8.0 * x.iter().sum::<f32>())
}

/// `w = d q + m`, with the sums of each 32 elements of `x` given.
fn q4_1_row(blocks: &[u8], x: &[f32], sums: &[f32]) -> f32 {
    let mut y = 0.0;
    for ((block, x), sum) in blocks.chunks_exact(20).zip(x.chunks_exact(32)).zip(sums) {
        y += half(block) * nibbles(&block[4..], x) + half(&block[2..]) * sum;
    }
    y
}

/// `w = d q`.
fn q8_0(block: &[u8], x: &[f32]) -> f32 {
    let mut sums = [0.0f32; 16];
    let (quants, x) = (&block[2..34], &x[..32]);
    for j in 0..16 {
        sums[j] = quants[j] as i8 as f32 * x[j] + quants[j + 16] as i8 as f32 * x[j + 16];
    }
    half(block) * pairwise(sums)
}
