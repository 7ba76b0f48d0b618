//! Half precision to single, without branches, so that loops over it become SIMD: WebAssembly has no instruction for it.

/// The value of an `f16` that is no infinity and no NaN: its bits are moved to where `f32` has them, the sign along with
/// them, and the difference of the exponents' biases (127 − 15) is multiplied away.
#[inline]
pub(crate) fn widen_finite(bits: u16) -> f32 {
    let moved = (((u32::from(bits) << 16) as i32 >> 3) as u32) & 0x8fff_e000;
    f32::from_bits(moved) * f32::from_bits((127 + 112) << 23)
}

/// The value of any `f16`.
#[inline]
pub(crate) fn widen(bits: u16) -> f32 {
    const BEYOND: f32 = 65536.0;
    let value = widen_finite(bits);
    let special = if value.abs() >= BEYOND { 0x7f80_0000 } else { 0 };
    f32::from_bits(value.to_bits() | special)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widening_is_exact() {
        for bits in 0..=u16::MAX {
            let half = ::half::f16::from_bits(bits);
            if half.is_finite() {
                assert_eq!(widen_finite(bits).to_bits(), half.to_f32().to_bits(), "{bits:#x}");
            }
            assert!(widen(bits) == half.to_f32() || half.is_nan() && widen(bits).is_nan(), "{bits:#x}");
        }
    }
}
