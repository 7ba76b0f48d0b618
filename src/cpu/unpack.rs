//! Rows of blocks as `f32`, for products with many rows of `x`.

use super::formats::{Format, Scales};
use super::kernel::Kernel;
use super::quants::{Quants, place};
use crate::quant::BlockType;

/// Writes the values of whole blocks, the 32 of each group in the order of [`super::quants`]. What is multiplied with them
/// must be brought [`into_lanes`] too.
pub(super) struct Unpack<'a> {
    pub block_type: BlockType,
    pub blocks: &'a [u8],
    pub out: &'a mut [f32],
}

impl Kernel for Unpack<'_> {
    #[inline(always)]
    fn run<F: Format, Q: Quants>(self) {
        if F::CODED {
            // Once more of their code would make the wasm module 6 kB larger.
            self.block_type.dequantize(self.blocks, self.out);
            self.out.as_chunks_mut::<32>().0.iter_mut().for_each(|group| *group = reordered(group));
            return;
        }
        let groups = self.out.as_chunks_mut::<32>().0;
        for (block, out) in self.blocks.chunks_exact(F::BYTES).zip(groups.chunks_exact_mut(F::GROUPS)) {
            let Scales { factors, offsets } = F::scales::<Q>(block);
            for (g, out) in out.iter_mut().enumerate() {
                let (first, last) = if F::HALVES { (2 * g, 2 * g + 1) } else { (g, g) };
                let (factors, offsets) = ([factors[first], factors[last]], [offsets[first], offsets[last]]);
                F::quants::<Q>(block, g).store(factors, offsets, out);
            }
        }
    }
}

/// Rows of `x` with each 32 elements in the order of the lanes.
pub(super) fn into_lanes(x: &[f32]) -> Vec<f32> {
    let mut out = vec![0.0; x.len()];
    for (x, out) in x.as_chunks::<32>().0.iter().zip(out.as_chunks_mut::<32>().0) {
        *out = reordered(x);
    }
    out
}

fn reordered(group: &[f32; 32]) -> [f32; 32] {
    std::array::from_fn(|lane| group[place(lane)])
}

#[cfg(test)]
mod tests {
    use super::super::kernel::run;
    use super::super::vector::Level;
    use super::*;

    #[test]
    fn values_are_those_of_the_reference_in_the_order_of_the_lanes() {
        let waves: Vec<f32> = (0..1024).map(|i| (i as f32 * 0.37).sin() * (1.0 + (i % 7) as f32)).collect();
        for block_type in BlockType::ALL.into_iter().filter(|t| t.block_len() > 1) {
            let blocks = block_type.quantize(&waves);
            let mut expected = vec![0.0; waves.len()];
            block_type.dequantize(&blocks, &mut expected);
            let expected = into_lanes(&expected);
            for level in Level::all() {
                let mut out = vec![f32::NAN; waves.len()];
                run(level, block_type, Unpack { block_type, blocks: &blocks, out: &mut out });
                for (got, expected) in out.iter().zip(&expected) {
                    assert!(
                        (got - expected).abs() <= 2e-6,
                        "{block_type:?} {level:?}: {got}, not {expected}"
                    );
                }
            }
        }
    }
}
