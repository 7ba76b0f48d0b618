//! From GGUF's blocks to planes of whole words.
//!
//! A block of GGUF is a struct of 18 to 210 bytes, which a shader, whose unit is the word, cannot read well. Here its
//! parts are split over up to three planes, each contiguous over all blocks of a tensor:
//!
//! - **quants**: the quants, or their low four bits (two of Q2_K and Q3_K, 16 bits for eight elements). Eight 4-bit
//!   quants share a word: element e is the low half of byte e, element 4 + e its high half (e < 4), so that `w &
//!   0x0f0f0f0f` and `w >> 4 & 0x0f0f0f0f` are four bytes each.
//! - **high**: the bit above those (Q5_0, Q5_1, Q5_K, Q3_K; 8 bits for eight elements) or two (Q6_K; 16 for eight).
//! - **scales**: what quants are multiplied with and added to.
//!
//! The types with a grid, whose quants are indices into it, and the ternary ones keep GGUF's bits per weight: only `d` is
//! among the scales, two blocks a word, and high has all else that is no index, in whole words.
//!
//! The shaders `dequant_*.wgsl` read the same layouts.

use crate::quant::{BlockType, scales_3, scales_iq4};
use std::ops::Range;

/// Bytes of a block in each plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    pub quants: usize,
    pub scales: usize,
    pub high: usize,
}

pub(super) const fn layout(block_type: BlockType) -> Layout {
    let (quants, scales, high) = match block_type {
        BlockType::F32 => (4, 0, 0),
        BlockType::F16 | BlockType::BF16 => (2, 0, 0),
        BlockType::Q4_0 | BlockType::IQ4_NL => (16, 2, 0),
        BlockType::Q4_1 => (16, 4, 0),
        BlockType::Q5_0 => (16, 2, 4),
        BlockType::Q5_1 => (16, 4, 4),
        BlockType::Q8_0 => (32, 2, 0),
        BlockType::Q2_K => (64, 20, 0),
        BlockType::Q3_K => (64, 20, 32),
        BlockType::Q4_K => (128, 16, 0),
        BlockType::Q5_K => (128, 16, 32),
        BlockType::Q6_K => (128, 20, 64),
        BlockType::IQ4_XS => (128, 12, 0),
        BlockType::IQ1_S => (32, 2, 16),
        BlockType::IQ1_M => (32, 0, 24),
        BlockType::IQ2_XXS => (64, 2, 0),
        BlockType::IQ2_XS => (64, 2, 8),
        BlockType::IQ2_S => (64, 2, 16),
        BlockType::IQ3_XXS => (64, 2, 32),
        BlockType::IQ3_S => (64, 2, 44),
        BlockType::TQ1_0 => (52, 2, 0),
        BlockType::TQ2_0 => (64, 2, 0),
        BlockType::MXFP4 => (16, 1, 0),
    };
    Layout { quants, scales, high }
}

/// A piece of each plane, as bytes. Kept between calls, so that streaming a tensor does not allocate.
#[derive(Debug, Default)]
pub(super) struct Planes {
    pub quants: Vec<u8>,
    pub scales: Vec<u8>,
    pub high: Vec<u8>,
}

impl Planes {
    /// Splits whole blocks; each plane is padded to whole words.
    pub(super) fn fill(&mut self, block_type: BlockType, blocks: &[u8]) {
        for plane in [&mut self.quants, &mut self.scales, &mut self.high] {
            plane.clear();
        }
        match block_type {
            BlockType::F32 | BlockType::F16 | BlockType::BF16 => self.quants.extend_from_slice(blocks),
            _ => {
                blocks.chunks_exact(block_type.block_bytes()).for_each(|block| self.block(block_type, block))
            }
        }
        for plane in [&mut self.quants, &mut self.scales, &mut self.high] {
            plane.resize(plane.len().next_multiple_of(4), 0);
        }
    }

    fn block(&mut self, block_type: BlockType, block: &[u8]) {
        match block_type {
            BlockType::F32 | BlockType::F16 | BlockType::BF16 => self.quants.extend_from_slice(block),
            BlockType::Q4_0 | BlockType::IQ4_NL => {
                self.scales.extend_from_slice(&block[..2]);
                self.nibbles(&block[2..18]);
            }
            BlockType::Q4_1 => {
                self.scales.extend_from_slice(&block[..4]);
                self.nibbles(&block[4..20]);
            }
            // The fifth bits already lie as the plane wants them.
            BlockType::Q5_0 => {
                self.scales.extend_from_slice(&block[..2]);
                self.high.extend_from_slice(&block[2..6]);
                self.nibbles(&block[6..22]);
            }
            BlockType::Q5_1 => {
                self.scales.extend_from_slice(&block[..4]);
                self.high.extend_from_slice(&block[4..8]);
                self.nibbles(&block[8..24]);
            }
            BlockType::Q8_0 => {
                self.scales.extend_from_slice(&block[..2]);
                self.quants.extend_from_slice(&block[2..34]);
            }
            BlockType::Q2_K => {
                self.scales.extend_from_slice(&block[..16]);
                self.scales.extend_from_slice(&block[80..84]);
                block[16..80].chunks_exact(32).for_each(|run| pairs(run, &mut self.quants));
            }
            BlockType::Q3_K => {
                self.scales.extend(scales_3(&block[96..108]).map(|s| s as u8));
                self.scales.extend_from_slice(&[block[108], block[109], 0, 0]);
                self.single_bits(&block[..32]);
                block[32..96].chunks_exact(32).for_each(|run| pairs(run, &mut self.quants));
            }
            BlockType::Q4_K => {
                self.scales_k(&block[..16]);
                block[16..144].chunks_exact(32).for_each(|run| self.nibbles(run));
            }
            BlockType::Q5_K => {
                self.scales_k(&block[..16]);
                self.single_bits(&block[16..48]);
                block[48..176].chunks_exact(32).for_each(|run| self.nibbles(run));
            }
            BlockType::Q6_K => {
                self.scales.extend_from_slice(&block[192..210]);
                self.scales.extend_from_slice(&[0, 0]);
                block[128..192].chunks_exact(32).for_each(|run| pairs(run, &mut self.high));
                block[..128].chunks_exact(64).for_each(|run| self.nibbles(run));
            }
            BlockType::IQ4_XS => {
                self.scales.extend(scales_iq4(&block[2..8]).map(|s| s as u8));
                self.scales.extend_from_slice(&[block[0], block[1], 0, 0]);
                block[8..136].chunks_exact(16).for_each(|run| self.nibbles(run));
            }
            BlockType::IQ1_S => self.split(block, 0..2, 2..34),
            BlockType::IQ1_M => self.split(block, 0..0, 0..32),
            BlockType::IQ2_XXS | BlockType::IQ2_XS | BlockType::IQ3_XXS | BlockType::IQ3_S => {
                self.split(block, 0..2, 2..66);
            }
            BlockType::IQ2_S => {
                self.scales.extend_from_slice(&block[..2]);
                let indices_and_signs = block[2..34].iter().zip(&block[34..66]);
                self.quants.extend(indices_and_signs.flat_map(|(index, signs)| [*index, *signs]));
                self.high.extend_from_slice(&block[66..]);
            }
            BlockType::TQ1_0 => self.split(block, 52..54, 0..52),
            BlockType::TQ2_0 => {
                self.scales.extend_from_slice(&block[64..66]);
                block[..64].chunks_exact(32).for_each(|run| pairs(run, &mut self.quants));
            }
            BlockType::MXFP4 => {
                self.scales.push(block[0]);
                self.nibbles(&block[1..17]);
            }
        }
    }

    /// Takes a block apart as it is; what lies behind scales and quants is high.
    fn split(&mut self, block: &[u8], scales: Range<usize>, quants: Range<usize>) {
        self.high.extend_from_slice(&block[scales.end.max(quants.end)..]);
        self.scales.extend_from_slice(&block[scales]);
        self.quants.extend_from_slice(&block[quants]);
    }

    /// `run` holds its first `run.len()` elements in the low halves of its bytes and as many more in the high halves.
    fn nibbles(&mut self, run: &[u8]) {
        const LOW: u32 = 0x0f0f_0f0f;
        let word = |b: &[u8]| u32::from_le_bytes([b[0], b[1], b[2], b[3]]);
        for eight in run.chunks_exact(8) {
            let (a, b) = (word(eight), word(&eight[4..]));
            self.quants.extend_from_slice(&((a & LOW) | ((b & LOW) << 4)).to_le_bytes());
        }
        for eight in run.chunks_exact(8) {
            let (a, b) = (word(eight), word(&eight[4..]));
            self.quants.extend_from_slice(&(((a >> 4) & LOW) | (b & !LOW)).to_le_bytes());
        }
    }

    /// (d, dmin), then the low 4 bits of the eight scales, the low 4 bits of the eight minima, and the high 2 bits of
    /// both. GGUF keeps the same 6-bit numbers in twelve bytes, the last four of each spread over two places.
    fn scales_k(&mut self, head: &[u8]) {
        self.scales.extend_from_slice(&head[..4]);
        let packed = &head[4..16];
        let (mut low_s, mut low_m, mut high) = (0u32, 0u32, 0u32);
        for j in 0..8 {
            let (s, m) = if j < 4 {
                (packed[j] & 63, packed[j + 4] & 63)
            } else {
                let (s, m) = (packed[j + 4] & 15, packed[j + 4] >> 4);
                (s | (packed[j - 4] >> 6) << 4, m | (packed[j] >> 6) << 4)
            };
            let (s, m) = (u32::from(s), u32::from(m));
            low_s |= (s & 15) << (4 * j);
            low_m |= (m & 15) << (4 * j);
            high |= ((s >> 4) << (2 * j)) | ((m >> 4) << (16 + 2 * j));
        }
        for word in [low_s, low_m, high] {
            self.scales.extend_from_slice(&word.to_le_bytes());
        }
    }

    /// Q5_K and Q3_K: bit s of byte l belongs to element 32 s + l. Out: byte i holds those of elements 8 i .. 8 i + 8.
    fn single_bits(&mut self, bits: &[u8]) {
        for s in 0..8 {
            for eight in bits.chunks_exact(8) {
                let byte =
                    eight.iter().enumerate().map(|(n, b)| ((b >> s) & 1) << n).fold(0, |all, bit| all | bit);
                self.high.push(byte);
            }
        }
    }
}

/// Bits 2 s and 2 s + 1 of byte l belong to element 32 s + l (of 128). Out: 16 bits for eight elements.
fn pairs(run: &[u8], out: &mut Vec<u8>) {
    for s in 0..4 {
        for eight in run.chunks_exact(8) {
            let half = eight
                .iter()
                .enumerate()
                .map(|(n, b)| u16::from((b >> (2 * s)) & 3) << (2 * n))
                .fold(0u16, |all, pair| all | pair);
            out.extend_from_slice(&half.to_le_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quant::{FLOATS, LEVELS, grid_codes, place};

    /// What the shaders do, on the CPU: the value of element `e` of the tensor in `planes`.
    fn element(block_type: BlockType, planes: &Planes, e: usize) -> f32 {
        let word = |plane: &[u8], i: usize| u32::from_le_bytes(plane[4 * i..4 * i + 4].try_into().unwrap());
        let f16 = |bits: u32| half::f16::from_bits(bits as u16).to_f32();
        let (eight, n) = (e / 8, (e % 8) as u32);
        let nibble = || (word(&planes.quants, eight) >> (8 * (n % 4) + 4 * (n / 4))) & 15;
        let single = || (word(&planes.high, eight / 4) >> (8 * (eight % 4) as u32 + n)) & 1;
        let two = |plane| (word(plane, eight / 2) >> (16 * (eight % 2) as u32 + 2 * n)) & 3;
        let block = e / block_type.block_len();
        let pair = || f16(word(&planes.scales, block / 2) >> (16 * (block % 2)));
        let k = || {
            let j = (e / 32 % 8) as u32;
            let w = [0, 1, 2, 3].map(|i| word(&planes.scales, block * 4 + i));
            let s = ((w[1] >> (4 * j)) & 15) | (((w[3] >> (2 * j)) & 3) << 4);
            let m = ((w[2] >> (4 * j)) & 15) | (((w[3] >> (16 + 2 * j)) & 3) << 4);
            (f16(w[0]) * s as f32, f16(w[0] >> 16) * m as f32)
        };
        match block_type {
            BlockType::F32 => f32::from_bits(word(&planes.quants, e)),
            BlockType::F16 => f16(word(&planes.quants, e / 2) >> (16 * (e % 2))),
            BlockType::Q4_0 => pair() * (nibble() as f32 - 8.0),
            BlockType::Q4_1 => {
                let w = word(&planes.scales, block);
                f16(w) * nibble() as f32 + f16(w >> 16)
            }
            BlockType::BF16 => f32::from_bits((word(&planes.quants, e / 2) >> (16 * (e % 2))) << 16),
            BlockType::Q5_0 => pair() * ((nibble() | single() << 4) as f32 - 16.0),
            BlockType::Q5_1 => {
                let w = word(&planes.scales, block);
                f16(w) * (nibble() | single() << 4) as f32 + f16(w >> 16)
            }
            BlockType::Q8_0 => pair() * (word(&planes.quants, e / 4) >> (8 * (e % 4))) as u8 as i8 as f32,
            BlockType::Q4_K => k().0 * nibble() as f32 - k().1,
            BlockType::Q5_K => k().0 * (nibble() | single() << 4) as f32 - k().1,
            BlockType::Q2_K => {
                let (d, s) = (word(&planes.scales, block * 5 + 4), planes.scales[block * 20 + e / 16 % 16]);
                f16(d) * f32::from(s & 15) * two(&planes.quants) as f32 - f16(d >> 16) * f32::from(s >> 4)
            }
            BlockType::Q3_K => {
                let d = f16(word(&planes.scales, block * 5 + 4));
                let s = planes.scales[block * 20 + e / 16 % 16] as i8;
                d * f32::from(s) * ((two(&planes.quants) | single() << 2) as f32 - 4.0)
            }
            BlockType::IQ4_NL => pair() * f32::from(LEVELS[nibble() as usize]),
            BlockType::IQ4_XS => {
                let d = f16(word(&planes.scales, block * 3 + 2));
                let s = planes.scales[block * 12 + e / 32 % 8] as i8;
                d * f32::from(s) * f32::from(LEVELS[nibble() as usize])
            }
            BlockType::TQ1_0 => {
                let (byte, digit) = place(e % 256);
                let rest = planes.quants[block * 52 + byte].wrapping_mul(3u8.wrapping_pow(digit as u32));
                pair() * f32::from(((u16::from(rest) * 3) >> 8) as i8 - 1)
            }
            BlockType::TQ2_0 => pair() * (two(&planes.quants) as f32 - 1.0),
            BlockType::MXFP4 => {
                let exponent = i32::from(planes.scales[block]);
                2f32.powi(exponent - 128) * f32::from(FLOATS[nibble() as usize])
            }
            BlockType::Q6_K => {
                let high = two(&planes.high);
                let s = planes.scales[block * 20 + e / 16 % 16] as i8;
                let d = f16(word(&planes.scales, block * 5 + 4));
                d * f32::from(s) * ((nibble() | high << 4) as f32 - 32.0)
            }
            _ => {
                let d = if planes.scales.is_empty() { 1.0 } else { pair() };
                d * of_grid(block_type, planes, e)
            }
        }
    }

    /// The same over `d` of types with a grid.
    fn of_grid(block_type: BlockType, planes: &Planes, e: usize) -> f32 {
        let (block, eight, n) = (e / 256, e / 8, e % 8);
        let (quants, high) = (&planes.quants, &planes.high);
        let byte = |plane: &[u8], at: usize| u32::from(plane[at]);
        let short = |plane: &[u8], i: usize| byte(plane, 2 * i) | byte(plane, 2 * i + 1) << 8;
        let word = |plane: &[u8], i: usize| short(plane, 2 * i) | short(plane, 2 * i + 1) << 16;
        let nibble = |from: usize, i: usize| (byte(high, from + i / 2) >> (4 * (i % 2))) & 15;
        let code = |index: u32| u32::from(grid_codes(block_type).unwrap()[index as usize]);
        let level = |index: u32| ((code(index) >> (2 * n)) & 3) as usize;
        let level_4 = |index: u32| ((code(index) >> (3 * (n % 4))) & 7) as usize;
        let sign = |signs: u32| if (signs >> n) & 1 == 1 { -1.0 } else { 1.0 };
        let even = |signs: u32| signs & 127 | ((signs & 127).count_ones() & 1) << 7;
        let odd = |steps: u32| (2 * steps + 1) as f32;
        const IQ2: [f32; 3] = [8.0, 25.0, 43.0];
        const IQ3: [f32; 8] = [4.0, 12.0, 20.0, 28.0, 36.0, 44.0, 52.0, 62.0];
        match block_type {
            BlockType::IQ1_S => {
                let rest = short(high, e / 32);
                let index = byte(quants, eight) | ((rest >> (3 * (eight % 4))) & 7) << 8;
                let shift = if rest >> 15 == 1 { -0.125 } else { 0.125 };
                odd((rest >> 12) & 7) * (level(index) as f32 - 1.0 + shift)
            }
            BlockType::IQ1_M => {
                let parts = [0, 1, 2, 3].map(|i| short(high, block * 12 + 8 + i));
                let d = (0..4).fold(0, |d, i| d | (parts[i] >> 12) << (4 * i));
                let steps = (parts[e / 64 % 4] >> (3 * (e / 16 % 4))) & 7;
                let rest = nibble(block * 24, eight % 32);
                let shift = if rest & 8 == 8 { -0.125 } else { 0.125 };
                let point = level(byte(quants, eight) | (rest & 7) << 8) as f32 - 1.0;
                half::f16::from_bits(d as u16).to_f32() * odd(steps) * (point + shift)
            }
            BlockType::IQ2_XXS => {
                let signs = word(quants, e / 32 * 2 + 1);
                let index = byte(quants, e / 32 * 8 + eight % 4);
                odd(signs >> 28) / 8.0 * IQ2[level(index)] * sign(even(signs >> (7 * (eight % 4))))
            }
            BlockType::IQ2_XS => {
                let q = short(quants, eight);
                odd(nibble(block * 8, e / 16 % 16)) / 8.0 * IQ2[level(q & 511)] * sign(even(q >> 9))
            }
            BlockType::IQ2_S => {
                let q = short(quants, eight);
                let index = q & 255 | ((byte(high, block * 16 + e / 32 % 8) >> (2 * (eight % 4))) & 3) << 8;
                odd(nibble(block * 16 + 8, e / 16 % 16)) / 8.0 * IQ2[level(index)] * sign(q >> 8)
            }
            BlockType::IQ3_XXS => {
                let signs = word(high, e / 32);
                let level = level_4(byte(quants, e / 4));
                odd(signs >> 28) / 4.0 * IQ3[level] * sign(even(signs >> (7 * (eight % 4))))
            }
            BlockType::IQ3_S => {
                let record = block * 44;
                let ninth = (byte(high, record + e / 32 % 8) >> (e / 4 % 8)) & 1;
                let q = odd(level_4(byte(quants, e / 4) | ninth << 8) as u32);
                odd(nibble(record + 40, e / 32 % 8)) * q * sign(byte(high, record + 8 + eight % 32))
            }
            _ => panic!("{block_type:?} has no grid"),
        }
    }

    #[test]
    fn planes_hold_what_the_blocks_held() {
        let values: Vec<f32> =
            (0..1536).map(|i| ((i * 7919 % 1009) as f32 / 504.0 - 1.0) * (1.0 + i as f32 / 999.0)).collect();
        for block_type in BlockType::ALL {
            let blocks = block_type.quantize(&values);
            let mut expected = vec![0.0; values.len()];
            block_type.dequantize(&blocks, &mut expected);
            let mut planes = Planes::default();
            planes.fill(block_type, &blocks);
            for (e, &expected) in expected.iter().enumerate() {
                let got = element(block_type, &planes, e);
                assert!(
                    (got - expected).abs() <= 1e-6 * expected.abs().max(1e-3),
                    "{block_type:?} {e}: {got} {expected}"
                );
            }
        }
    }

    #[test]
    fn the_documented_sizes_are_these() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/SUPPORT.md");
        let support = std::fs::read_to_string(path).unwrap();
        for block_type in BlockType::ALL {
            let Layout { quants, scales, high } = layout(block_type);
            let bits = |bytes: usize| (8 * bytes) as f32 / block_type.block_len() as f32;
            let (file, gpu) = (bits(block_type.block_bytes()), bits(quants + scales + high));
            let row = format!("| {} | {file} | {gpu} |", block_type.name());
            assert!(support.lines().any(|line| line == row), "docs/SUPPORT.md has no row {row}");
        }
    }

    #[test]
    fn pieces_follow_on_one_another() {
        let values: Vec<f32> = (0..256 * 128).map(|i| (i as f32 * 0.37).sin()).collect();
        for block_type in BlockType::ALL {
            let blocks = block_type.quantize(&values);
            let mut whole = Planes::default();
            whole.fill(block_type, &blocks);
            let (mut quants, mut scales, mut high) = (Vec::new(), Vec::new(), Vec::new());
            let mut piece = Planes::default();
            for chunk in blocks.chunks(crate::model::CHUNK_BLOCKS * block_type.block_bytes()) {
                piece.fill(block_type, chunk);
                quants.extend_from_slice(&piece.quants);
                scales.extend_from_slice(&piece.scales);
                high.extend_from_slice(&piece.high);
            }
            assert!(quants == whole.quants && scales == whole.scales && high == whole.high, "{block_type:?}");
            let sizes = layout(block_type);
            let count = values.len() / block_type.block_len();
            assert_eq!(
                (quants.len(), scales.len(), high.len()),
                (count * sizes.quants, count * sizes.scales, count * sizes.high),
                "{block_type:?}"
            );
        }
    }
}
