//! Quantized GEMM and GEMV: `x Wᵀ` with weights in their blocks.
//!
//! Many rows of `x`: a few rows of `W` are unpacked into a tile that stays in the cache and are multiplied with all of `x`, so that
//! the cost of unpacking is shared; on vectors of 128 bits in whole numbers (see [`super::whole`]), on wider ones in `f32`. Few rows:
//! the blocks are multiplied as they are read (see [`super::fused`], and [`super::fused_whole`] for vectors of 128 bits).

use super::fused::{Product, round};
use super::fused_whole;
use super::kernel::run;
use super::threads::Threads;
use super::unpack::{Unpack, into_lanes};
use super::vector::{Level, products};
use super::weight::CpuWeight;
use super::whole;
use crate::quant::{BlockType, widen};
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
    let (n, level) = (x.len() / w.cols, Level::here());
    let blocks = w.block_type.block_len() > 1;
    let mut share = |part: &(dyn Fn(Range<usize>, &mut [f32]) + Sync)| {
        threads.columns(y, w.rows, TILE, x.len() * w.rows, part);
    };
    match (blocks, n) {
        (true, ..TILED_FROM) => {
            if level == Level::Base
                && let Some(x) = &whole::Rows::for_few(x, w.block_type)
            {
                return share(&|wanted, y| {
                    run(level, w.block_type, fused_whole::Product { w, x, wanted, y })
                });
            }
            let x = &round(x);
            share(&|wanted, y| run(level, w.block_type, Product { w, x, wanted, y }));
        }
        (true, _) => {
            if level == Level::Base
                && let Some(x) = &whole::Rows::for_many(x, w.block_type)
            {
                return share(&|wanted, y| run(level, w.block_type, whole::Product { w, x, wanted, y }));
            }
            let x = &into_lanes(x);
            share(&|rows, y| {
                let unpack = |r, out: &mut _| {
                    let (block_type, blocks) = (w.block_type, w.row_bytes(r));
                    run(level, block_type, Unpack { block_type, blocks, out });
                };
                tiled(level, w.cols, x, rows, y, unpack);
            });
        }
        (false, ..FLOATS_TILED_FROM) => share(&|rows, y| floats(w, x, rows, y)),
        (false, _) => share(&|rows, y| tiled(level, w.cols, x, rows, y, |r, out| w.row(r, out))),
    }
}

/// Some rows of `W`, which has no blocks, with few rows of `x`.
fn floats(w: &CpuWeight, x: &[f32], rows: Range<usize>, y: &mut [f32]) {
    match w.block_type {
        BlockType::F16 => vectors(w, x, rows, y, |r, x| dot_16(w.row_bytes(r), x, widen)),
        BlockType::BF16 => {
            let widen = |h| f32::from_bits(u32::from(h) << 16);
            vectors(w, x, rows, y, |r, x| dot_16(w.row_bytes(r), x, widen));
        }
        _ => vectors(w, x, rows, y, |r, x| dot(&w.values()[r * w.cols..][..w.cols], x)),
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

/// Some rows of `W`, which `unpack` gives by their number, with all of `x[n, k]`.
fn tiled(
    level: Level,
    k: usize,
    x: &[f32],
    wanted: Range<usize>,
    y: &mut [f32],
    unpack: impl Fn(usize, &mut [f32]),
) {
    let mut tile = vec![0.0; TILE * k];
    for first in wanted.clone().step_by(TILE) {
        let rows = TILE.min(wanted.end - first);
        for (i, out) in tile.chunks_exact_mut(k).take(rows).enumerate() {
            unpack(first + i, out);
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
