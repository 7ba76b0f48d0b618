//! IQ2_XXS, IQ2_XS and IQ2_S: eight weights are a point of 8, 25 and 43, with a sign for each.

use super::coded::{Coded, eights, even, half, magnitudes, nibble, odd, rounded, short, signed, word};
use super::grid::{IQ2_S, IQ2_XS, IQ2_XXS};

/// `d`; for each 32 weights a word of four indices, and one of four times seven signs and four bits of steps.
pub(crate) struct Iq2Xxs;

/// `d`; for each eight weights nine bits of index and seven signs; for each sixteen a nibble of steps.
pub(crate) struct Iq2Xs;

/// `d`; for each eight weights the low byte of an index; a byte of signs; two more bits of index; for each sixteen a
/// nibble of steps.
pub(crate) struct Iq2S;

impl Coded for Iq2Xxs {
    const BYTES: usize = 66;

    #[inline(always)]
    fn factors(block: &[u8]) -> [f32; 16] {
        let d = half(block, 0) / 8.0;
        std::array::from_fn(|i| d * odd(word(block, 6 + i / 2 * 8) >> 28))
    }

    #[inline(always)]
    fn quants(block: &[u8], group: usize) -> [i8; 32] {
        let signs = word(block, 6 + 8 * group);
        eights(|n| {
            let index = block[2 + 8 * group + n];
            signed(IQ2_XXS.point(u32::from(index)), even(signs >> (7 * n)))
        })
    }
}

impl Coded for Iq2Xs {
    const BYTES: usize = 74;
    const HALVES: bool = true;

    #[inline(always)]
    fn factors(block: &[u8]) -> [f32; 16] {
        let d = half(block, 0) / 8.0;
        std::array::from_fn(|i| d * odd(nibble(&block[66..74], i)))
    }

    #[inline(always)]
    fn quants(block: &[u8], group: usize) -> [i8; 32] {
        eights(|n| {
            let code = short(block, 2 + 8 * group + 2 * n);
            signed(IQ2_XS.point(code & 511), even(code >> 9))
        })
    }
}

impl Coded for Iq2S {
    const BYTES: usize = 82;
    const HALVES: bool = true;

    #[inline(always)]
    fn factors(block: &[u8]) -> [f32; 16] {
        let d = half(block, 0) / 8.0;
        std::array::from_fn(|i| d * odd(nibble(&block[74..82], i)))
    }

    #[inline(always)]
    fn quants(block: &[u8], group: usize) -> [i8; 32] {
        let high = u32::from(block[66 + group]);
        eights(|n| {
            let at = 4 * group + n;
            let index = u32::from(block[2 + at]) | ((high >> (2 * n)) & 3) << 8;
            signed(IQ2_S.point(index), u32::from(block[34 + at]))
        })
    }
}

pub(super) fn xxs_from_float(values: &[f32]) -> Vec<u8> {
    let mut out = Vec::with_capacity(values.len() / 256 * Iq2Xxs::BYTES);
    for block in values.chunks_exact(256) {
        let (d, steps, factors) = rounded(block.chunks_exact(32), 43.0, 15, 8.0);
        out.extend(d.to_le_bytes());
        for ((run, steps), factor) in block.chunks_exact(32).zip(steps).zip(factors) {
            let (mut indices, mut rest) = (0, steps << 28);
            for (n, eight) in run.as_chunks::<8>().0.iter().enumerate() {
                let (wanted, signs) = magnitudes(eight, factor, true);
                indices |= IQ2_XXS.nearest(&wanted).0 << (8 * n);
                rest |= (signs & 127) << (7 * n);
            }
            out.extend([indices, rest].map(u32::to_le_bytes).concat());
        }
    }
    out
}

pub(super) fn xs_from_float(values: &[f32]) -> Vec<u8> {
    let mut out = Vec::with_capacity(values.len() / 256 * Iq2Xs::BYTES);
    for block in values.chunks_exact(256) {
        let (d, steps, factors) = rounded(block.chunks_exact(16), 43.0, 15, 8.0);
        out.extend(d.to_le_bytes());
        for (i, eight) in block.as_chunks::<8>().0.iter().enumerate() {
            let (wanted, signs) = magnitudes(eight, factors[i / 2], true);
            out.extend(((IQ2_XS.nearest(&wanted).0 | (signs & 127) << 9) as u16).to_le_bytes());
        }
        out.extend(steps.chunks_exact(2).map(|two| (two[0] | two[1] << 4) as u8));
    }
    out
}

pub(super) fn s_from_float(values: &[f32]) -> Vec<u8> {
    let mut out = Vec::with_capacity(values.len() / 256 * Iq2S::BYTES);
    for block in values.chunks_exact(256) {
        let (d, steps, factors) = rounded(block.chunks_exact(16), 43.0, 15, 8.0);
        out.extend(d.to_le_bytes());
        let eights = block.as_chunks::<8>().0.iter().enumerate().map(|(i, eight)| {
            let (wanted, signs) = magnitudes(eight, factors[i / 2], false);
            (IQ2_S.nearest(&wanted).0, signs as u8)
        });
        let (indices, signs): (Vec<u32>, Vec<u8>) = eights.unzip();
        out.extend(indices.iter().map(|index| *index as u8));
        out.extend(signs);
        let high = |four: &[u32]| four.iter().enumerate().fold(0, |all, (n, i)| all | (i >> 8) << (2 * n));
        out.extend(indices.chunks_exact(4).map(|four| high(four) as u8));
        out.extend(steps.chunks_exact(2).map(|two| (two[0] | two[1] << 4) as u8));
    }
    out
}
