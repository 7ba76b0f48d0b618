//! IQ3_XXS and IQ3_S: four weights are a point of eight levels, with a sign for each.

use super::coded::{Coded, eights, even, half, magnitudes, nibble, odd, rounded, signed, word};
use super::grid::{IQ3_S, IQ3_XXS};

/// `d`; for each four weights an index; for each 32 a word of four times seven signs and four bits of steps.
pub(crate) struct Iq3Xxs;

/// `d`; for each four weights the low byte of an index; the ninth bits; for each eight weights a byte of signs; for each
/// 32 a nibble of steps.
pub(crate) struct Iq3S;

#[inline(always)]
fn joined(a: [i8; 4], b: [i8; 4]) -> [i8; 8] {
    [a[0], a[1], a[2], a[3], b[0], b[1], b[2], b[3]]
}

impl Coded for Iq3Xxs {
    const BYTES: usize = 98;

    #[inline(always)]
    fn factors(block: &[u8]) -> [f32; 16] {
        let d = half(block, 0) / 4.0;
        std::array::from_fn(|i| d * odd(word(block, 66 + i / 2 * 4) >> 28))
    }

    #[inline(always)]
    fn quants(block: &[u8], group: usize) -> [i8; 32] {
        let signs = word(block, 66 + 4 * group);
        eights(|n| {
            let at = 2 + 8 * group + 2 * n;
            let point = |at: usize| IQ3_XXS.point(u32::from(block[at]));
            signed(joined(point(at), point(at + 1)), even(signs >> (7 * n)))
        })
    }
}

impl Coded for Iq3S {
    const BYTES: usize = 110;

    #[inline(always)]
    fn factors(block: &[u8]) -> [f32; 16] {
        let d = half(block, 0);
        std::array::from_fn(|i| d * odd(nibble(&block[106..110], i / 2)))
    }

    #[inline(always)]
    fn quants(block: &[u8], group: usize) -> [i8; 32] {
        let high = u32::from(block[66 + group]);
        eights(|n| {
            let point = |i: usize| IQ3_S.point(u32::from(block[2 + 8 * group + i]) | ((high >> i) & 1) << 8);
            signed(joined(point(2 * n), point(2 * n + 1)), u32::from(block[74 + 4 * group + n]))
        })
    }
}

pub(super) fn xxs_from_float(values: &[f32]) -> Vec<u8> {
    let mut out = Vec::with_capacity(values.len() / 256 * Iq3Xxs::BYTES);
    for block in values.chunks_exact(256) {
        let (d, mut rest, factors) = rounded(block.chunks_exact(32), 62.0, 15, 4.0);
        out.extend(d.to_le_bytes());
        rest.iter_mut().for_each(|steps| *steps <<= 28);
        for (i, eight) in block.as_chunks::<8>().0.iter().enumerate() {
            let (wanted, signs) = magnitudes(eight, factors[i / 4], true);
            rest[i / 4] |= (signs & 127) << (7 * (i % 4));
            out.extend(wanted.chunks_exact(4).map(|four| IQ3_XXS.nearest(four).0 as u8));
        }
        out.extend(rest.iter().flat_map(|word| word.to_le_bytes()));
    }
    out
}

pub(super) fn s_from_float(values: &[f32]) -> Vec<u8> {
    let mut out = Vec::with_capacity(values.len() / 256 * Iq3S::BYTES);
    for block in values.chunks_exact(256) {
        let (d, steps, factors) = rounded(block.chunks_exact(32), 15.0, 15, 1.0);
        out.extend(d.to_le_bytes());
        let (mut high, mut all_signs) = ([0u8; 8], Vec::new());
        for (i, eight) in block.as_chunks::<8>().0.iter().enumerate() {
            let (wanted, signs) = magnitudes(eight, factors[i / 4], false);
            all_signs.push(signs as u8);
            for (j, four) in wanted.chunks_exact(4).enumerate() {
                let index = IQ3_S.nearest(four).0;
                out.push(index as u8);
                high[i / 4] |= ((index >> 8) as u8) << (2 * (i % 4) + j);
            }
        }
        out.extend(high);
        out.extend(all_signs);
        out.extend(steps.chunks_exact(2).map(|two| (two[0] | two[1] << 4) as u8));
    }
    out
}
