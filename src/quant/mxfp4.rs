//! MXFP4, Open Compute's microscaling format: floats of four bits (E2M1) and a power of two for each 32.

use super::coded::Coded;

/// An exponent with a bias of 127, then 32 quants as in Q4_0.
pub(crate) struct Mxfp4;

/// Twice what the quants stand for, so that they are whole numbers.
pub(crate) const FLOATS: [i8; 16] = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

/// Half of the power of two. The least two are no normal numbers.
#[inline(always)]
pub(crate) fn half_power(exponent: u8) -> f32 {
    f32::from_bits(match exponent {
        0 | 1 => 0x0020_0000 << exponent,
        _ => u32::from(exponent - 1) << 23,
    })
}

impl Coded for Mxfp4 {
    const BYTES: usize = 17;
    const GROUPS: usize = 1;

    #[inline(always)]
    fn factors(block: &[u8]) -> [f32; 16] {
        [half_power(block[0]); 16]
    }

    #[inline(always)]
    fn quants(block: &[u8], _: usize) -> [i8; 32] {
        std::array::from_fn(|e| FLOATS[usize::from((block[1 + e % 16] >> (e / 16 * 4)) & 15)])
    }
}

pub(super) fn from_float(values: &[f32]) -> Vec<u8> {
    let mut out = Vec::with_capacity(values.len() / 32 * Mxfp4::BYTES);
    for run in values.chunks_exact(32) {
        // The largest float is 6, that is 1.5 times two squared.
        let most = run.iter().fold(0.0f32, |most, v| most.max(v.abs()));
        let exponent = if most > 0.0 { (most.log2().floor() + 125.0).clamp(0.0, 254.0) as u8 } else { 0 };
        let factor = half_power(exponent);
        let distance = |value: f32, i: usize| (factor * f32::from(FLOATS[i]) - value).abs();
        let quant = |value: f32| {
            (1..16).fold(0, |best, i| if distance(value, i) < distance(value, best) { i } else { best }) as u8
        };
        let (low, high) = run.split_at(16);
        out.push(exponent);
        out.extend(low.iter().zip(high).map(|(low, high)| quant(*low) | quant(*high) << 4));
    }
    out
}
