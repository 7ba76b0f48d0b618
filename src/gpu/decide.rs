//! Which kernel computes what: pure functions of shapes, block types and what the adapter can do.

use crate::quant::BlockType;

/// What the adapter offers, and what of it is to be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// The adapter is a program on the CPU.
    pub software: bool,
    pub kernels: Kernels,
    /// Least and greatest subgroup size, where subgroups may be used.
    pub subgroups: Option<(u32, u32)>,
    pub f16: bool,
}

/// The two families of kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernels {
    /// Threads that work alone, in register tiles: a barrier costs a software adapter more than the work between two.
    Independent,
    /// Workgroups that read coalesced, share tiles and reduce together, as hardware wants it.
    Cooperative,
}

/// A product `[n, cols] · [rows, cols]ᵀ` with `n ≤ most`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinearShape {
    pub rows: usize,
    pub cols: usize,
    pub block_type: BlockType,
    pub most: usize,
}

/// A kernel for a linear map, with the tile of the result that a workgroup computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinearKernel {
    pub shader: &'static str,
    /// Rows of the matrix.
    pub tile_rows: usize,
    /// Rows of the activations.
    pub tile_tokens: usize,
}

pub fn linear(shape: LinearShape, _capabilities: &Capabilities) -> LinearKernel {
    match shape.most {
        1 => LinearKernel { shader: "linear_one", tile_rows: 64, tile_tokens: 1 },
        _ => LinearKernel { shader: "linear_tile", tile_rows: 64, tile_tokens: 8 },
    }
}

/// Activation buffers have room for a multiple of this many rows, so that kernels may read whole tiles.
pub const ROW_PADDING: usize = 8;

/// The numbers of rows that plans are made for, ascending: a step runs the first that holds it.
pub fn row_classes(max_rows: usize) -> Vec<usize> {
    classes(max_rows)
}

/// The same for rows whose logits are wanted; a step that wants more than the last is served piecewise.
pub fn output_classes(max_rows: usize) -> Vec<usize> {
    classes(max_rows.min(16))
}

fn classes(most: usize) -> Vec<usize> {
    if most > 1 { vec![1, most] } else { vec![1] }
}

/// The rows that a prefill step may have. On a software adapter few enough that a step of a model with
/// `matmul_weights` weights ends within about two seconds, so that an abort is soon heard.
pub fn max_rows(matmul_weights: u64, capabilities: &Capabilities) -> usize {
    const SOFTWARE_PRODUCTS: u64 = 5_000_000_000;
    if capabilities.software {
        let rows = (SOFTWARE_PRODUCTS / matmul_weights.max(1)).clamp(8, 256) as usize;
        rows / ROW_PADDING * ROW_PADDING
    } else {
        512
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOFTWARE: Capabilities =
        Capabilities { software: true, kernels: Kernels::Independent, subgroups: Some((4, 4)), f16: false };
    const HARDWARE: Capabilities =
        Capabilities { software: false, kernels: Kernels::Cooperative, subgroups: Some((32, 32)), f16: true };

    #[test]
    fn steps_on_software_are_short() {
        assert_eq!(max_rows(135_000_000, &SOFTWARE), 32);
        assert_eq!(max_rows(8_000_000_000, &SOFTWARE), 8);
        assert_eq!(max_rows(10_000, &SOFTWARE), 256);
        assert_eq!(max_rows(8_000_000_000, &HARDWARE), 512);
    }

    #[test]
    fn classes_end_with_the_most() {
        assert_eq!(row_classes(32), [1, 32]);
        assert_eq!(row_classes(1), [1]);
        assert_eq!(output_classes(8), [1, 8]);
        assert_eq!(output_classes(512), [1, 16]);
    }
}
