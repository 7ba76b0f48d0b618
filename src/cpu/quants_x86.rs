//! [`Quants`] in registers of 256 and of 512 bits. What each function does is said there.
//!
//! SAFETY of all that follows: only code that runs where the processor has these vectors makes them (see
//! [`super::kernel::run`]), and slices are as long as the trait says, which is asserted.

use super::quants::{EVEN, ODD, Quants, Values};
use crate::quant::LEVELS;
use std::arch::asm;
use std::arch::x86_64::*;

/// Puts the bytes 0, 2, 4 and so on of 16 into the low halves of lanes, or 1, 3, 5 where `odd`. `HIGH`: into the high halves.
const fn spread<const HIGH: bool>(odd: u8) -> [u8; 16] {
    const NOTHING: u8 = 0x80;
    let mut out = [NOTHING; 16];
    let mut i = 0;
    while i < 8 {
        out[2 * i + HIGH as usize] = 2 * i as u8 + odd;
        i += 1;
    }
    out
}

const LOW: [[u8; 16]; 2] = [spread::<false>(0), spread::<false>(1)];
const HIGH: [[u8; 16]; 2] = [spread::<true>(0), spread::<true>(1)];
const PLACES: [[u16; 8]; 2] = [EVEN, ODD];

#[inline(always)]
unsafe fn load_128(bytes: &[u8]) -> __m128i {
    assert!(bytes.len() >= 16);
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

/// As an intrinsic, LLVM moves the half into a register whose other lanes it takes to be of no matter, often that of a
/// running sum: each conversion then waits for the last addition, and a product takes twice as long.
#[inline(always)]
fn widen(half: u16) -> f32 {
    let wide: __m128;
    // SAFETY: it reads and writes registers alone.
    unsafe {
        asm!(
            "vmovd {wide}, {half:e}", "vcvtph2ps {wide}, {wide}",
            half = in(reg) u32::from(half), wide = out(xmm_reg) wide,
            options(pure, nomem, nostack, preserves_flags),
        );
        _mm_cvtss_f32(wide)
    }
}

/// The two halves of a group, each in 16 lanes.
#[derive(Clone, Copy)]
pub(super) struct Avx2([__m256i; 2]);

impl Avx2 {
    #[inline(always)]
    unsafe fn table<T>(two: &[T; 2]) -> __m256i {
        const { assert!(size_of::<T>() == 16) };
        unsafe { _mm256_loadu_si256(two.as_ptr().cast()) }
    }

    /// 16 bytes in lanes of sixteen bits, in their low or high halves.
    #[inline(always)]
    unsafe fn spread(bytes: &[u8], order: &[[u8; 16]; 2]) -> __m256i {
        unsafe { _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(load_128(bytes)), Avx2::table(order)) }
    }
}

impl Quants for Avx2 {
    type Sums = __m256;

    #[inline(always)]
    fn bits(bytes: &[u8], shift: u32, mask: u16) -> Avx2 {
        unsafe {
            let (shift, mask) = (_mm_cvtsi32_si128(shift as i32), _mm256_set1_epi16(mask as i16));
            let first = _mm256_srl_epi16(Avx2::spread(bytes, &LOW), shift);
            let second = _mm256_srl_epi16(Avx2::spread(&bytes[16..], &LOW), shift);
            Avx2([_mm256_and_si256(first, mask), _mm256_and_si256(second, mask)])
        }
    }

    #[inline(always)]
    fn nibbles(bytes: &[u8]) -> Avx2 {
        unsafe {
            let both = Avx2::spread(bytes, &LOW);
            Avx2([_mm256_and_si256(both, _mm256_set1_epi16(15)), _mm256_srli_epi16(both, 4)])
        }
    }

    #[inline(always)]
    fn signed(bytes: &[u8]) -> Avx2 {
        unsafe {
            let first = _mm256_srai_epi16(Avx2::spread(bytes, &HIGH), 8);
            let second = _mm256_srai_epi16(Avx2::spread(&bytes[16..], &HIGH), 8);
            Avx2([first, second])
        }
    }

    #[inline(always)]
    fn single_bits(bytes: &[u8]) -> Avx2 {
        unsafe {
            let (places, one) = (Avx2::table(&PLACES), _mm256_set1_epi16(1));
            let mut out = [one; 2];
            for i in 0..2 {
                let word = _mm256_set1_epi16(i16::from_le_bytes([bytes[2 * i], bytes[2 * i + 1]]));
                let set = _mm256_cmpeq_epi16(_mm256_and_si256(word, places), places);
                out[i] = _mm256_and_si256(set, one);
            }
            Avx2(out)
        }
    }

    #[inline(always)]
    fn levels(bytes: &[u8]) -> Avx2 {
        unsafe {
            let table = _mm256_broadcastsi128_si256(_mm_loadu_si128(LEVELS.as_ptr().cast()));
            let mut out = Avx2::nibbles(bytes).0;
            for half in &mut out {
                // The high halves of the lanes look up a level too, which the shift drops.
                let found = _mm256_slli_epi16(_mm256_shuffle_epi8(table, *half), 8);
                *half = _mm256_srai_epi16(found, 8);
            }
            Avx2(out)
        }
    }

    #[inline(always)]
    fn or(self, high: Avx2, shift: u32) -> Avx2 {
        unsafe {
            let shift = _mm_cvtsi32_si128(shift as i32);
            let first = _mm256_or_si256(self.0[0], _mm256_sll_epi16(high.0[0], shift));
            let second = _mm256_or_si256(self.0[1], _mm256_sll_epi16(high.0[1], shift));
            Avx2([first, second])
        }
    }

    #[inline(always)]
    fn less(self, offset: i16) -> Avx2 {
        unsafe {
            let offset = _mm256_set1_epi16(offset);
            Avx2([_mm256_sub_epi16(self.0[0], offset), _mm256_sub_epi16(self.0[1], offset)])
        }
    }

    #[inline(always)]
    fn zero() -> __m256 {
        unsafe { _mm256_setzero_ps() }
    }

    #[inline(always)]
    fn add<const HALVES: bool>(self, x: &Values, factors: [f32; 2], sums: __m256) -> __m256 {
        unsafe {
            let x: *const __m256i = x.0.as_ptr().cast();
            let first = _mm256_madd_epi16(self.0[0], _mm256_load_si256(x));
            let second = _mm256_madd_epi16(self.0[1], _mm256_load_si256(x.add(1)));
            if HALVES {
                let sums = _mm256_fmadd_ps(_mm256_cvtepi32_ps(first), _mm256_set1_ps(factors[0]), sums);
                _mm256_fmadd_ps(_mm256_cvtepi32_ps(second), _mm256_set1_ps(factors[1]), sums)
            } else {
                let both = _mm256_cvtepi32_ps(_mm256_add_epi32(first, second));
                _mm256_fmadd_ps(both, _mm256_set1_ps(factors[0]), sums)
            }
        }
    }

    #[inline(always)]
    fn total(sums: __m256) -> f32 {
        let mut lanes = [0.0; 8];
        unsafe { _mm256_storeu_ps(lanes.as_mut_ptr(), sums) };
        lanes.iter().sum()
    }

    #[inline(always)]
    fn store(self, factors: [f32; 2], offsets: [f32; 2], out: &mut [f32; 32]) {
        unsafe {
            for i in 0..2 {
                let (factor, offset) = (_mm256_set1_ps(factors[i]), _mm256_set1_ps(offsets[i]));
                let eights = [_mm256_castsi256_si128(self.0[i]), _mm256_extracti128_si256(self.0[i], 1)];
                for (j, eight) in eights.into_iter().enumerate() {
                    let values = _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(eight));
                    let values = _mm256_fmadd_ps(values, factor, offset);
                    _mm256_storeu_ps(out.as_mut_ptr().add(16 * i + 8 * j), values);
                }
            }
        }
    }

    #[inline(always)]
    fn widen(half: u16) -> f32 {
        widen(half)
    }
}

/// A whole group.
#[derive(Clone, Copy)]
pub(super) struct Avx512(__m512i);

/// How far a byte lies from the low end of its lane, of bytes that stand twice.
const BYTE: [u16; 32] = counts(0, 8, 0, 8);
const NIBBLE: [u16; 32] = counts(0, 8, 4, 12);
const UP: [u16; 32] = counts(8, 0, 8, 0);

/// The same count for eight lanes each.
const fn counts(a: u16, b: u16, c: u16, d: u16) -> [u16; 32] {
    let (mut out, mut i) = ([0; 32], 0);
    while i < 32 {
        out[i] = [a, b, c, d][i / 8];
        i += 1;
    }
    out
}

const TABLE: [i16; 32] = {
    let (mut out, mut i) = ([0; 32], 0);
    while i < 32 {
        out[i] = LEVELS[i % 16] as i16;
        i += 1;
    }
    out
};

impl Avx512 {
    #[inline(always)]
    unsafe fn table<T>(lanes: &[T; 32]) -> __m512i {
        const { assert!(size_of::<T>() == 2) };
        unsafe { _mm512_loadu_si512(lanes.as_ptr().cast()) }
    }

    /// 32 bytes, each 16 of them twice.
    #[inline(always)]
    unsafe fn twice(bytes: &[u8]) -> __m512i {
        assert!(bytes.len() >= 32);
        unsafe {
            let order = _mm512_set_epi64(3, 2, 3, 2, 1, 0, 1, 0);
            let bytes = _mm256_loadu_si256(bytes.as_ptr().cast());
            _mm512_permutexvar_epi64(order, _mm512_castsi256_si512(bytes))
        }
    }

    #[inline(always)]
    unsafe fn right(self, counts: __m512i, mask: u16) -> Avx512 {
        unsafe { Avx512(_mm512_and_si512(_mm512_srlv_epi16(self.0, counts), _mm512_set1_epi16(mask as i16))) }
    }
}

impl Quants for Avx512 {
    type Sums = __m512;

    #[inline(always)]
    fn bits(bytes: &[u8], shift: u32, mask: u16) -> Avx512 {
        unsafe {
            let counts = _mm512_add_epi16(Avx512::table(&BYTE), _mm512_set1_epi16(shift as i16));
            Avx512(Avx512::twice(bytes)).right(counts, mask)
        }
    }

    #[inline(always)]
    fn nibbles(bytes: &[u8]) -> Avx512 {
        unsafe { Avx512(_mm512_broadcast_i32x4(load_128(bytes))).right(Avx512::table(&NIBBLE), 15) }
    }

    #[inline(always)]
    fn signed(bytes: &[u8]) -> Avx512 {
        unsafe {
            let up = _mm512_sllv_epi16(Avx512::twice(bytes), Avx512::table(&UP));
            Avx512(_mm512_srai_epi16(up, 8))
        }
    }

    #[inline(always)]
    fn single_bits(bytes: &[u8]) -> Avx512 {
        unsafe {
            let word = |i: usize| _mm256_set1_epi16(i16::from_le_bytes([bytes[2 * i], bytes[2 * i + 1]]));
            let words = _mm512_inserti64x4(_mm512_castsi256_si512(word(0)), word(1), 1);
            let places = _mm512_broadcast_i64x4(Avx2::table(&PLACES));
            Avx512(_mm512_maskz_set1_epi16(_mm512_test_epi16_mask(words, places), 1))
        }
    }

    #[inline(always)]
    fn levels(bytes: &[u8]) -> Avx512 {
        unsafe { Avx512(_mm512_permutexvar_epi16(Avx512::nibbles(bytes).0, Avx512::table(&TABLE))) }
    }

    #[inline(always)]
    fn or(self, high: Avx512, shift: u32) -> Avx512 {
        unsafe {
            let high = _mm512_sll_epi16(high.0, _mm_cvtsi32_si128(shift as i32));
            Avx512(_mm512_or_si512(self.0, high))
        }
    }

    #[inline(always)]
    fn less(self, offset: i16) -> Avx512 {
        unsafe { Avx512(_mm512_sub_epi16(self.0, _mm512_set1_epi16(offset))) }
    }

    #[inline(always)]
    fn zero() -> __m512 {
        unsafe { _mm512_setzero_ps() }
    }

    #[inline(always)]
    fn add<const HALVES: bool>(self, x: &Values, factors: [f32; 2], sums: __m512) -> __m512 {
        const LAST: __mmask16 = 0xff00;
        unsafe {
            let products = _mm512_madd_epi16(self.0, _mm512_load_si512(x.0.as_ptr().cast()));
            let mut factor = _mm512_set1_ps(factors[0]);
            if HALVES {
                factor = _mm512_mask_blend_ps(LAST, factor, _mm512_set1_ps(factors[1]));
            }
            _mm512_fmadd_ps(_mm512_cvtepi32_ps(products), factor, sums)
        }
    }

    #[inline(always)]
    fn total(sums: __m512) -> f32 {
        unsafe { _mm512_reduce_add_ps(sums) }
    }

    #[inline(always)]
    fn store(self, factors: [f32; 2], offsets: [f32; 2], out: &mut [f32; 32]) {
        unsafe {
            let halves = [_mm512_castsi512_si256(self.0), _mm512_extracti64x4_epi64(self.0, 1)];
            for i in 0..2 {
                let values = _mm512_cvtepi32_ps(_mm512_cvtepi16_epi32(halves[i]));
                let values = _mm512_fmadd_ps(values, _mm512_set1_ps(factors[i]), _mm512_set1_ps(offsets[i]));
                _mm512_storeu_ps(out.as_mut_ptr().add(16 * i), values);
            }
        }
    }

    #[inline(always)]
    fn widen(half: u16) -> f32 {
        widen(half)
    }
}
