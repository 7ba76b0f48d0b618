//! What the types have in common whose weights are a factor times a small number that is looked up or unpacked: the IQ1,
//! IQ2 and IQ3 types, the ternary ones, and MXFP4. CPU kernels read them through [`Coded`] too.

use super::widen;
use half::f16;

/// A weight is `factor · quant`.
pub(crate) trait Coded {
    /// Bytes of a block.
    const BYTES: usize;
    /// Groups of 32 weights in a block.
    const GROUPS: usize = 8;
    /// Whether the halves of a group have factors of their own.
    const HALVES: bool = false;

    /// Of each 16 weights; only the first `2 · GROUPS` are read.
    fn factors(block: &[u8]) -> [f32; 16];

    /// The quants of a group, in order.
    fn quants(block: &[u8], group: usize) -> [i8; 32];
}

/// The values of whole blocks.
pub(super) fn to_float<C: Coded>(bytes: &[u8], out: &mut [f32]) {
    for (block, out) in bytes.chunks_exact(C::BYTES).zip(out.chunks_exact_mut(32 * C::GROUPS)) {
        let factors = C::factors(block);
        for (group, out) in out.chunks_exact_mut(32).enumerate() {
            let quants = C::quants(block, group);
            for (e, (out, quant)) in out.iter_mut().zip(quants).enumerate() {
                *out = factors[2 * group + e / 16] * f32::from(quant);
            }
        }
    }
}

/// Four times eight quants.
#[inline(always)]
pub(super) fn eights(eight: impl Fn(usize) -> [i8; 8]) -> [i8; 32] {
    let mut all = [0; 32];
    for (n, out) in all.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        *out = eight(n);
    }
    all
}

/// Negates the values whose bits are set.
#[inline(always)]
pub(super) fn signed(values: [i8; 8], signs: u32) -> [i8; 8] {
    std::array::from_fn(|i| if (signs >> i) & 1 == 1 { -values[i] } else { values[i] })
}

/// Eight signs from seven: their number is even.
#[inline(always)]
pub(super) fn even(signs: u32) -> u32 {
    let seven = signs & 127;
    seven | (seven.count_ones() & 1) << 7
}

#[inline(always)]
pub(super) fn half(block: &[u8], at: usize) -> f32 {
    widen(short(block, at) as u16)
}

#[inline(always)]
pub(super) fn short(block: &[u8], at: usize) -> u32 {
    u32::from(u16::from_le_bytes([block[at], block[at + 1]]))
}

#[inline(always)]
pub(super) fn word(block: &[u8], at: usize) -> u32 {
    short(block, at) | short(block, at + 2) << 16
}

/// The i-th of the nibbles in `bytes`, the low half of a byte first.
#[inline(always)]
pub(super) fn nibble(bytes: &[u8], i: usize) -> u32 {
    u32::from((bytes[i / 2] >> (4 * (i % 2))) & 15)
}

/// An odd number of steps.
#[inline(always)]
pub(super) fn odd(steps: u32) -> f32 {
    (2 * steps + 1) as f32
}

/// For quantizers: factors `d/divisor` times an odd number of steps, at most `2 · most + 1`, which take the largest value
/// of each run to `top`. Gives `d`, the steps, and the factors.
pub(super) fn rounded<'a>(
    runs: impl Iterator<Item = &'a [f32]>,
    top: f32,
    most: u32,
    divisor: f32,
) -> (f16, Vec<u32>, Vec<f32>) {
    let largest = |run: &[f32]| run.iter().fold(0.0f32, |most, v| most.max(v.abs())) / top;
    let wanted: Vec<f32> = runs.map(largest).collect();
    let greatest = wanted.iter().fold(0.0f32, |most, w| most.max(*w));
    let d = f16::from_f32(greatest * divisor / odd(most));
    let unit = d.to_f32() / divisor;
    let inverse = if unit > 0.0 { 1.0 / unit } else { 0.0 };
    let steps: Vec<u32> =
        wanted.iter().map(|w| ((w * inverse - 1.0) / 2.0).round().clamp(0.0, most as f32) as u32).collect();
    let factors = steps.iter().map(|steps| unit * odd(*steps)).collect();
    (d, steps, factors)
}

/// For quantizers: the magnitudes of eight values over `factor`, and their signs. Where only an even number of signs can
/// be stored, the smallest value may change its own.
pub(super) fn magnitudes(values: &[f32; 8], factor: f32, evenly: bool) -> ([f32; 8], u32) {
    let inverse = if factor > 0.0 { 1.0 / factor } else { 0.0 };
    let mut wanted = values.map(|v| v.abs() * inverse);
    let mut signs = (0..8).fold(0, |all, i| all | u32::from(values[i] < 0.0) << i);
    if evenly && signs.count_ones() % 2 == 1 {
        let least = (1..8).fold(0, |least, i| if wanted[i] < wanted[least] { i } else { least });
        wanted[least] = -wanted[least];
        signs ^= 1 << least;
    }
    (wanted, signs)
}
