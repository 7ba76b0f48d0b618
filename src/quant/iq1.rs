//! IQ1_S and IQ1_M: eight weights are a point of −1, 0 and 1, all shifted by an eighth up or down. Their quants here are
//! eight times that, whole numbers.

use super::coded::{Coded, eights, half, odd, rounded, short};
use super::grid::IQ1;
use half::f16;

/// `d`; the low bytes of 32 indices; for each 32 weights a half word: three more bits of four indices, three of steps,
/// and whether the shift is down.
pub(crate) struct Iq1S;

/// The low bytes of 32 indices; for each of them a nibble of three more bits, and whether the shift is down; four half
/// words with the steps of sixteen weights, in three bits each, and four bits of `d`.
pub(crate) struct Iq1M;

/// The point that `low` and three bits of `rest` name, shifted down if the fourth bit is set.
#[inline(always)]
fn shifted(low: u8, rest: u32) -> [i8; 8] {
    let shift = if rest & 8 == 0 { 1 } else { -1 };
    IQ1.point(u32::from(low) | (rest & 7) << 8).map(|level| 8 * level + shift)
}

impl Coded for Iq1S {
    const BYTES: usize = 50;

    #[inline(always)]
    fn factors(block: &[u8]) -> [f32; 16] {
        let d = half(block, 0) / 8.0;
        std::array::from_fn(|i| d * odd((short(block, 34 + i / 2 * 2) >> 12) & 7))
    }

    #[inline(always)]
    fn quants(block: &[u8], group: usize) -> [i8; 32] {
        let rest = short(block, 34 + 2 * group);
        eights(|n| shifted(block[2 + 4 * group + n], (rest >> (3 * n)) & 7 | (rest >> 15) << 3))
    }
}

impl Coded for Iq1M {
    const BYTES: usize = 56;
    const HALVES: bool = true;

    #[inline(always)]
    fn factors(block: &[u8]) -> [f32; 16] {
        let parts: [u32; 4] = std::array::from_fn(|i| short(block, 48 + 2 * i));
        let d = parts.iter().enumerate().fold(0, |d, (i, part)| d | (part >> 12) << (4 * i));
        let d = super::widen(d as u16) / 8.0;
        std::array::from_fn(|i| d * odd((parts[i / 4] >> (3 * (i % 4))) & 7))
    }

    #[inline(always)]
    fn quants(block: &[u8], group: usize) -> [i8; 32] {
        let rest = short(block, 32 + 2 * group);
        eights(|n| shifted(block[4 * group + n], rest >> (4 * n)))
    }
}

/// The indices of eights, and the square of what they are off by, where `factor` is that of their quants and `shift` ±1.
fn nearest(values: &[f32], factor: f32, shift: f32) -> (Vec<u32>, f32) {
    let inverse = if factor > 0.0 { 1.0 / factor } else { 0.0 };
    let found = values
        .as_chunks::<8>()
        .0
        .iter()
        .map(|eight| IQ1.nearest(&eight.map(|v| (v * inverse - shift) / 8.0)));
    let (indices, distances): (Vec<u32>, Vec<f32>) = found.unzip();
    (indices, distances.iter().sum())
}

/// The same with the better shift, and whether that is down.
fn best(values: &[f32], factor: f32) -> (Vec<u32>, u32) {
    let (up, down) = (nearest(values, factor, 1.0), nearest(values, factor, -1.0));
    if up.1 <= down.1 { (up.0, 0) } else { (down.0, 1) }
}

pub(super) fn s_from_float(values: &[f32]) -> Vec<u8> {
    let mut out = Vec::with_capacity(values.len() / 256 * Iq1S::BYTES);
    for block in values.chunks_exact(256) {
        let (d, steps, factors) = rounded(block.chunks_exact(32), 8.0, 7, 8.0);
        out.extend(d.to_le_bytes());
        let runs = block.chunks_exact(32).zip(factors).map(|(run, factor)| best(run, factor));
        let (indices, downs): (Vec<_>, Vec<_>) = runs.unzip();
        out.extend(indices.iter().flatten().map(|index| *index as u8));
        for ((indices, down), steps) in indices.iter().zip(downs).zip(steps) {
            let high = indices.iter().enumerate().fold(0, |all, (n, index)| all | (index >> 8) << (3 * n));
            out.extend(((high | steps << 12 | down << 15) as u16).to_le_bytes());
        }
    }
    out
}

pub(super) fn m_from_float(values: &[f32]) -> Vec<u8> {
    let mut out = Vec::with_capacity(values.len() / 256 * Iq1M::BYTES);
    for block in values.chunks_exact(256) {
        let (d, steps, factors) = rounded(block.chunks_exact(16), 8.0, 7, 8.0);
        let eights: Vec<(u32, u32)> = block
            .chunks_exact(8)
            .enumerate()
            .map(|(i, eight)| best(eight, factors[i / 2]))
            .map(|(indices, down)| (indices[0], down))
            .collect();
        out.extend(eights.iter().map(|(index, _)| *index as u8));
        let rest = |(index, down): (u32, u32)| index >> 8 | down << 3;
        out.extend(eights.chunks_exact(2).map(|two| (rest(two[0]) | rest(two[1]) << 4) as u8));
        for (i, four) in steps.chunks_exact(4).enumerate() {
            let steps = four.iter().enumerate().fold(0, |all, (n, steps)| all | steps << (3 * n));
            let part = (u32::from(f16::to_bits(d)) >> (4 * i)) & 15;
            out.extend(((steps | part << 12) as u16).to_le_bytes());
        }
    }
    out
}
