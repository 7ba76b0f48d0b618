//! Dot products of `f32` on the widest vectors of the processor, which is asked at run time.

use wide::f32x4;

/// What the processor computes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// 128 bits, which all have that we build for.
    Base,
    /// 256 bits and fused multiply-add.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Level {
    /// The widest one here.
    pub(super) fn here() -> Level {
        *Level::all().last().unwrap_or(&Level::Base)
    }

    /// Those that this processor has, the widest last.
    pub(super) fn all() -> Vec<Level> {
        #[cfg_attr(not(target_arch = "x86_64"), expect(unused_mut))]
        let mut levels = vec![Level::Base];
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("f16c")
        {
            levels.push(Level::Avx2);
            if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw") {
                levels.push(Level::Avx512);
            }
        }
        levels
    }

    pub(super) fn name(self) -> Option<&'static str> {
        match self {
            Level::Base => None,
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => Some("avx2"),
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => Some("avx512"),
        }
    }
}

/// The dot products of rows of `x` with all rows of a tile of `W`, on vectors of the level. `y` begins at the first result,
/// its rows are `stride` apart.
///
/// Each sum is made in the same order whatever it is computed with: a text gives the same bits however it is cut into steps.
pub(super) fn products(level: Level, x: &[f32], tile: &[f32], y: &mut [f32], k: usize, stride: usize) {
    match level {
        Level::Base => tiles::<f32x4, 2>(x, tile, y, k, stride),
        // SAFETY: `Level::all` found the features.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { x86::products_256(x, tile, y, k, stride) },
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { x86::products_512(x, tile, y, k, stride) },
    }
}

/// Numbers that are computed with together.
trait Vector: Copy {
    const LANES: usize;
    fn zero() -> Self;
    /// # Safety
    /// There are as many numbers as lanes.
    unsafe fn load(from: *const f32) -> Self;
    /// `self · b + c`
    fn mul_add(self, b: Self, c: Self) -> Self;
    fn sum(self) -> f32;
}

impl Vector for f32x4 {
    const LANES: usize = 4;

    #[inline(always)]
    fn zero() -> f32x4 {
        f32x4::ZERO
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> f32x4 {
        f32x4::new(unsafe { from.cast::<[f32; 4]>().read_unaligned() })
    }

    #[inline(always)]
    fn mul_add(self, b: f32x4, c: f32x4) -> f32x4 {
        f32x4::mul_add(self, b, c)
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        self.reduce_add()
    }
}

/// Rows of `x` by four, rows of the tile by `R`.
#[inline(always)]
fn tiles<V: Vector, const R: usize>(x: &[f32], tile: &[f32], y: &mut [f32], k: usize, stride: usize) {
    for (t, x) in x.chunks(4 * k).enumerate() {
        let y = &mut y[4 * t * stride..];
        match x.len() / k {
            1 => few::<V, 1, R>(x, tile, y, k, stride),
            2 => few::<V, 2, R>(x, tile, y, k, stride),
            3 => few::<V, 3, R>(x, tile, y, k, stride),
            _ => few::<V, 4, R>(x, tile, y, k, stride),
        }
    }
}

#[inline(always)]
fn few<V: Vector, const T: usize, const R: usize>(
    x: &[f32],
    tile: &[f32],
    y: &mut [f32],
    k: usize,
    stride: usize,
) {
    let xs: [&[f32]; T] = std::array::from_fn(|t| &x[t * k..][..k]);
    let rows = tile.len() / k;
    let row = |r: usize| &tile[r * k..][..k];
    for r in (0..rows - rows % R).step_by(R) {
        let dots = dots_of::<V, T, R>(xs, std::array::from_fn(|i| row(r + i)));
        for (t, found) in dots.iter().enumerate() {
            y[t * stride + r..][..R].copy_from_slice(found);
        }
    }
    for r in rows - rows % R..rows {
        let dots = dots_of::<V, T, 1>(xs, [row(r)]);
        for (t, [value]) in dots.iter().enumerate() {
            y[t * stride + r] = *value;
        }
    }
}

/// `T` rows of `x` with `R` rows of `W`, on vectors that every processor has.
#[inline]
pub(super) fn dots<const T: usize, const R: usize>(xs: [&[f32]; T], ws: [&[f32]; R]) -> [[f32; R]; T] {
    dots_of::<f32x4, T, R>(xs, ws)
}

/// Four by two are eight accumulators, which with their operands fit the sixteen SIMD registers of x86 and of WebAssembly
/// engines on it; AVX-512 has 32.
#[inline(always)]
fn dots_of<V: Vector, const T: usize, const R: usize>(xs: [&[f32]; T], ws: [&[f32]; R]) -> [[f32; R]; T] {
    let k = ws[0].len();
    assert!(xs.iter().all(|x| x.len() == k) && ws.iter().all(|w| w.len() == k));
    let whole = k - k % V::LANES;
    let mut sums = [[V::zero(); R]; T];
    let mut i = 0;
    // No closures here: code that is not inlined would not be compiled for the level's vectors.
    // SAFETY of the loads: all slices are `k` long, and `i` with the lanes behind it ends within them.
    while i < whole {
        let mut w = [V::zero(); R];
        for r in 0..R {
            w[r] = unsafe { V::load(ws[r].as_ptr().add(i)) };
        }
        for t in 0..T {
            let x = unsafe { V::load(xs[t].as_ptr().add(i)) };
            for r in 0..R {
                sums[t][r] = x.mul_add(w[r], sums[t][r]);
            }
        }
        i += V::LANES;
    }
    let mut out = [[0.0; R]; T];
    for t in 0..T {
        for r in 0..R {
            out[t][r] = sums[t][r].sum();
            for i in whole..k {
                out[t][r] += xs[t][i] * ws[r][i];
            }
        }
    }
    out
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Vector, tiles};
    use std::arch::x86_64::*;

    #[target_feature(enable = "avx2,fma")]
    pub(super) unsafe fn products_256(x: &[f32], tile: &[f32], y: &mut [f32], k: usize, stride: usize) {
        tiles::<__m256, 2>(x, tile, y, k, stride);
    }

    #[target_feature(enable = "avx512f")]
    pub(super) unsafe fn products_512(x: &[f32], tile: &[f32], y: &mut [f32], k: usize, stride: usize) {
        tiles::<__m512, 4>(x, tile, y, k, stride);
    }

    // SAFETY of all that follows: only the functions above make these vectors, where the processor has them.
    impl Vector for __m256 {
        const LANES: usize = 8;

        #[inline(always)]
        fn zero() -> __m256 {
            unsafe { _mm256_setzero_ps() }
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> __m256 {
            unsafe { _mm256_loadu_ps(from) }
        }

        #[inline(always)]
        fn mul_add(self, b: __m256, c: __m256) -> __m256 {
            unsafe { _mm256_fmadd_ps(self, b, c) }
        }

        #[inline(always)]
        fn sum(self) -> f32 {
            let mut lanes = [0.0; 8];
            unsafe { _mm256_storeu_ps(lanes.as_mut_ptr(), self) };
            (0..4).map(|i| lanes[i] + lanes[i + 4]).sum()
        }
    }

    impl Vector for __m512 {
        const LANES: usize = 16;

        #[inline(always)]
        fn zero() -> __m512 {
            unsafe { _mm512_setzero_ps() }
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> __m512 {
            unsafe { _mm512_loadu_ps(from) }
        }

        #[inline(always)]
        fn mul_add(self, b: __m512, c: __m512) -> __m512 {
            unsafe { _mm512_fmadd_ps(self, b, c) }
        }

        #[inline(always)]
        fn sum(self) -> f32 {
            unsafe { _mm512_reduce_add_ps(self) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_gives_the_sums_and_no_row_depends_on_its_neighbours() {
        let wave = |n: usize, step: f32| (0..n).map(|i| (i as f32 * step).sin()).collect::<Vec<f32>>();
        for level in Level::all() {
            for (n, rows, k) in [(1, 1, 32), (3, 8, 100), (6, 7, 256), (129, 5, 64), (4, 8, 3)] {
                let (x, w) = (wave(n * k, 0.37), wave(rows * k, 0.11));
                let mut y = vec![0.0; n * rows];
                products(level, &x, &w, &mut y, k, rows);
                for (t, x) in x.chunks_exact(k).enumerate() {
                    let mut alone = vec![0.0; rows];
                    products(level, x, &w, &mut alone, k, rows);
                    assert_eq!(alone, y[t * rows..][..rows], "{level:?} {n} {rows} {k}");
                    for (w, got) in w.chunks_exact(k).zip(&alone) {
                        let expected: f64 = w.iter().zip(x).map(|(w, x)| f64::from(*w) * f64::from(*x)).sum();
                        assert!((f64::from(*got) - expected).abs() < 1e-5 * k as f64, "{level:?}");
                    }
                }
            }
        }
    }
}
