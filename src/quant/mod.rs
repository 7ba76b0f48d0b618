//! Quantized block formats of GGUF: what they are called, how large their blocks are, and their values as `f32`.
//!
//! The layouts are those of ggml (`ggml-common.h`); reading and writing them is candle-core's work, but for rounding to Q4_K and
//! Q6_K (`fit`), and for the types that it lacks: those with grids (`iq1`, `iq2`, `iq3`), the non-linear ones (`iq4`), the ternary ones and MXFP4. The GPU
//! reads the same blocks after `gpu::repack` has split them into word-aligned planes.

mod coded;
mod fit;
mod grid;
mod half;
mod iq1;
mod iq2;
mod iq3;
mod iq4;
mod mxfp4;
mod ternary;

use candle_core::quantized::k_quants as k;
use candle_core::quantized::k_quants::GgmlType;
pub(crate) use coded::Coded;
pub(crate) use grid::codes as grid_codes;
pub(crate) use half::{widen, widen_finite};
pub(crate) use iq1::{Iq1M, Iq1S};
pub(crate) use iq2::{Iq2S, Iq2Xs, Iq2Xxs};
pub(crate) use iq3::{Iq3S, Iq3Xxs};
pub(crate) use iq4::{LEVELS, scales as scales_iq4};
#[cfg(test)]
pub(crate) use mxfp4::FLOATS;
pub(crate) use mxfp4::Mxfp4;
#[cfg(test)]
pub(crate) use ternary::place;
pub(crate) use ternary::{Tq1, Tq2};

/// How the elements of a tensor are stored: `block_len` consecutive elements of a row in `block_bytes` bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[allow(non_camel_case_types)]
pub enum BlockType {
    F32,
    F16,
    BF16,
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q2_K,
    Q3_K,
    Q4_K,
    Q5_K,
    Q6_K,
    IQ4_NL,
    IQ4_XS,
    IQ1_S,
    IQ1_M,
    IQ2_XXS,
    IQ2_XS,
    IQ2_S,
    IQ3_XXS,
    IQ3_S,
    TQ1_0,
    TQ2_0,
    MXFP4,
}

impl BlockType {
    pub const ALL: [BlockType; 25] = [
        BlockType::F32,
        BlockType::F16,
        BlockType::BF16,
        BlockType::Q4_0,
        BlockType::Q4_1,
        BlockType::Q5_0,
        BlockType::Q5_1,
        BlockType::Q8_0,
        BlockType::Q2_K,
        BlockType::Q3_K,
        BlockType::Q4_K,
        BlockType::Q5_K,
        BlockType::Q6_K,
        BlockType::IQ4_NL,
        BlockType::IQ4_XS,
        BlockType::IQ1_S,
        BlockType::IQ1_M,
        BlockType::IQ2_XXS,
        BlockType::IQ2_XS,
        BlockType::IQ2_S,
        BlockType::IQ3_XXS,
        BlockType::IQ3_S,
        BlockType::TQ1_0,
        BlockType::TQ2_0,
        BlockType::MXFP4,
    ];
    pub const NAMES: [&'static str; 25] = [
        "F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K",
        "IQ4_NL", "IQ4_XS", "IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S", "TQ1_0",
        "TQ2_0", "MXFP4",
    ];

    /// From the `ggml_type` number in a GGUF tensor table; `Err` holds the name (or number) of a type we cannot read.
    pub fn from_ggml(id: u32) -> Result<BlockType, String> {
        Self::ALL.into_iter().find(|t| t.ggml() == id).ok_or_else(|| match foreign_name(id) {
            Some(name) => name.to_string(),
            None => format!("ggml type {id}"),
        })
    }

    /// The `ggml_type` number.
    pub const fn ggml(self) -> u32 {
        match self {
            BlockType::F32 => 0,
            BlockType::F16 => 1,
            BlockType::Q4_0 => 2,
            BlockType::Q4_1 => 3,
            BlockType::Q5_0 => 6,
            BlockType::Q5_1 => 7,
            BlockType::Q8_0 => 8,
            BlockType::Q2_K => 10,
            BlockType::Q3_K => 11,
            BlockType::Q4_K => 12,
            BlockType::Q5_K => 13,
            BlockType::Q6_K => 14,
            BlockType::IQ2_XXS => 16,
            BlockType::IQ2_XS => 17,
            BlockType::IQ3_XXS => 18,
            BlockType::IQ1_S => 19,
            BlockType::IQ4_NL => 20,
            BlockType::IQ3_S => 21,
            BlockType::IQ2_S => 22,
            BlockType::IQ4_XS => 23,
            BlockType::IQ1_M => 29,
            BlockType::BF16 => 30,
            BlockType::TQ1_0 => 34,
            BlockType::TQ2_0 => 35,
            BlockType::MXFP4 => 39,
        }
    }

    pub fn name(self) -> &'static str {
        Self::NAMES[Self::ALL.iter().position(|&t| t == self).unwrap_or(0)]
    }

    /// Elements in a block.
    pub const fn block_len(self) -> usize {
        match self {
            BlockType::F32 | BlockType::F16 | BlockType::BF16 => 1,
            BlockType::Q4_0
            | BlockType::Q4_1
            | BlockType::Q5_0
            | BlockType::Q5_1
            | BlockType::Q8_0
            | BlockType::IQ4_NL
            | BlockType::MXFP4 => 32,
            BlockType::Q2_K
            | BlockType::Q3_K
            | BlockType::Q4_K
            | BlockType::Q5_K
            | BlockType::Q6_K
            | BlockType::IQ4_XS
            | BlockType::IQ1_S
            | BlockType::IQ1_M
            | BlockType::IQ2_XXS
            | BlockType::IQ2_XS
            | BlockType::IQ2_S
            | BlockType::IQ3_XXS
            | BlockType::IQ3_S
            | BlockType::TQ1_0
            | BlockType::TQ2_0 => 256,
        }
    }

    /// Bytes in a block.
    pub const fn block_bytes(self) -> usize {
        match self {
            BlockType::F32 => 4,
            BlockType::F16 | BlockType::BF16 => 2,
            BlockType::Q4_0 | BlockType::IQ4_NL => 18,
            BlockType::Q4_1 => 20,
            BlockType::Q5_0 => 22,
            BlockType::Q5_1 => 24,
            BlockType::Q8_0 => 34,
            BlockType::Q2_K => 84,
            BlockType::Q3_K => 110,
            BlockType::IQ4_XS => 136,
            BlockType::Q4_K => 144,
            BlockType::Q5_K => 176,
            BlockType::Q6_K => 210,
            BlockType::IQ1_S => Iq1S::BYTES,
            BlockType::IQ1_M => Iq1M::BYTES,
            BlockType::IQ2_XXS => Iq2Xxs::BYTES,
            BlockType::IQ2_XS => Iq2Xs::BYTES,
            BlockType::IQ2_S => Iq2S::BYTES,
            BlockType::IQ3_XXS => Iq3Xxs::BYTES,
            BlockType::IQ3_S => Iq3S::BYTES,
            BlockType::TQ1_0 => Tq1::BYTES,
            BlockType::TQ2_0 => Tq2::BYTES,
            BlockType::MXFP4 => Mxfp4::BYTES,
        }
    }

    /// Bytes of `elements` elements, which must be whole blocks.
    pub const fn bytes_of(self, elements: usize) -> usize {
        elements / self.block_len() * self.block_bytes()
    }

    /// The values of whole blocks. `bytes` may have any alignment; `out.len()` must be the number of elements in it.
    pub fn dequantize(self, bytes: &[u8], out: &mut [f32]) {
        assert_eq!(bytes.len(), self.bytes_of(out.len()), "dequantize: {self:?}");
        match self {
            BlockType::F32 => {
                for (value, raw) in out.iter_mut().zip(bytes.chunks_exact(4)) {
                    *value = f32::from_le_bytes([raw[0], raw[1], raw[2], raw[3]]);
                }
            }
            BlockType::F16 => {
                for (value, raw) in out.iter_mut().zip(bytes.chunks_exact(2)) {
                    *value = widen(u16::from_le_bytes([raw[0], raw[1]]));
                }
            }
            BlockType::BF16 => {
                for (value, raw) in out.iter_mut().zip(bytes.chunks_exact(2)) {
                    *value = ::half::bf16::from_le_bytes([raw[0], raw[1]]).to_f32();
                }
            }
            BlockType::Q4_0 => to_float::<k::BlockQ4_0>(bytes, out),
            BlockType::Q4_1 => to_float::<k::BlockQ4_1>(bytes, out),
            BlockType::Q5_0 => to_float::<k::BlockQ5_0>(bytes, out),
            BlockType::Q5_1 => to_float::<k::BlockQ5_1>(bytes, out),
            BlockType::Q8_0 => to_float::<k::BlockQ8_0>(bytes, out),
            BlockType::Q2_K => to_float::<k::BlockQ2K>(bytes, out),
            BlockType::Q3_K => to_float::<k::BlockQ3K>(bytes, out),
            BlockType::Q4_K => to_float::<k::BlockQ4K>(bytes, out),
            BlockType::Q5_K => to_float::<k::BlockQ5K>(bytes, out),
            BlockType::Q6_K => to_float::<k::BlockQ6K>(bytes, out),
            BlockType::IQ4_NL => iq4::nl_to_float(bytes, out),
            BlockType::IQ4_XS => iq4::xs_to_float(bytes, out),
            BlockType::IQ1_S => coded::to_float::<Iq1S>(bytes, out),
            BlockType::IQ1_M => coded::to_float::<Iq1M>(bytes, out),
            BlockType::IQ2_XXS => coded::to_float::<Iq2Xxs>(bytes, out),
            BlockType::IQ2_XS => coded::to_float::<Iq2Xs>(bytes, out),
            BlockType::IQ2_S => coded::to_float::<Iq2S>(bytes, out),
            BlockType::IQ3_XXS => coded::to_float::<Iq3Xxs>(bytes, out),
            BlockType::IQ3_S => coded::to_float::<Iq3S>(bytes, out),
            BlockType::TQ1_0 => coded::to_float::<Tq1>(bytes, out),
            BlockType::TQ2_0 => coded::to_float::<Tq2>(bytes, out),
            BlockType::MXFP4 => coded::to_float::<Mxfp4>(bytes, out),
        }
    }

    /// Whole blocks holding `values`, rounded to this format; any number of blocks at a time gives the same. Q8_0 is what
    /// llama.cpp's Python package writes. Q4_K and Q6_K lose as little as by ggml's reference quantizers. The other types are for
    /// tests and synthetic models.
    ///
    /// `values` are weights: numbers, and not infinite.
    pub fn quantize(self, values: &[f32]) -> Vec<u8> {
        assert_eq!(values.len() % self.block_len(), 0, "quantize: {self:?}");
        match self {
            BlockType::F32 => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            BlockType::F16 => values.iter().flat_map(|v| ::half::f16::from_f32(*v).to_le_bytes()).collect(),
            BlockType::BF16 => values.iter().flat_map(|v| ::half::bf16::from_f32(*v).to_le_bytes()).collect(),
            BlockType::Q4_0 => from_float::<k::BlockQ4_0>(values),
            BlockType::Q4_1 => from_float::<k::BlockQ4_1>(values),
            BlockType::Q5_0 => from_float::<k::BlockQ5_0>(values),
            BlockType::Q5_1 => from_float::<k::BlockQ5_1>(values),
            BlockType::Q8_0 => from_float::<k::BlockQ8_0>(values),
            BlockType::Q2_K => from_float::<k::BlockQ2K>(values),
            BlockType::Q3_K => from_float::<k::BlockQ3K>(values),
            BlockType::Q4_K => fit::q4_k(values),
            BlockType::Q5_K => from_float::<k::BlockQ5K>(values),
            BlockType::Q6_K => fit::q6_k(values),
            BlockType::IQ4_NL => iq4::nl_from_float(values),
            BlockType::IQ4_XS => iq4::xs_from_float(values),
            BlockType::IQ1_S => iq1::s_from_float(values),
            BlockType::IQ1_M => iq1::m_from_float(values),
            BlockType::IQ2_XXS => iq2::xxs_from_float(values),
            BlockType::IQ2_XS => iq2::xs_from_float(values),
            BlockType::IQ2_S => iq2::s_from_float(values),
            BlockType::IQ3_XXS => iq3::xxs_from_float(values),
            BlockType::IQ3_S => iq3::s_from_float(values),
            BlockType::TQ1_0 => ternary::tq1_from_float(values),
            BlockType::TQ2_0 => ternary::tq2_from_float(values),
            BlockType::MXFP4 => mxfp4::from_float(values),
        }
    }
}

/// Names of ggml types that exist but that we do not read, so that the error can say more than a number.
fn foreign_name(id: u32) -> Option<&'static str> {
    Some(match id {
        9 => "Q8_1",
        15 => "Q8_K",
        24 => "I8",
        25 => "I16",
        26 => "I32",
        27 => "I64",
        28 => "F64",
        40 => "NVFP4",
        _ => return None,
    })
}

/// Blocks dequantized at a time: a stack buffer, so that bytes of any alignment need no heap copy.
const CHUNK: usize = 16;

fn to_float<T: GgmlType>(bytes: &[u8], out: &mut [f32]) {
    let size = std::mem::size_of::<T>();
    let mut blocks: [T; CHUNK] = std::array::from_fn(|_| T::zeros());
    for (src, dst) in bytes.chunks(CHUNK * size).zip(out.chunks_mut(CHUNK * T::BLCK_SIZE)) {
        let count = src.len() / size;
        // SAFETY: ggml blocks are `repr(C)` structs of integers and f16: any bytes are a valid value, and `count`
        // of them fit in `blocks`.
        unsafe {
            std::ptr::copy_nonoverlapping(src.as_ptr(), blocks.as_mut_ptr().cast::<u8>(), count * size)
        };
        T::to_float(&blocks[..count], dst);
    }
}

fn from_float<T: GgmlType>(values: &[f32]) -> Vec<u8> {
    let mut blocks: Vec<T> = (0..values.len() / T::BLCK_SIZE).map(|_| T::zeros()).collect();
    T::from_float(values, &mut blocks);
    // SAFETY: as above; the blocks have no padding (their sizes are `block_bytes`, which a test checks).
    unsafe { std::slice::from_raw_parts(blocks.as_ptr().cast::<u8>(), std::mem::size_of_val(&blocks[..])) }
        .to_vec()
}

/// The sixteen scales of a Q3_K block, −32 to 31: their low four bits in eight bytes, their high two in four more.
pub(crate) fn scales_3(packed: &[u8]) -> [i8; 16] {
    std::array::from_fn(|i| {
        let low = if i < 8 { packed[i] & 15 } else { packed[i - 8] >> 4 };
        let high = (packed[8 + i % 4] >> (2 * (i / 4))) & 3;
        (low | high << 4) as i8 - 32
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_sizes_are_those_of_candle() {
        use std::mem::size_of;
        for (ours, theirs) in [
            (BlockType::Q4_0, size_of::<k::BlockQ4_0>()),
            (BlockType::Q4_1, size_of::<k::BlockQ4_1>()),
            (BlockType::Q5_0, size_of::<k::BlockQ5_0>()),
            (BlockType::Q5_1, size_of::<k::BlockQ5_1>()),
            (BlockType::Q8_0, size_of::<k::BlockQ8_0>()),
            (BlockType::Q2_K, size_of::<k::BlockQ2K>()),
            (BlockType::Q3_K, size_of::<k::BlockQ3K>()),
            (BlockType::Q4_K, size_of::<k::BlockQ4K>()),
            (BlockType::Q5_K, size_of::<k::BlockQ5K>()),
            (BlockType::Q6_K, size_of::<k::BlockQ6K>()),
        ] {
            assert_eq!(ours.block_bytes(), theirs, "{ours:?}");
        }
    }

    #[test]
    fn what_is_quantized_comes_back_close() {
        let values: Vec<f32> = (0..1024).map(|i| ((i * 37 % 101) as f32 / 50.0 - 1.0) * 0.1).collect();
        for block_type in BlockType::ALL {
            let bytes = block_type.quantize(&values);
            let mut back = vec![0.0; values.len()];
            block_type.dequantize(&bytes, &mut back);
            let worst = values.iter().zip(&back).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            // Values within ±0.1: half a step of the type's bits.
            let bound = match block_type {
                BlockType::Q2_K => 0.035,
                BlockType::Q3_K => 0.02,
                BlockType::IQ1_S | BlockType::IQ1_M => 0.1,
                BlockType::TQ1_0 | BlockType::TQ2_0 => 0.051,
                BlockType::IQ2_XXS | BlockType::IQ2_XS | BlockType::IQ2_S => 0.06,
                BlockType::IQ3_XXS | BlockType::IQ3_S => 0.04,
                BlockType::MXFP4 => 0.02,
                _ => 0.0135,
            };
            assert!(worst < bound, "{block_type:?}: {worst}");
        }
    }
}
