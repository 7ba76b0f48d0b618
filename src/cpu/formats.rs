//! Block types as [`super::fused`] reads them: 32 weights at a time.

use super::quants::Quants;
use crate::quant::{Coded, scales_3, scales_iq4};

/// A weight is `factor · quant + offset`.
pub(super) struct Scales {
    /// Of each 32 weights of a block, of each 16 with [`Format::HALVES`].
    pub factors: [f32; 16],
    /// Zeros where [`Format::OFFSETS`] is false.
    pub offsets: [f32; 16],
}

pub(super) trait Format {
    /// Bytes of a block.
    const BYTES: usize;
    /// Groups of 32 weights in a block.
    const GROUPS: usize;
    /// Whether the halves of a group have scales of their own.
    const HALVES: bool = false;
    const OFFSETS: bool = false;
    /// Quants are looked up one by one, which takes much code.
    const CODED: bool = false;
    /// Groups that are multiplied in whole numbers together (see [`super::whole`]), or 0: their factors are whole multiples of
    /// [`Format::unit`], and their products with sixteen bits, eight a group in a lane, add up to less than 2³¹.
    const RUN: usize = 0;

    fn scales<Q: Quants>(block: &[u8]) -> Scales;

    /// What all factors of a block are whole multiples of, where [`Format::RUN`] is not 0.
    fn unit<Q: Quants>(_block: &[u8]) -> f32 {
        1.0
    }

    /// The quants of a group.
    fn quants<Q: Quants>(block: &[u8], group: usize) -> Q;
}

#[inline(always)]
fn half<Q: Quants>(block: &[u8], at: usize) -> f32 {
    Q::widen(u16::from_le_bytes([block[at], block[at + 1]]))
}

/// As `std::array::from_fn`, which is not always inlined.
#[inline(always)]
fn each(value: impl Fn(usize) -> f32) -> [f32; 16] {
    let mut out = [0.0; 16];
    for (i, out) in out.iter_mut().enumerate() {
        *out = value(i);
    }
    out
}

#[inline(always)]
fn only(factor: f32, offset: f32) -> Scales {
    let mut scales = Scales { factors: [0.0; 16], offsets: [0.0; 16] };
    (scales.factors[0], scales.offsets[0]) = (factor, offset);
    scales
}

/// `d q + m` with the 6-bit scales of Q4_K and Q5_K.
#[inline(always)]
fn scales_k<Q: Quants>(block: &[u8]) -> Scales {
    let (d, dmin, packed) = (half::<Q>(block, 0), half::<Q>(block, 2), &block[4..16]);
    let mut scales = Scales { factors: [0.0; 16], offsets: [0.0; 16] };
    for j in 0..4 {
        let (s, m, rest) = (packed[j], packed[j + 4], packed[j + 8]);
        scales.factors[j] = d * f32::from(s & 63);
        scales.offsets[j] = -dmin * f32::from(m & 63);
        scales.factors[j + 4] = d * f32::from((rest & 15) | (s >> 6) << 4);
        scales.offsets[j + 4] = -dmin * f32::from((rest >> 4) | (m >> 6) << 4);
    }
    scales
}

pub(super) struct Q4_0;
pub(super) struct Q4_1;
pub(super) struct Q5_0;
pub(super) struct Q5_1;
pub(super) struct Q8_0;
pub(super) struct Q2K;
pub(super) struct Q3K;
pub(super) struct Q4K;
pub(super) struct Q5K;
pub(super) struct Q6K;
pub(super) struct Iq4Nl;
pub(super) struct Iq4Xs;

impl Format for Q4_0 {
    const BYTES: usize = 18;
    const GROUPS: usize = 1;

    #[inline(always)]
    fn scales<Q: Quants>(block: &[u8]) -> Scales {
        only(half::<Q>(block, 0), 0.0)
    }

    #[inline(always)]
    fn quants<Q: Quants>(block: &[u8], _: usize) -> Q {
        Q::nibbles(&block[2..18]).less(8)
    }
}

impl Format for Q4_1 {
    const BYTES: usize = 20;
    const GROUPS: usize = 1;
    const OFFSETS: bool = true;

    #[inline(always)]
    fn scales<Q: Quants>(block: &[u8]) -> Scales {
        only(half::<Q>(block, 0), half::<Q>(block, 2))
    }

    #[inline(always)]
    fn quants<Q: Quants>(block: &[u8], _: usize) -> Q {
        Q::nibbles(&block[4..20])
    }
}

impl Format for Q5_0 {
    const BYTES: usize = 22;
    const GROUPS: usize = 1;

    #[inline(always)]
    fn scales<Q: Quants>(block: &[u8]) -> Scales {
        only(half::<Q>(block, 0), 0.0)
    }

    #[inline(always)]
    fn quants<Q: Quants>(block: &[u8], _: usize) -> Q {
        Q::nibbles(&block[6..22]).or(Q::single_bits(&block[2..6]), 4).less(16)
    }
}

impl Format for Q5_1 {
    const BYTES: usize = 24;
    const GROUPS: usize = 1;
    const OFFSETS: bool = true;

    #[inline(always)]
    fn scales<Q: Quants>(block: &[u8]) -> Scales {
        only(half::<Q>(block, 0), half::<Q>(block, 2))
    }

    #[inline(always)]
    fn quants<Q: Quants>(block: &[u8], _: usize) -> Q {
        Q::nibbles(&block[8..24]).or(Q::single_bits(&block[4..8]), 4)
    }
}

impl Format for Q8_0 {
    const BYTES: usize = 34;
    const GROUPS: usize = 1;

    #[inline(always)]
    fn scales<Q: Quants>(block: &[u8]) -> Scales {
        only(half::<Q>(block, 0), 0.0)
    }

    #[inline(always)]
    fn quants<Q: Quants>(block: &[u8], _: usize) -> Q {
        Q::signed(&block[2..34])
    }
}

impl Format for Q2K {
    const BYTES: usize = 84;
    const GROUPS: usize = 8;
    const HALVES: bool = true;
    const OFFSETS: bool = true;
    // Quants times scales are at most 3 · 15.
    const RUN: usize = 8;

    #[inline(always)]
    fn unit<Q: Quants>(block: &[u8]) -> f32 {
        half::<Q>(block, 80)
    }

    #[inline(always)]
    fn scales<Q: Quants>(block: &[u8]) -> Scales {
        let (d, dmin) = (half::<Q>(block, 80), half::<Q>(block, 82));
        Scales {
            factors: each(|i| d * f32::from(block[i] & 15)),
            offsets: each(|i| -dmin * f32::from(block[i] >> 4)),
        }
    }

    #[inline(always)]
    fn quants<Q: Quants>(block: &[u8], group: usize) -> Q {
        Q::bits(&block[16 + group / 4 * 32..][..32], 2 * (group % 4) as u32, 3)
    }
}

impl Format for Q3K {
    const BYTES: usize = 110;
    const GROUPS: usize = 8;
    const HALVES: bool = true;
    // Quants times scales are at most 4 · 32.
    const RUN: usize = 8;

    #[inline(always)]
    fn unit<Q: Quants>(block: &[u8]) -> f32 {
        half::<Q>(block, 108)
    }

    #[inline(always)]
    fn scales<Q: Quants>(block: &[u8]) -> Scales {
        let d = half::<Q>(block, 108);
        Scales { factors: scales_3(&block[96..108]).map(|s| d * f32::from(s)), offsets: [0.0; 16] }
    }

    #[inline(always)]
    fn quants<Q: Quants>(block: &[u8], group: usize) -> Q {
        let low: Q = Q::bits(&block[32 + group / 4 * 32..][..32], 2 * (group % 4) as u32, 3);
        low.or(Q::bits(&block[..32], group as u32, 1), 2).less(4)
    }
}

impl Format for Q4K {
    const BYTES: usize = 144;
    const GROUPS: usize = 8;
    const OFFSETS: bool = true;
    // Quants times scales are at most 15 · 63.
    const RUN: usize = 8;

    #[inline(always)]
    fn unit<Q: Quants>(block: &[u8]) -> f32 {
        half::<Q>(block, 0)
    }

    #[inline(always)]
    fn scales<Q: Quants>(block: &[u8]) -> Scales {
        scales_k::<Q>(block)
    }

    #[inline(always)]
    fn quants<Q: Quants>(block: &[u8], group: usize) -> Q {
        Q::bits(&block[16 + group / 2 * 32..][..32], 4 * (group % 2) as u32, 15)
    }
}

impl Format for Q5K {
    const BYTES: usize = 176;
    const GROUPS: usize = 8;
    const OFFSETS: bool = true;
    // Quants times scales are at most 31 · 63.
    const RUN: usize = 4;

    #[inline(always)]
    fn unit<Q: Quants>(block: &[u8]) -> f32 {
        half::<Q>(block, 0)
    }

    #[inline(always)]
    fn scales<Q: Quants>(block: &[u8]) -> Scales {
        scales_k::<Q>(block)
    }

    #[inline(always)]
    fn quants<Q: Quants>(block: &[u8], group: usize) -> Q {
        let low: Q = Q::bits(&block[48 + group / 2 * 32..][..32], 4 * (group % 2) as u32, 15);
        low.or(Q::bits(&block[16..48], group as u32, 1), 4)
    }
}

impl Format for Q6K {
    const BYTES: usize = 210;
    const GROUPS: usize = 8;
    const HALVES: bool = true;
    // Quants times scales are at most 32 · 128.
    const RUN: usize = 2;

    #[inline(always)]
    fn unit<Q: Quants>(block: &[u8]) -> f32 {
        half::<Q>(block, 208)
    }

    #[inline(always)]
    fn scales<Q: Quants>(block: &[u8]) -> Scales {
        let d = half::<Q>(block, 208);
        Scales { factors: each(|i| d * f32::from(block[192 + i] as i8)), offsets: [0.0; 16] }
    }

    #[inline(always)]
    fn quants<Q: Quants>(block: &[u8], group: usize) -> Q {
        let (part, run) = (group / 4, group % 4);
        let low: Q = Q::bits(&block[64 * part + 32 * (run % 2)..][..32], 4 * (run / 2) as u32, 15);
        low.or(Q::bits(&block[128 + 32 * part..][..32], 2 * run as u32, 3), 4).less(32)
    }
}

impl Format for Iq4Nl {
    const BYTES: usize = 18;
    const GROUPS: usize = 1;

    #[inline(always)]
    fn scales<Q: Quants>(block: &[u8]) -> Scales {
        only(half::<Q>(block, 0), 0.0)
    }

    #[inline(always)]
    fn quants<Q: Quants>(block: &[u8], _: usize) -> Q {
        Q::levels(&block[2..18])
    }
}

impl Format for Iq4Xs {
    const BYTES: usize = 136;
    const GROUPS: usize = 8;
    // Quants times scales are at most 127 · 32.
    const RUN: usize = 2;

    #[inline(always)]
    fn unit<Q: Quants>(block: &[u8]) -> f32 {
        half::<Q>(block, 0)
    }

    #[inline(always)]
    fn scales<Q: Quants>(block: &[u8]) -> Scales {
        let (d, scales) = (half::<Q>(block, 0), scales_iq4(&block[2..8]));
        Scales { factors: each(|i| if i < 8 { d * f32::from(scales[i]) } else { 0.0 }), offsets: [0.0; 16] }
    }

    #[inline(always)]
    fn quants<Q: Quants>(block: &[u8], group: usize) -> Q {
        Q::levels(&block[8 + 16 * group..][..16])
    }
}

/// Types that are read quant by quant.
impl<C: Coded> Format for C {
    const BYTES: usize = C::BYTES;
    const GROUPS: usize = C::GROUPS;
    const HALVES: bool = C::HALVES;
    const CODED: bool = true;

    #[inline(always)]
    fn scales<Q: Quants>(block: &[u8]) -> Scales {
        let step = if C::HALVES { 1 } else { 2 };
        let factors = C::factors(block);
        Scales { factors: each(|i| factors[(step * i).min(15)]), offsets: [0.0; 16] }
    }

    #[inline(always)]
    fn quants<Q: Quants>(block: &[u8], group: usize) -> Q {
        let quants = C::quants(block, group);
        Q::signed(bytemuck::cast_slice(&quants))
    }
}
