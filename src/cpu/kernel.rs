//! Computing with blocks of whatever format, on the vectors of whatever processor.

use super::formats::{Format, Iq4Nl, Iq4Xs, Q2K, Q3K, Q4_0, Q4_1, Q4K, Q5_0, Q5_1, Q5K, Q6K, Q8_0};
use super::quants::{Base, Quants};
#[cfg(target_arch = "x86_64")]
use super::quants_x86::{Avx2, Avx512};
use super::vector::Level;
use crate::quant::{BlockType, Iq1M, Iq1S, Iq2S, Iq2Xs, Iq2Xxs, Iq3S, Iq3Xxs, Mxfp4, Tq1, Tq2};

/// What is computed. `run` and all that it calls must be inlined, or it is not compiled for the level's vectors.
pub(super) trait Kernel {
    fn run<F: Format, Q: Quants>(self);
}

/// Runs a kernel on blocks of a type. Types without blocks have none, and nothing is run.
pub(super) fn run(level: Level, block_type: BlockType, kernel: impl Kernel) {
    match block_type {
        BlockType::F32 | BlockType::F16 | BlockType::BF16 => {}
        BlockType::Q4_0 => on::<Q4_0>(level, kernel),
        BlockType::Q4_1 => on::<Q4_1>(level, kernel),
        BlockType::Q5_0 => on::<Q5_0>(level, kernel),
        BlockType::Q5_1 => on::<Q5_1>(level, kernel),
        BlockType::Q8_0 => on::<Q8_0>(level, kernel),
        BlockType::Q2_K => on::<Q2K>(level, kernel),
        BlockType::Q3_K => on::<Q3K>(level, kernel),
        BlockType::Q4_K => on::<Q4K>(level, kernel),
        BlockType::Q5_K => on::<Q5K>(level, kernel),
        BlockType::Q6_K => on::<Q6K>(level, kernel),
        BlockType::IQ4_NL => on::<Iq4Nl>(level, kernel),
        BlockType::IQ4_XS => on::<Iq4Xs>(level, kernel),
        BlockType::IQ1_S => on::<Iq1S>(level, kernel),
        BlockType::IQ1_M => on::<Iq1M>(level, kernel),
        BlockType::IQ2_XXS => on::<Iq2Xxs>(level, kernel),
        BlockType::IQ2_XS => on::<Iq2Xs>(level, kernel),
        BlockType::IQ2_S => on::<Iq2S>(level, kernel),
        BlockType::IQ3_XXS => on::<Iq3Xxs>(level, kernel),
        BlockType::IQ3_S => on::<Iq3S>(level, kernel),
        BlockType::TQ1_0 => on::<Tq1>(level, kernel),
        BlockType::TQ2_0 => on::<Tq2>(level, kernel),
        BlockType::MXFP4 => on::<Mxfp4>(level, kernel),
    }
}

/// Not inlined: compilers of WebAssembly allot registers badly in large functions.
#[inline(never)]
fn on<F: Format>(level: Level, kernel: impl Kernel) {
    match level {
        Level::Base => kernel.run::<F, Base>(),
        // SAFETY: `Level::all` found the features.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { on_256::<F>(kernel) },
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { on_512::<F>(kernel) },
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn on_256<F: Format>(kernel: impl Kernel) {
    kernel.run::<F, Avx2>();
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw")]
unsafe fn on_512<F: Format>(kernel: impl Kernel) {
    kernel.run::<F, Avx512>();
}
