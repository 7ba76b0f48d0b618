//! TQ1_0 and TQ2_0: weights of −1, 0 and 1 with one scale for 256.

use super::coded::{Coded, half};
use half::f16;

/// 48 bytes of five digits of base 3 and four of four, then `d`. A byte is its number times 256/243, rounded up, so that
/// a multiplication by 3 makes the next digit overflow.
pub(crate) struct Tq1;

/// Four quants a byte, as in Q2_K, then `d`. (The quant 3 is used by nobody; it reads as 2.)
pub(crate) struct Tq2;

const POWERS: [u8; 5] = [1, 3, 9, 27, 81];

/// The byte and the digit of element `e`.
#[inline(always)]
pub(crate) fn place(e: usize) -> (usize, usize) {
    match e {
        0..160 => (e % 32, e / 32),
        160..240 => (32 + e % 16, (e - 160) / 16),
        _ => (48 + e % 4, (e - 240) / 4),
    }
}

impl Coded for Tq1 {
    const BYTES: usize = 54;

    #[inline(always)]
    fn factors(block: &[u8]) -> [f32; 16] {
        [half(block, 52); 16]
    }

    #[inline(always)]
    fn quants(block: &[u8], group: usize) -> [i8; 32] {
        std::array::from_fn(|e| {
            let (byte, digit) = place(32 * group + e);
            let rest = block[byte].wrapping_mul(POWERS[digit]);
            ((u16::from(rest) * 3) >> 8) as i8 - 1
        })
    }
}

impl Coded for Tq2 {
    const BYTES: usize = 66;

    #[inline(always)]
    fn factors(block: &[u8]) -> [f32; 16] {
        [half(block, 64); 16]
    }

    #[inline(always)]
    fn quants(block: &[u8], group: usize) -> [i8; 32] {
        std::array::from_fn(|e| ((block[group / 4 * 32 + e] >> (2 * (group % 4))) & 3) as i8 - 1)
    }
}

/// The scale of a block, and its quants plus 1.
fn digits(block: &[f32]) -> (f16, impl Fn(usize) -> u8) {
    let most = block.iter().fold(0.0f32, |most, v| most.max(v.abs()));
    let inverse = if most > 0.0 { 1.0 / most } else { 0.0 };
    (f16::from_f32(most), move |e| ((block[e] * inverse).round() + 1.0) as u8)
}

pub(super) fn tq1_from_float(values: &[f32]) -> Vec<u8> {
    let mut out = Vec::with_capacity(values.len() / 256 * Tq1::BYTES);
    for block in values.chunks_exact(256) {
        let (d, digit) = digits(block);
        let mut numbers = [0u16; 52];
        for e in 0..256 {
            let (byte, place) = place(e);
            numbers[byte] += u16::from(digit(e)) * u16::from(POWERS[4 - place]);
        }
        out.extend(numbers.map(|number| ((number * 256).div_ceil(243)) as u8));
        out.extend(d.to_le_bytes());
    }
    out
}

pub(super) fn tq2_from_float(values: &[f32]) -> Vec<u8> {
    let mut out = Vec::with_capacity(values.len() / 256 * Tq2::BYTES);
    for block in values.chunks_exact(256) {
        let (d, digit) = digits(block);
        let byte = |i: usize| (0..4).fold(0, |all, s| all | digit(i / 32 * 128 + i % 32 + 32 * s) << (2 * s));
        out.extend((0..64).map(byte));
        out.extend(d.to_le_bytes());
    }
    out
}
