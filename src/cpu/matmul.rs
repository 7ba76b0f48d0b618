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
const TILED_FROM: usize = 4;

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
        let mut t = 0;
        while t + 4 <= n {
            let xs: [&[f32]; 4] = std::array::from_fn(|i| &x[(t + i) * k..][..k]);
            let mut r = 0;
            while r + 2 <= rows {
                let ws = [&tile[r * k..][..k], &tile[(r + 1) * k..][..k]];
                let dots = dot_4x2(xs, ws);
                for (i, pair) in dots.iter().enumerate() {
                    y[(t + i) * w.rows + first + r..][..2].copy_from_slice(pair);
                }
                r += 2;
            }
            if r < rows {
                for (i, x) in xs.iter().enumerate() {
                    y[(t + i) * w.rows + first + r] = dot(x, &tile[r * k..][..k]);
                }
            }
            t += 4;
        }
        for t in t..n {
            for r in 0..rows {
                y[t * w.rows + first + r] = dot(&x[t * k..][..k], &tile[r * k..][..k]);
            }
        }
    }
}

/// Four rows of `x` with two of `W`: eight accumulators, which with their operands fit the sixteen SIMD registers
/// of x86 and WebAssembly engines on it.
#[inline]
fn dot_4x2(xs: [&[f32]; 4], ws: [&[f32]; 2]) -> [[f32; 2]; 4] {
    let k = xs[0].len();
    let mut sums = [[f32x4::ZERO; 2]; 4];
    let mut i = 0;
    while i + 4 <= k {
        let w = [load(ws[0], i), load(ws[1], i)];
        for (sum, x) in sums.iter_mut().zip(xs) {
            let x = load(x, i);
            sum[0] = x.mul_add(w[0], sum[0]);
            sum[1] = x.mul_add(w[1], sum[1]);
        }
        i += 4;
    }
    let mut out = sums.map(|pair| pair.map(|s| s.reduce_add()));
    for i in i..k {
        for (out, x) in out.iter_mut().zip(xs) {
            out[0] += x[i] * ws[0][i];
            out[1] += x[i] * ws[1][i];
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
        BlockType::F16 | BlockType::Q4_K | BlockType::Q5_K | BlockType::Q6_K => {
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
