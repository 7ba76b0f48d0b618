//! Random weights, block by block.

use half::{bf16, f16};
use lunette::quant::BlockType;

/// Marsaglia's xorshift: fast, and good enough to be nobody's pattern.
pub struct Blocks {
    state: u64,
}

impl Blocks {
    /// Repeatable.
    pub fn new() -> Blocks {
        Blocks { state: 0x9e37_79b9_7f4a_7c15 }
    }

    fn next(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }

    /// Uniform in -0.5..0.5.
    fn uniform(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 24) as f32 - 0.5
    }

    /// The weights of a norm: near 1.
    pub fn norm(&mut self, elements: usize) -> Vec<f32> {
        (0..elements).map(|_| 1.0 + 0.1 * self.uniform()).collect()
    }

    /// A matrix with rows of `cols`, whose elements have the mean 0 and the deviation 1/√cols: what it makes of a
    /// normalized row is normalized again. In pieces of about `piece` bytes.
    pub fn matrix(
        &mut self,
        block_type: BlockType,
        cols: usize,
        elements: usize,
        piece: usize,
    ) -> impl Iterator<Item = Vec<u8>> {
        let size = block_type.block_bytes();
        let deviation = 1.0 / (cols as f32).sqrt();
        let mut left = elements / block_type.block_len();
        std::iter::from_fn(move || {
            let count = left.min(piece / size);
            left -= count;
            (count > 0).then(|| self.piece(block_type, count, deviation))
        })
    }

    /// `count` blocks: random bits, with the scales set.
    fn piece(&mut self, block_type: BlockType, count: usize, deviation: f32) -> Vec<u8> {
        let size = block_type.block_bytes();
        let mut bytes = Vec::with_capacity(count * size + 8);
        while bytes.len() < count * size {
            bytes.extend(self.next().to_le_bytes());
        }
        bytes.truncate(count * size);
        bytes.chunks_exact_mut(size).for_each(|block| scale(block_type, block, deviation));
        bytes
    }
}

/// Sets a block's scales so that its elements, whose quants are uniform, have the mean 0 and this deviation. The divisors
/// are the deviations at `d = 1`.
fn scale(block_type: BlockType, block: &mut [u8], deviation: f32) {
    let put = |block: &mut [u8], at: usize, value: f32| {
        block[at..at + 2].copy_from_slice(&f16::from_f32(value).to_le_bytes());
    };
    // Sixteen scales or minima below 16, so that `d` is not so small that a half has few bits for it.
    let small = |scales: &mut [u8]| scales.iter_mut().for_each(|byte| *byte &= 15);
    match block_type {
        BlockType::F32 => {
            let uniform = u16::from_le_bytes([block[0], block[1]]);
            block.copy_from_slice(&spread(uniform, deviation).to_le_bytes());
        }
        BlockType::F16 => {
            let uniform = u16::from_le_bytes([block[0], block[1]]);
            put(block, 0, spread(uniform, deviation));
        }
        BlockType::BF16 => {
            let uniform = u16::from_le_bytes([block[0], block[1]]);
            block.copy_from_slice(&bf16::from_f32(spread(uniform, deviation)).to_le_bytes());
        }
        // d (q − 8)
        BlockType::Q4_0 => put(block, 0, deviation / 4.6),
        // d q + m
        BlockType::Q4_1 => {
            put(block, 0, deviation / 4.6);
            put(block, 2, -7.5 * deviation / 4.6);
        }
        // d (q − 16), and d q + m
        BlockType::Q5_0 => put(block, 0, deviation / 9.2),
        BlockType::Q5_1 => {
            put(block, 0, deviation / 9.2);
            put(block, 2, -15.5 * deviation / 9.2);
        }
        // d q
        BlockType::Q8_0 => put(block, 0, deviation / 74.0),
        // d s q − dmin m; s and m are the halves of a byte, made equal here.
        BlockType::Q2_K => {
            block[..16].iter_mut().for_each(|byte| *byte = (*byte & 15) * 17);
            put(block, 80, deviation / 9.9);
            put(block, 82, 1.5 * deviation / 9.9);
        }
        // d s (q − 4) with signed s, −32 to 31.
        BlockType::Q3_K => put(block, 108, deviation / 43.3),
        // d s q − dmin m; s and m are packed into bytes 4 to 15, their upper two bits into the first eight of these.
        BlockType::Q4_K => {
            put(block, 0, deviation / 63.5);
            put(block, 2, 7.5 * deviation / 63.5);
            small(&mut block[4..12]);
        }
        BlockType::Q5_K => {
            put(block, 0, deviation / 130.0);
            put(block, 2, 15.5 * deviation / 130.0);
            small(&mut block[4..12]);
        }
        // d s (q − 32) with signed s, here -8 to 7.
        BlockType::Q6_K => {
            block[192..208].iter_mut().for_each(|byte| *byte = (*byte & 15).wrapping_sub(8));
            put(block, 208, deviation / 85.7);
        }
        // d · level(q), and d s · level(q) with signed s, −32 to 31. The levels' mean is not quite 0: half of the blocks
        // have a negative d.
        BlockType::IQ4_NL => {
            let sign = if block[2] & 1 == 0 { 1.0 } else { -1.0 };
            put(block, 0, sign * deviation / 67.4);
        }
        BlockType::IQ4_XS => put(block, 0, deviation / (67.4 * 18.5)),
        // Points of a grid, times d and an odd number of steps.
        BlockType::IQ1_S => put(block, 0, deviation / 7.2),
        BlockType::IQ1_M => {
            // The upper four bits of four half words.
            let d = f16::from_f32(deviation / 7.2).to_bits();
            for (i, high) in block[48..].iter_mut().skip(1).step_by(2).enumerate() {
                *high = (*high & 15) | (((d >> (4 * i)) & 15) as u8) << 4;
            }
        }
        BlockType::IQ2_XXS => put(block, 0, deviation / 53.5),
        BlockType::IQ2_XS => put(block, 0, deviation / 55.9),
        BlockType::IQ2_S => put(block, 0, deviation / 56.3),
        BlockType::IQ3_XXS => put(block, 0, deviation / 142.6),
        BlockType::IQ3_S => put(block, 0, deviation / 140.2),
        // d (q − 1); of two bits the quant 3, which quantizers never write, becomes a 1.
        BlockType::TQ1_0 => put(block, 52, deviation / 0.82),
        BlockType::TQ2_0 => {
            block[..64].iter_mut().for_each(|byte| *byte &= !((*byte & 0x55) << 1));
            put(block, 64, deviation / 0.71);
        }
        // A power of two times floats, whose deviation is 5.85: either of the two powers next to what is wanted, so often
        // that the mean of the squares is right.
        BlockType::MXFP4 => {
            let wanted = deviation / 5.85;
            let power = wanted.log2().floor();
            let larger = ((wanted / power.exp2()).powi(2) - 1.0) / 3.0;
            let up = f32::from(block[0]) < 256.0 * larger;
            block[0] = (power as i32 + 128 + i32::from(up)) as u8;
        }
    }
}

fn spread(uniform: u16, deviation: f32) -> f32 {
    (f32::from(uniform) / 65536.0 - 0.5) * 12f32.sqrt() * deviation
}
