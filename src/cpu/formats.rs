//! Block types as [`super::fused`] reads them: 32 weights at a time.

use super::quants::{Bits, Quants, spread, spread_signed};
use crate::quant::Coded;
use wide::i16x8;

/// A weight is `factor · quant + offset`.
pub(super) struct Scales {
    /// Of each 32 weights of a block, of each 16 with [`Format::HALVES`].
    pub factors: [f32; 16],
    /// Zeros where [`Format::OFFSETS`] is false.
    pub offsets: [f32; 16],
}

/// Scales in whole numbers: a weight is `units[0] · factor · quant + units[1] · offset`.
pub(super) struct Steps {
    pub units: [f32; 2],
    /// Of each 32 weights of a block, of each 16 with [`Format::HALVES`].
    pub factors: [i16x8; 2],
    /// Zeros where [`Format::OFFSETS`] is false.
    pub offsets: [i16x8; 2],
}

impl Steps {
    /// The factors of the first and the last 16 weights of a group.
    #[inline(always)]
    pub fn of_group<F: Format>(&self, group: usize) -> [i16x8; 2] {
        let factor = |at: usize| i16x8::splat(self.factors[at / 8].to_array()[at % 8]);
        if F::HALVES { [factor(2 * group), factor(2 * group + 1)] } else { [factor(group); 2] }
    }
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
    /// Groups that are multiplied in whole numbers together (see [`super::whole`]), or 0 where there are no [`Format::steps`]. Their
    /// products with sixteen bits, eight a group in a lane, add up to less than 2³¹.
    const RUN: usize = 0;

    /// The scales of a block, where [`Format::RUN`] is not 0.
    fn steps<Q: Quants>(_block: &[u8]) -> Steps {
        Steps { units: [0.0; 2], factors: NONE, offsets: NONE }
    }

    /// The factor and offset of a block of one group, in half precision.
    #[inline(always)]
    fn halves(_block: &[u8]) -> [u16; 2] {
        [0; 2]
    }

    #[inline(always)]
    fn scales<Q: Quants>(block: &[u8]) -> Scales {
        if Self::GROUPS == 1 {
            let [factor, offset] = Self::halves(block).map(Q::widen);
            let mut scales = Scales { factors: [0.0; 16], offsets: [0.0; 16] };
            (scales.factors[0], scales.offsets[0]) = (factor, offset);
            return scales;
        }
        let Steps { units, factors, offsets } = Self::steps::<Q>(block);
        Scales {
            factors: bytemuck::cast::<_, [i16; 16]>(factors).map(|factor| units[0] * f32::from(factor)),
            offsets: bytemuck::cast::<_, [i16; 16]>(offsets).map(|offset| units[1] * f32::from(offset)),
        }
    }

    /// The quants of a group.
    fn quants<Q: Quants>(block: &[u8], group: usize) -> Q;
}

/// A number of half precision.
#[inline(always)]
fn half(block: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(*bytes(block, at))
}

#[inline(always)]
fn bytes<const N: usize>(block: &[u8], at: usize) -> &[u8; N] {
    block[at..].first_chunk().expect("blocks are as long as their type says")
}

#[inline(always)]
fn word(block: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(*bytes(block, at))
}

/// Moves halves of a number apart, again and again: each time by so many bits, and what is kept of both.
#[inline(always)]
fn apart(bits: u64, steps: [(u32, u64); 3]) -> u64 {
    steps.into_iter().fold(bits, |bits, (shift, kept)| (bits | bits << shift) & kept)
}

const NONE: [i16x8; 2] = [i16x8::ZERO; 2];

/// As `std::array::from_fn`, which is not always inlined.
#[inline(always)]
fn each(value: impl Fn(usize) -> f32) -> [f32; 16] {
    let mut out = [0.0; 16];
    for (i, out) in out.iter_mut().enumerate() {
        *out = value(i);
    }
    out
}

/// The 6-bit scales and minima of Q4_K and Q5_K: four of each in a word, and the last four's upper bits above those of the first.
#[inline(always)]
fn steps_k<Q: Quants>(block: &[u8]) -> Steps {
    let [s, m, rest] = [4, 8, 12].map(|at| u32::from_le_bytes(*bytes(block, at)));
    let scales = |low: u32, high: u32| {
        let all = u64::from(low & 0x3f3f_3f3f) | u64::from(high & 0x0f0f_0f0f | low >> 2 & 0x3030_3030) << 32;
        [spread(all.to_le_bytes()), i16x8::ZERO]
    };
    Steps {
        units: [Q::widen(half(block, 0)), -Q::widen(half(block, 2))],
        factors: scales(s, rest),
        offsets: scales(m, rest >> 4),
    }
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
    fn halves(block: &[u8]) -> [u16; 2] {
        [half(block, 0), 0]
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
    fn halves(block: &[u8]) -> [u16; 2] {
        [half(block, 0), half(block, 2)]
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
    fn halves(block: &[u8]) -> [u16; 2] {
        [half(block, 0), 0]
    }

    #[inline(always)]
    fn quants<Q: Quants>(block: &[u8], _: usize) -> Q {
        Q::fives::<true>(&block[6..22], &block[2..6])
    }
}

impl Format for Q5_1 {
    const BYTES: usize = 24;
    const GROUPS: usize = 1;
    const OFFSETS: bool = true;

    #[inline(always)]
    fn halves(block: &[u8]) -> [u16; 2] {
        [half(block, 0), half(block, 2)]
    }

    #[inline(always)]
    fn quants<Q: Quants>(block: &[u8], _: usize) -> Q {
        Q::fives::<false>(&block[8..24], &block[4..8])
    }
}

impl Format for Q8_0 {
    const BYTES: usize = 34;
    const GROUPS: usize = 1;

    #[inline(always)]
    fn halves(block: &[u8]) -> [u16; 2] {
        [half(block, 0), 0]
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
    fn steps<Q: Quants>(block: &[u8]) -> Steps {
        let words = [word(block, 0), word(block, 8)];
        let scales =
            |shift: u32| words.map(|word| spread((word >> shift & 0x0f0f_0f0f_0f0f_0f0f).to_le_bytes()));
        Steps {
            units: [Q::widen(half(block, 80)), -Q::widen(half(block, 82))],
            factors: scales(0),
            offsets: scales(4),
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
    fn steps<Q: Quants>(block: &[u8]) -> Steps {
        // Lower four bits: the first eight in the lower halves of eight bytes. Upper two: in each byte one of every fourth.
        let (low, high) = (word(block, 96), u64::from(u32::from_le_bytes(*bytes(block, 104))));
        let scales = |low: u64, high: u64| {
            let high = (high | high << 30) & 0x0303_0303_0303_0303;
            spread((low & 0x0f0f_0f0f_0f0f_0f0f | high << 4).to_le_bytes()) - i16x8::splat(32)
        };
        let factors = [scales(low, high), scales(low >> 4, high >> 4)];
        Steps { units: [Q::widen(half(block, 108)), 0.0], factors, offsets: NONE }
    }

    #[inline(always)]
    fn quants<Q: Quants>(block: &[u8], group: usize) -> Q {
        let low = Bits { bytes: &block[32 + group / 4 * 32..][..32], shift: 2 * (group % 4) as u32, mask: 3 };
        Q::joined(low, Bits { bytes: &block[..32], shift: group as u32, mask: 1 }, 4)
    }
}

impl Format for Q4K {
    const BYTES: usize = 144;
    const GROUPS: usize = 8;
    const OFFSETS: bool = true;
    // Quants times scales are at most 15 · 63.
    const RUN: usize = 8;

    #[inline(always)]
    fn steps<Q: Quants>(block: &[u8]) -> Steps {
        steps_k::<Q>(block)
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
    fn steps<Q: Quants>(block: &[u8]) -> Steps {
        steps_k::<Q>(block)
    }

    #[inline(always)]
    fn quants<Q: Quants>(block: &[u8], group: usize) -> Q {
        let low =
            Bits { bytes: &block[48 + group / 2 * 32..][..32], shift: 4 * (group % 2) as u32, mask: 15 };
        Q::joined(low, Bits { bytes: &block[16..48], shift: group as u32, mask: 1 }, 0)
    }
}

impl Format for Q6K {
    const BYTES: usize = 210;
    const GROUPS: usize = 8;
    const HALVES: bool = true;
    // Quants times scales are at most 32 · 128.
    const RUN: usize = 2;

    #[inline(always)]
    fn steps<Q: Quants>(block: &[u8]) -> Steps {
        let factors = spread_signed(*bytes(block, 192));
        Steps { units: [Q::widen(half(block, 208)), 0.0], factors, offsets: NONE }
    }

    #[inline(always)]
    fn quants<Q: Quants>(block: &[u8], group: usize) -> Q {
        let (part, run) = (group / 4, group % 4);
        let low =
            Bits { bytes: &block[64 * part + 32 * (run % 2)..][..32], shift: 4 * (run / 2) as u32, mask: 15 };
        Q::joined(low, Bits { bytes: &block[128 + 32 * part..][..32], shift: 2 * run as u32, mask: 3 }, 32)
    }
}

impl Format for Iq4Nl {
    const BYTES: usize = 18;
    const GROUPS: usize = 1;

    #[inline(always)]
    fn halves(block: &[u8]) -> [u16; 2] {
        [half(block, 0), 0]
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
    fn steps<Q: Quants>(block: &[u8]) -> Steps {
        // Each half byte, and each two bits above, into a byte of its own.
        let (low, high) = (u32::from_le_bytes(*bytes(block, 4)), half(block, 2));
        let low = apart(
            u64::from(low),
            [(16, 0x0000_ffff_0000_ffff), (8, 0x00ff_00ff_00ff_00ff), (4, 0x0f0f_0f0f_0f0f_0f0f)],
        );
        let high = apart(
            u64::from(high),
            [(24, 0x0000_00ff_0000_00ff), (12, 0x000f_000f_000f_000f), (6, 0x0303_0303_0303_0303)],
        );
        let factors = [spread((low | high << 4).to_le_bytes()) - i16x8::splat(32), i16x8::ZERO];
        Steps { units: [Q::widen(half(block, 0)), 0.0], factors, offsets: NONE }
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
