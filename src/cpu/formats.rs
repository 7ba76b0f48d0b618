//! Block types as [`super::fused`] reads them: 32 weights at a time, as quants in vectors of sixteen bits.
//!
//! Two bytes of a block lie in each lane of a vector, so that the quants of a group come out without a shuffle, in this
//! order: every other one from the first on, from the second on, and the same of the group's second half.

use crate::quant::{Coded, LEVELS, scales_3, scales_iq4, widen};
use wide::{i8x16, i16x8, u16x8};

/// A weight is `factor · quant + offset`.
pub(super) struct Scales {
    /// Of each 16 weights of a block; where [`Format::HALVES`] is false only every other is given.
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

    fn scales(block: &[u8]) -> Scales;

    /// The quants of a group.
    fn quants(block: &[u8], group: usize) -> [i16x8; 4];
}

/// 16 bytes.
#[inline(always)]
fn lanes(bytes: &[u8]) -> u16x8 {
    let pairs: [[u8; 2]; 8] = std::array::from_fn(|i| [bytes[2 * i], bytes[2 * i + 1]]);
    u16x8::new(pairs.map(u16::from_le_bytes))
}

/// Some bits of every other byte, then of those between.
#[inline(always)]
fn bits(bytes: u16x8, shift: u32, mask: u16) -> [u16x8; 2] {
    [(bytes >> shift) & u16x8::splat(mask), (bytes >> (shift + 8)) & u16x8::splat(mask)]
}

/// The same of 32 bytes.
#[inline(always)]
fn bits_32(bytes: &[u8], shift: u32, mask: u16) -> [u16x8; 4] {
    let ([a, b], [c, d]) = (bits(lanes(bytes), shift, mask), bits(lanes(&bytes[16..]), shift, mask));
    [a, b, c, d]
}

/// 16 bytes whose low halves are a group's first half.
#[inline(always)]
fn nibbles(bytes: &[u8]) -> [u16x8; 4] {
    let bytes = lanes(bytes);
    let ([a, b], [c, d]) = (bits(bytes, 0, 15), bits(bytes, 4, 15));
    [a, b, c, d]
}

#[inline(always)]
fn or(low: [u16x8; 4], high: [u16x8; 4], shift: u32) -> [u16x8; 4] {
    std::array::from_fn(|i| low[i] | (high[i] << shift))
}

#[inline(always)]
fn less(quants: [u16x8; 4], offset: i16) -> [i16x8; 4] {
    quants.map(|q| bytemuck::cast::<u16x8, i16x8>(q) - i16x8::splat(offset))
}

/// Signed bytes, every other and those between.
#[inline(always)]
fn signed(bytes: u16x8) -> [i16x8; 2] {
    let odd: i16x8 = bytemuck::cast(bytes);
    let even: i16x8 = bytemuck::cast(bytes << 8u32);
    [even >> 8u32, odd >> 8u32]
}

/// The fifth bits of a group, one a bit.
#[inline(always)]
fn fifths(raw: &[u8]) -> [u16x8; 4] {
    const EVEN: [u16; 8] = [1, 1 << 2, 1 << 4, 1 << 6, 1 << 8, 1 << 10, 1 << 12, 1 << 14];
    const ODD: [u16; 8] = [1 << 1, 1 << 3, 1 << 5, 1 << 7, 1 << 9, 1 << 11, 1 << 13, 1 << 15];
    let of = |bytes: &[u8], places: [u16; 8]| {
        let places = u16x8::new(places);
        let word = u16x8::splat(u16::from_le_bytes([bytes[0], bytes[1]]));
        (word & places).simd_eq(places) & u16x8::splat(1)
    };
    [of(raw, EVEN), of(raw, ODD), of(&raw[2..], EVEN), of(&raw[2..], ODD)]
}

#[inline(always)]
fn half(block: &[u8], at: usize) -> f32 {
    widen(u16::from_le_bytes([block[at], block[at + 1]]))
}

#[inline(always)]
fn only(factor: f32, offset: f32) -> Scales {
    let mut scales = Scales { factors: [0.0; 16], offsets: [0.0; 16] };
    (scales.factors[0], scales.offsets[0]) = (factor, offset);
    scales
}

/// `d q + m` with the 6-bit scales of Q4_K and Q5_K.
#[inline(always)]
fn scales_k(block: &[u8]) -> Scales {
    let (d, dmin, packed) = (half(block, 0), half(block, 2), &block[4..16]);
    let mut scales = Scales { factors: [0.0; 16], offsets: [0.0; 16] };
    for j in 0..4 {
        let (s, m, rest) = (packed[j], packed[j + 4], packed[j + 8]);
        scales.factors[2 * j] = d * f32::from(s & 63);
        scales.offsets[2 * j] = -dmin * f32::from(m & 63);
        scales.factors[2 * j + 8] = d * f32::from((rest & 15) | (s >> 6) << 4);
        scales.offsets[2 * j + 8] = -dmin * f32::from((rest >> 4) | (m >> 6) << 4);
    }
    scales
}

#[inline(always)]
fn levels(bytes: &[u8]) -> [i16x8; 4] {
    let (table, bytes) = (i8x16::new(LEVELS), lanes(bytes));
    let look_up = |nibbles: u16x8| {
        let found = table.shuffle(bytemuck::cast(nibbles & u16x8::splat(0x0f0f)));
        signed(bytemuck::cast(found))
    };
    let ([a, b], [c, d]) = (look_up(bytes), look_up(bytes >> 4u32));
    [a, b, c, d]
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
    fn scales(block: &[u8]) -> Scales {
        only(half(block, 0), 0.0)
    }

    #[inline(always)]
    fn quants(block: &[u8], _: usize) -> [i16x8; 4] {
        less(nibbles(&block[2..18]), 8)
    }
}

impl Format for Q4_1 {
    const BYTES: usize = 20;
    const GROUPS: usize = 1;
    const OFFSETS: bool = true;

    #[inline(always)]
    fn scales(block: &[u8]) -> Scales {
        only(half(block, 0), half(block, 2))
    }

    #[inline(always)]
    fn quants(block: &[u8], _: usize) -> [i16x8; 4] {
        nibbles(&block[4..20]).map(bytemuck::cast)
    }
}

impl Format for Q5_0 {
    const BYTES: usize = 22;
    const GROUPS: usize = 1;

    #[inline(always)]
    fn scales(block: &[u8]) -> Scales {
        only(half(block, 0), 0.0)
    }

    #[inline(always)]
    fn quants(block: &[u8], _: usize) -> [i16x8; 4] {
        less(or(nibbles(&block[6..22]), fifths(&block[2..6]), 4), 16)
    }
}

impl Format for Q5_1 {
    const BYTES: usize = 24;
    const GROUPS: usize = 1;
    const OFFSETS: bool = true;

    #[inline(always)]
    fn scales(block: &[u8]) -> Scales {
        only(half(block, 0), half(block, 2))
    }

    #[inline(always)]
    fn quants(block: &[u8], _: usize) -> [i16x8; 4] {
        or(nibbles(&block[8..24]), fifths(&block[4..8]), 4).map(bytemuck::cast)
    }
}

impl Format for Q8_0 {
    const BYTES: usize = 34;
    const GROUPS: usize = 1;

    #[inline(always)]
    fn scales(block: &[u8]) -> Scales {
        only(half(block, 0), 0.0)
    }

    #[inline(always)]
    fn quants(block: &[u8], _: usize) -> [i16x8; 4] {
        let ([a, b], [c, d]) = (signed(lanes(&block[2..18])), signed(lanes(&block[18..34])));
        [a, b, c, d]
    }
}

impl Format for Q2K {
    const BYTES: usize = 84;
    const GROUPS: usize = 8;
    const HALVES: bool = true;
    const OFFSETS: bool = true;

    #[inline(always)]
    fn scales(block: &[u8]) -> Scales {
        let (d, dmin) = (half(block, 80), half(block, 82));
        Scales {
            factors: std::array::from_fn(|i| d * f32::from(block[i] & 15)),
            offsets: std::array::from_fn(|i| -dmin * f32::from(block[i] >> 4)),
        }
    }

    #[inline(always)]
    fn quants(block: &[u8], group: usize) -> [i16x8; 4] {
        bits_32(&block[16 + group / 4 * 32..][..32], 2 * (group % 4) as u32, 3).map(bytemuck::cast)
    }
}

impl Format for Q3K {
    const BYTES: usize = 110;
    const GROUPS: usize = 8;
    const HALVES: bool = true;

    #[inline(always)]
    fn scales(block: &[u8]) -> Scales {
        let d = half(block, 108);
        Scales { factors: scales_3(&block[96..108]).map(|s| d * f32::from(s)), offsets: [0.0; 16] }
    }

    #[inline(always)]
    fn quants(block: &[u8], group: usize) -> [i16x8; 4] {
        let low = bits_32(&block[32 + group / 4 * 32..][..32], 2 * (group % 4) as u32, 3);
        less(or(low, bits_32(&block[..32], group as u32, 1), 2), 4)
    }
}

impl Format for Q4K {
    const BYTES: usize = 144;
    const GROUPS: usize = 8;
    const OFFSETS: bool = true;

    #[inline(always)]
    fn scales(block: &[u8]) -> Scales {
        scales_k(block)
    }

    #[inline(always)]
    fn quants(block: &[u8], group: usize) -> [i16x8; 4] {
        bits_32(&block[16 + group / 2 * 32..][..32], 4 * (group % 2) as u32, 15).map(bytemuck::cast)
    }
}

impl Format for Q5K {
    const BYTES: usize = 176;
    const GROUPS: usize = 8;
    const OFFSETS: bool = true;

    #[inline(always)]
    fn scales(block: &[u8]) -> Scales {
        scales_k(block)
    }

    #[inline(always)]
    fn quants(block: &[u8], group: usize) -> [i16x8; 4] {
        let low = bits_32(&block[48 + group / 2 * 32..][..32], 4 * (group % 2) as u32, 15);
        or(low, bits_32(&block[16..48], group as u32, 1), 4).map(bytemuck::cast)
    }
}

impl Format for Q6K {
    const BYTES: usize = 210;
    const GROUPS: usize = 8;
    const HALVES: bool = true;

    #[inline(always)]
    fn scales(block: &[u8]) -> Scales {
        let d = half(block, 208);
        Scales { factors: std::array::from_fn(|i| d * f32::from(block[192 + i] as i8)), offsets: [0.0; 16] }
    }

    #[inline(always)]
    fn quants(block: &[u8], group: usize) -> [i16x8; 4] {
        let (part, run) = (group / 4, group % 4);
        let low = bits_32(&block[64 * part + 32 * (run % 2)..][..32], 4 * (run / 2) as u32, 15);
        less(or(low, bits_32(&block[128 + 32 * part..][..32], 2 * run as u32, 3), 4), 32)
    }
}

impl Format for Iq4Nl {
    const BYTES: usize = 18;
    const GROUPS: usize = 1;

    #[inline(always)]
    fn scales(block: &[u8]) -> Scales {
        only(half(block, 0), 0.0)
    }

    #[inline(always)]
    fn quants(block: &[u8], _: usize) -> [i16x8; 4] {
        levels(&block[2..18])
    }
}

impl Format for Iq4Xs {
    const BYTES: usize = 136;
    const GROUPS: usize = 8;

    #[inline(always)]
    fn scales(block: &[u8]) -> Scales {
        let (d, scales) = (half(block, 0), scales_iq4(&block[2..8]));
        Scales { factors: std::array::from_fn(|i| d * f32::from(scales[i / 2])), offsets: [0.0; 16] }
    }

    #[inline(always)]
    fn quants(block: &[u8], group: usize) -> [i16x8; 4] {
        levels(&block[8 + 16 * group..][..16])
    }
}

/// Types that are read quant by quant.
impl<C: Coded> Format for C {
    const BYTES: usize = C::BYTES;
    const GROUPS: usize = C::GROUPS;
    const HALVES: bool = C::HALVES;

    #[inline(always)]
    fn scales(block: &[u8]) -> Scales {
        Scales { factors: C::factors(block), offsets: [0.0; 16] }
    }

    #[inline(always)]
    fn quants(block: &[u8], group: usize) -> [i16x8; 4] {
        let quants = C::quants(block, group);
        let bytes: &[u8] = bytemuck::cast_slice(&quants);
        let ([a, b], [c, d]) = (signed(lanes(&bytes[..16])), signed(lanes(&bytes[16..])));
        [a, b, c, d]
    }
}
