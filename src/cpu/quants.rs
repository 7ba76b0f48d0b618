//! 32 quants as lanes of sixteen bits: how [`super::formats`] unpacks blocks, and [`super::fused`] multiplies them.
//!
//! The lanes stand in this order: every other quant of the first 16 from the first on, then from the second on, and the
//! same of the last 16. So bytes that hold a quant each, or two in their halves, are unpacked by shifts alone.

use crate::quant::{LEVELS, widen};
use wide::{f32x4, f32x8, i8x16, i16x8, i32x4, i32x8, u16x8};

/// Which of its group stands in a lane.
#[inline(always)]
pub(super) const fn place(lane: usize) -> usize {
    lane / 16 * 16 + lane % 8 * 2 + lane / 8 % 2
}

/// 32 elements of a row of `x` as whole numbers, in the order of the lanes.
#[derive(Clone, Copy)]
#[cfg_attr(target_arch = "x86_64", repr(align(64)))]
pub(super) struct Values(pub [i16; 32]);

/// Some bits of each of 32 bytes.
#[derive(Clone, Copy)]
pub(super) struct Bits<'a> {
    pub bytes: &'a [u8],
    pub shift: u32,
    pub mask: u16,
}

/// 32 quants in the registers of a processor.
pub(super) trait Quants: Copy {
    /// Whether few rows are multiplied by [`super::fused_whole`].
    const WHOLE: bool = false;

    /// Running sums of products, in `f32`.
    type Sums: Copy;

    /// Some bits of each of 32 bytes.
    fn bits(bytes: &[u8], shift: u32, mask: u16) -> Self;
    /// 16 bytes whose low halves are the first 16 quants.
    fn nibbles(bytes: &[u8]) -> Self;
    /// 32 signed bytes.
    fn signed(bytes: &[u8]) -> Self;
    /// The 32 bits of four bytes.
    fn single_bits(bytes: &[u8]) -> Self;
    /// Some bits of each of 32 bytes, and above them some of others, less a number.
    #[inline(always)]
    fn joined(low: Bits, high: Bits, less: i16) -> Self {
        let lowest = Self::bits(low.bytes, low.shift, low.mask);
        let quants = lowest.or(Self::bits(high.bytes, high.shift, high.mask), low.mask.count_ones());
        if less == 0 { quants } else { quants.less(less) }
    }
    /// 16 bytes as in [`Quants::nibbles`], and a fifth bit of each quant; with `LESS`, less 16.
    #[inline(always)]
    fn fives<const LESS: bool>(nibbles: &[u8], bits: &[u8]) -> Self {
        let quants = Self::nibbles(nibbles).or(Self::single_bits(bits), 4);
        if LESS { quants.less(16) } else { quants }
    }
    /// 16 bytes, as in [`Quants::nibbles`], whose halves are places in [`LEVELS`].
    fn levels(bytes: &[u8]) -> Self;

    /// `self | high << shift`
    fn or(self, high: Self, shift: u32) -> Self;
    /// `self - offset`
    fn less(self, offset: i16) -> Self;

    fn zero() -> Self::Sums;
    /// Adds the products with `x`, those of the first 16 and of the last 16 times a factor each; without `HALVES` both
    /// factors are the first.
    fn add<const HALVES: bool>(self, x: &Values, factors: [f32; 2], sums: Self::Sums) -> Self::Sums;
    fn total(sums: Self::Sums) -> f32;

    /// Writes `factor · quant + offset` of each lane, with the factor and offset of the first 16 and of the last 16.
    fn store(self, factors: [f32; 2], offsets: [f32; 2], out: &mut [f32; 32]);

    /// A number of half precision.
    fn widen(half: u16) -> f32;
}

/// On vectors of 128 bits, which all processors have that we build for.
#[derive(Clone, Copy)]
pub(super) struct Base([i16x8; 4]);

impl Base {
    /// The first 16 quants and the last 16, times a whole number each.
    #[inline(always)]
    pub(super) fn times(self, [first, last]: [i16x8; 2]) -> Base {
        let [a, b, c, d] = self.0;
        Base([a * first, b * first, c * last, d * last])
    }

    /// Adds the products with `x`, in 32 bits.
    #[inline(always)]
    pub(super) fn add_whole(self, x: &[i16; 32], sums: i32x4) -> i32x4 {
        let [q, x] = [self.0, bytemuck::cast::<[i16; 32], [i16x8; 4]>(*x)];
        sums + q[0].dot(x[0]) + q[1].dot(x[1]) + q[2].dot(x[2]) + q[3].dot(x[3])
    }

    #[inline(always)]
    pub(super) fn to_array(self) -> [i16; 32] {
        bytemuck::cast(self.0)
    }
}

/// 16 bytes.
#[inline(always)]
fn lanes(bytes: &[u8]) -> u16x8 {
    // All processors that we build for have the lower byte first.
    bytemuck::pod_read_unaligned(&bytes[..16])
}

/// Four numbers of half precision, as [`widen`] does it with one.
#[inline(always)]
pub(super) fn widen_four(halves: [u16; 4]) -> f32x4 {
    let bits: i32x4 = i32x4::new(halves.map(i32::from)) << 16;
    let moved: f32x4 = bytemuck::cast((bits >> 3) & i32x4::splat(0x8fff_e000u32 as i32));
    let value = moved * f32x4::splat(f32::from_bits((127 + 112) << 23));
    let special = value.abs().simd_ge(f32x4::splat(65536.0)) & f32x4::splat(f32::INFINITY);
    value | special
}

/// Bytes as lanes. Compilers make scalars of this, eight for one instruction that they do not find.
#[inline(always)]
pub(super) fn spread(bytes: [u8; 8]) -> i16x8 {
    #[cfg(target_arch = "wasm32")]
    {
        use core::arch::wasm32::{u16x8_extend_low_u8x16, u64x2_splat};
        bytemuck::cast(u16x8_extend_low_u8x16(u64x2_splat(u64::from_le_bytes(bytes))))
    }
    #[cfg(not(target_arch = "wasm32"))]
    i16x8::new(bytes.map(i16::from))
}

/// Signed bytes as lanes.
#[inline(always)]
pub(super) fn spread_signed(bytes: [u8; 16]) -> [i16x8; 2] {
    #[cfg(target_arch = "wasm32")]
    {
        use core::arch::wasm32::{i16x8_extend_high_i8x16, i16x8_extend_low_i8x16};
        let bytes = bytemuck::cast(bytes);
        bytemuck::cast([i16x8_extend_low_i8x16(bytes), i16x8_extend_high_i8x16(bytes)])
    }
    #[cfg(not(target_arch = "wasm32"))]
    bytemuck::cast(bytes.map(|byte| i16::from(byte as i8)))
}

/// Some bits of every other byte, then of those between.
#[inline(always)]
fn bits(bytes: u16x8, shift: u32, mask: u16) -> [i16x8; 2] {
    let pick = |shift: u32| bytemuck::cast((bytes >> shift) & u16x8::splat(mask));
    [pick(shift), pick(shift + 8)]
}

/// Signed bytes, every other and those between.
#[inline(always)]
fn signed(bytes: u16x8) -> [i16x8; 2] {
    let odd: i16x8 = bytemuck::cast(bytes);
    let even: i16x8 = bytemuck::cast(bytes << 8u32);
    [even >> 8u32, odd >> 8u32]
}

/// The place of each lane's bit in a word of sixteen.
pub(super) const EVEN: [u16; 8] = [1, 1 << 2, 1 << 4, 1 << 6, 1 << 8, 1 << 10, 1 << 12, 1 << 14];
pub(super) const ODD: [u16; 8] = [1 << 1, 1 << 3, 1 << 5, 1 << 7, 1 << 9, 1 << 11, 1 << 13, 1 << 15];

impl Quants for Base {
    const WHOLE: bool = true;
    type Sums = f32x4;

    #[inline(always)]
    fn bits(bytes: &[u8], shift: u32, mask: u16) -> Base {
        let ([a, b], [c, d]) = (bits(lanes(bytes), shift, mask), bits(lanes(&bytes[16..]), shift, mask));
        Base([a, b, c, d])
    }

    #[inline(always)]
    fn nibbles(bytes: &[u8]) -> Base {
        let bytes = lanes(bytes);
        let ([a, b], [c, d]) = (bits(bytes, 0, 15), bits(bytes, 4, 15));
        Base([a, b, c, d])
    }

    #[inline(always)]
    fn signed(bytes: &[u8]) -> Base {
        let ([a, b], [c, d]) = (signed(lanes(bytes)), signed(lanes(&bytes[16..])));
        Base([a, b, c, d])
    }

    #[inline(always)]
    fn single_bits(bytes: &[u8]) -> Base {
        let of = |bytes: &[u8], places: [u16; 8]| {
            let places = u16x8::new(places);
            let word = u16x8::splat(u16::from_le_bytes([bytes[0], bytes[1]]));
            bytemuck::cast((word & places).simd_eq(places) & u16x8::splat(1))
        };
        Base([of(bytes, EVEN), of(bytes, ODD), of(&bytes[2..], EVEN), of(&bytes[2..], ODD)])
    }

    #[inline(always)]
    fn joined(low: Bits, high: Bits, less: i16) -> Base {
        // Byte by byte, twice as many at a time as when they are lanes already.
        let place = low.mask.count_ones();
        let of = |at: usize| {
            let lowest = (lanes(&low.bytes[at..]) >> low.shift) & u16x8::splat(low.mask * 0x0101);
            let above = lanes(&high.bytes[at..]);
            let above = if high.shift > place {
                above >> (high.shift - place)
            } else {
                above << (place - high.shift)
            };
            let all = lowest | above & u16x8::splat((high.mask << place) * 0x0101);
            if less == 0 {
                [all & u16x8::splat(0xff), all >> 8u32].map(bytemuck::cast)
            } else {
                let bytes: i8x16 = bytemuck::cast(all);
                signed(bytemuck::cast(bytes - i8x16::splat(less as i8)))
            }
        };
        let ([a, b], [c, d]) = (of(0), of(16));
        Base([a, b, c, d])
    }

    #[inline(always)]
    fn fives<const LESS: bool>(nibbles: &[u8], bits: &[u8]) -> Base {
        // A bit that is not set takes 16 away by the same `or` that adds 16 for one that is set: there is nothing left to subtract.
        let fifth = |bytes: &[u8], places: [u16; 8]| -> i16x8 {
            let places = u16x8::new(places);
            let bits = u16x8::splat(u16::from_le_bytes([bytes[0], bytes[1]])) & places;
            bytemuck::cast(if LESS {
                bits.simd_eq(u16x8::ZERO) & u16x8::splat(-16i16 as u16)
            } else {
                bits.simd_eq(places) & u16x8::splat(16)
            })
        };
        let [a, b, c, d] = Base::nibbles(nibbles).0;
        let (low, high) = (bits, &bits[2..]);
        Base([a | fifth(low, EVEN), b | fifth(low, ODD), c | fifth(high, EVEN), d | fifth(high, ODD)])
    }

    #[inline(always)]
    fn levels(bytes: &[u8]) -> Base {
        let (table, bytes) = (i8x16::new(LEVELS), lanes(bytes));
        let look_up = |nibbles: u16x8| {
            let found = table.shuffle(bytemuck::cast(nibbles & u16x8::splat(0x0f0f)));
            signed(bytemuck::cast(found))
        };
        let ([a, b], [c, d]) = (look_up(bytes), look_up(bytes >> 4u32));
        Base([a, b, c, d])
    }

    #[inline(always)]
    fn or(self, high: Base, shift: u32) -> Base {
        Base(std::array::from_fn(|i| self.0[i] | (high.0[i] << shift)))
    }

    #[inline(always)]
    fn less(self, offset: i16) -> Base {
        Base(self.0.map(|q| q - i16x8::splat(offset)))
    }

    #[inline(always)]
    fn zero() -> f32x4 {
        f32x4::ZERO
    }

    #[inline(always)]
    fn add<const HALVES: bool>(self, x: &Values, factors: [f32; 2], sums: f32x4) -> f32x4 {
        let [q, x] = [self.0, bytemuck::cast::<[i16; 32], [i16x8; 4]>(x.0)];
        let first = q[0].dot(x[0]) + q[1].dot(x[1]);
        let second = q[2].dot(x[2]) + q[3].dot(x[3]);
        let scaled = |sums: i32x4, factor: f32| f32x4::from_i32x4(sums) * f32x4::splat(factor);
        if HALVES {
            sums + scaled(first, factors[0]) + scaled(second, factors[1])
        } else {
            sums + scaled(first + second, factors[0])
        }
    }

    #[inline(always)]
    fn total(sums: f32x4) -> f32 {
        sums.reduce_add()
    }

    #[inline(always)]
    fn store(self, factors: [f32; 2], offsets: [f32; 2], out: &mut [f32; 32]) {
        for (i, out) in out.as_chunks_mut::<8>().0.iter_mut().enumerate() {
            let values = f32x8::from_i32x8(i32x8::from_i16x8(self.0[i]));
            let (factor, offset) = (f32x8::splat(factors[i / 2]), f32x8::splat(offsets[i / 2]));
            *out = (values * factor + offset).to_array();
        }
    }

    #[inline(always)]
    fn widen(half: u16) -> f32 {
        widen(half)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_are_widened_as_one_is() {
        for bits in (0..=u16::MAX).step_by(4) {
            let halves = [0, 1, 2, 3].map(|i| bits + i);
            for (half, got) in halves.into_iter().zip(widen_four(halves).to_array()) {
                assert_eq!(got.to_bits(), widen(half).to_bits(), "{half:#x}");
            }
        }
    }
}
