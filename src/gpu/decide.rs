//! Which kernel computes what: pure functions of shapes, block types and what the adapter can do.

use crate::model::KvType;
use crate::quant::BlockType;

/// What the adapter offers and the kernels may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// The adapter is a program on the CPU.
    pub software: bool,
    pub kernels: Kernels,
    /// Least and greatest subgroup size, where subgroups may be used.
    pub subgroups: Option<(u32, u32)>,
    pub f16: bool,
    /// The weights from which on a map of few rows multiplies packed bytes; `None`: none does.
    pub packed_from: Option<usize>,
}

/// [`Capabilities::packed_from`] where GPUs multiply packed bytes: activations are packed by a dispatch of its own, whose
/// few microseconds should vanish beside the time of reading the weights.
pub const PACKED_FROM: usize = 1 << 24;

/// The same limit for steps of more than four rows, which share the cost of packing.
pub const PACKED_FROM_OF_MANY: usize = 1 << 17;

/// Whether GPUs of a vendor have an instruction for `dot4I8Packed`, which WGSL promises everywhere: Apple's have none, and
/// those for phones were not looked at.
pub fn multiplies_bytes(vendor: &str) -> bool {
    ["nvidia", "amd", "intel"].contains(&vendor)
}

/// Whether the quants of a block type are bytes, in groups of 16 or more: those that `packed_group8` is written for.
pub fn packs(block_type: BlockType) -> bool {
    use BlockType::*;
    matches!(block_type, Q4_0 | Q4_1 | Q5_0 | Q5_1 | Q8_0 | Q4_K | Q5_K | Q6_K)
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinearKernel {
    pub shader: &'static str,
    /// Rows of the matrix.
    pub tile_rows: usize,
    /// Rows of the activations.
    pub tile_tokens: usize,
    /// Of them, those that a thread serves.
    pub per_thread: usize,
    /// What the threads of a workgroup sum up together, if they do.
    pub sum: Option<Sum>,
    /// Groups of eight weights that a thread takes at a time, where the shader wants to know.
    pub groups: Option<usize>,
    /// It wants the activations as packed bytes.
    pub packed: bool,
    /// One pipeline for maps of any shape, in place of one for each.
    pub any_shape: bool,
}

/// `count` sums over the `lanes` threads of a workgroup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sum {
    pub lanes: usize,
    pub count: usize,
    /// The file that does it.
    pub reduce: &'static str,
}

/// The most rows of activations of a GEMV. Such a product is bound by memory: the weights are read once for all rows.
const FEW: usize = 16;

pub fn linear(shape: LinearShape, capabilities: &Capabilities) -> LinearKernel {
    match (capabilities.kernels, shape.most) {
        (Kernels::Cooperative, ..=FEW) => gemv(shape, capabilities),
        (Kernels::Cooperative, _) => gemm(shape),
        (Kernels::Independent, 1) => LinearKernel { any_shape: true, ..tiles("gemv_thread", 64, 1) },
        (Kernels::Independent, _) => LinearKernel { any_shape: true, ..tiles("gemm_thread", 64, 8) },
    }
}

fn tiles(shader: &'static str, tile_rows: usize, tile_tokens: usize) -> LinearKernel {
    LinearKernel {
        shader,
        tile_rows,
        tile_tokens,
        per_thread: tile_tokens,
        sum: None,
        groups: None,
        packed: false,
        any_shape: false,
    }
}

fn gemm(shape: LinearShape) -> LinearKernel {
    // Small results are cut into more tiles, so that there is one for every core of a large GPU.
    const ENOUGH: usize = 128;
    let large = shape.rows.div_ceil(64) * shape.most.div_ceil(64);
    let (tokens, per_thread) = if large < ENOUGH { (32, 4) } else { (64, 8) };
    LinearKernel { per_thread, ..tiles("gemm", 64, tokens) }
}

/// Rows of a matrix from which on a GEMV has workgroups enough for the largest GPUs.
const MANY_ROWS: usize = 8192;

fn gemv(shape: LinearShape, capabilities: &Capabilities) -> LinearKernel {
    let quantized = !matches!(shape.block_type, BlockType::F32 | BlockType::F16 | BlockType::BF16);
    let weights = shape.rows * shape.cols;
    // Several rows share the cost of packing, and what is packed is read once for each.
    let worth = |least: usize| weights >= if shape.most > 4 { least.min(PACKED_FROM_OF_MANY) } else { least };
    let packed = packs(shape.block_type) && capabilities.packed_from.is_some_and(worth);
    // One row of activations leaves registers for longer runs, which scale twice as many products at once; packed bytes do
    // so always.
    let groups = if packed || shape.most == 1 && quantized { 2 } else { 1 };
    let lanes = match shape.cols / (8 * groups) {
        0..=64 => 32,
        // A matrix of few rows keeps a large GPU busy only with more threads for each.
        128.. if shape.most <= 4 && shape.rows < MANY_ROWS => 128,
        65..=511 => 64,
        // Without subgroups the sums of 16 rows and more threads would not fit into 16 KiB.
        _ if shape.most > 8 => 64,
        _ => 128,
    };
    LinearKernel {
        sum: Some(sum(lanes, shape.most, capabilities)),
        groups: (!packed).then_some(groups),
        packed,
        ..tiles("gemv", 4, shape.most)
    }
}

fn sum(lanes: usize, count: usize, capabilities: &Capabilities) -> Sum {
    let reduce = match capabilities.subgroups {
        Some(_) => "reduce_subgroups",
        None => "reduce_shared",
    };
    Sum { lanes, count, reduce }
}

/// How the sum of squares of a row of `cols` is shared; `None`: a thread does it alone.
pub fn rms_norm(cols: usize, capabilities: &Capabilities) -> Option<Sum> {
    let lanes = (cols / 4).next_power_of_two().clamp(32, 256);
    (capabilities.kernels == Kernels::Cooperative).then(|| sum(lanes, 1, capabilities))
}

/// An attention over a cache of `slots` positions, for at most `most` rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttentionShape {
    pub heads: usize,
    pub kv_heads: usize,
    pub head_dim: usize,
    pub kv_type: KvType,
    pub slots: usize,
    pub most: usize,
}

/// How attention is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttentionKernel {
    /// A thread for each head of a row and one of `splits` pieces of the context.
    Thread { splits: usize },
    /// A workgroup for `rows` rows, the heads of one KV head and one of `splits` pieces of the context, `positions` of
    /// which are in shared memory at a time.
    Tile { rows: usize, positions: usize, splits: usize },
}

impl AttentionKernel {
    /// The pieces of the context, and the positions that each has a multiple of.
    pub fn pieces(self) -> (usize, usize) {
        match self {
            AttentionKernel::Thread { splits } => (splits, THREAD_POSITIONS),
            AttentionKernel::Tile { positions, splits, .. } => (splits, positions),
        }
    }
}

pub fn attention(shape: AttentionShape, capabilities: &Capabilities) -> AttentionKernel {
    let group = shape.heads / shape.kv_heads;
    // A thread owns one entry of four elements in a tile of 64 threads.
    let thread = AttentionKernel::Thread { splits: thread_splits(&shape, capabilities) };
    if capabilities.kernels == Kernels::Independent || shape.head_dim > 4 * ATTENTION_LANES {
        return thread;
    }
    let most_rows = if shape.most <= FEW { 1 } else { (16 / group).max(1) };
    let rows = (0..5).map(|halvings| (most_rows >> halvings).max(1));
    let tiles = rows.flat_map(|rows| [(rows, 32), (rows, 16)]).chain([(1, 8), (1, 4)]);
    let fits = |(rows, positions): &(usize, usize)| {
        rows * group <= ATTENTION_LANES && attention_bytes(&shape, rows * group, *positions) <= SHARED
    };
    let Some((rows, positions)) = tiles.into_iter().find(fits) else {
        return thread;
    };
    // Flash decoding: few rows leave a GPU idle unless their context is split, into pieces that are worth a workgroup.
    let wanted = (512 / (shape.kv_heads * shape.most)).clamp(4, 32);
    let splits = if shape.most <= FEW { wanted.min(shape.slots.div_ceil(2 * positions)) } else { 1 };
    AttentionKernel::Tile { rows, positions, splits }
}

/// Pieces of the context for `attention_thread`. On a software adapter none has more loops than llvmpipe runs (see
/// [`DRAW_LANES`]): it would leave the positions behind them out without a word. A thread goes through a head's fours of
/// elements twice for four positions.
fn thread_splits(shape: &AttentionShape, capabilities: &Capabilities) -> usize {
    const ROUNDS: usize = 60_000;
    let positions = 4 * ROUNDS / (2 * (shape.head_dim / 4) + 2) / THREAD_POSITIONS * THREAD_POSITIONS;
    if capabilities.software { shape.slots.div_ceil(positions.max(THREAD_POSITIONS)).max(1) } else { 1 }
}

/// The positions of a piece are a multiple of these.
const THREAD_POSITIONS: usize = 16;

/// Threads that keep the online softmax of a query together: a power of two.
pub fn softmax_threads(queries: usize, positions: usize) -> usize {
    (1 << (ATTENTION_LANES / queries).ilog2()).min(positions)
}

/// Threads of a workgroup of `attention_tile`.
const ATTENTION_LANES: usize = 64;

/// Shared memory of a workgroup on any adapter.
const SHARED: usize = 16 << 10;

/// What `attention_tile` needs of it.
fn attention_bytes(shape: &AttentionShape, queries: usize, positions: usize) -> usize {
    let keys = positions * (shape.head_dim + 4) * shape.kv_type.bytes();
    let (scores, statistics) = (queries * positions * 4, queries * 8 + ATTENTION_LANES * 4);
    queries * shape.head_dim * 4 + keys + scores + statistics
}

/// How rows of logits are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SamplerKernel {
    /// Pieces of the vocabulary that are looked through side by side.
    pub pieces: usize,
    /// Threads for a piece.
    pub lanes: usize,
    /// The file with their barrier.
    pub barrier: &'static str,
}

/// Threads that draw a token from a row, on any adapter: the barriers of a single workgroup cost little anywhere, and
/// llvmpipe ends a thread's loops after 65,535 rounds in all.
pub const DRAW_LANES: usize = 256;

pub fn sampler(capabilities: &Capabilities) -> SamplerKernel {
    match capabilities.kernels {
        Kernels::Cooperative => SamplerKernel { pieces: 64, lanes: 64, barrier: "barrier_workgroup" },
        Kernels::Independent => SamplerKernel { pieces: 32, lanes: 1, barrier: "barrier_none" },
    }
}

/// Activation buffers have room for a multiple of this many rows, so that kernels may read whole tiles.
pub const ROW_PADDING: usize = 8;

/// The numbers of rows that plans are made for, ascending: a step runs the first that holds it.
pub fn row_classes(max_rows: usize, capabilities: &Capabilities) -> Vec<usize> {
    classes(max_rows, capabilities)
}

/// The same for rows whose logits are wanted; a step that wants more than the last is served piecewise.
pub fn output_classes(max_rows: usize, capabilities: &Capabilities) -> Vec<usize> {
    classes(max_rows.min(16), capabilities)
}

fn classes(most: usize, capabilities: &Capabilities) -> Vec<usize> {
    let few: &[usize] = match capabilities.kernels {
        Kernels::Independent => &[1],
        Kernels::Cooperative => &[1, 4, FEW],
    };
    few.iter().copied().filter(|&n| n < most).chain([most]).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub const SOFTWARE: Capabilities = Capabilities {
        software: true,
        kernels: Kernels::Independent,
        subgroups: Some((4, 4)),
        f16: false,
        packed_from: None,
    };
    pub const HARDWARE: Capabilities = Capabilities {
        software: false,
        kernels: Kernels::Cooperative,
        subgroups: Some((32, 32)),
        f16: true,
        packed_from: None,
    };

    #[test]
    fn classes_end_with_the_most() {
        assert_eq!(row_classes(32, &SOFTWARE), [1, 32]);
        assert_eq!(row_classes(1, &SOFTWARE), [1]);
        assert_eq!(output_classes(8, &SOFTWARE), [1, 8]);
        assert_eq!(output_classes(512, &SOFTWARE), [1, 16]);
        assert_eq!(row_classes(512, &HARDWARE), [1, 4, 16, 512]);
        assert_eq!(row_classes(16, &HARDWARE), [1, 4, 16]);
        assert_eq!(row_classes(3, &HARDWARE), [1, 3]);
        assert_eq!(output_classes(512, &HARDWARE), [1, 4, 16]);
    }

    #[test]
    fn linear_kernels() {
        let without = Capabilities { subgroups: None, ..HARDWARE };
        let table = [
            (SOFTWARE, 4096, BlockType::Q4_K, 1, "gemv_thread", None),
            (SOFTWARE, 4096, BlockType::Q4_K, 16, "gemm_thread", None),
            (HARDWARE, 4096, BlockType::Q4_K, 1, "gemv", Some((128, "reduce_subgroups", 2))),
            (HARDWARE, 4096, BlockType::Q4_K, 16, "gemv", Some((64, "reduce_subgroups", 1))),
            (HARDWARE, 14336, BlockType::Q4_K, 1, "gemv", Some((128, "reduce_subgroups", 2))),
            (HARDWARE, 576, BlockType::Q4_1, 1, "gemv", Some((32, "reduce_subgroups", 2))),
            (HARDWARE, 4096, BlockType::IQ3_XXS, 1, "gemv", Some((128, "reduce_subgroups", 2))),
            (HARDWARE, 576, BlockType::F16, 1, "gemv", Some((64, "reduce_subgroups", 1))),
            (without, 14336, BlockType::Q6_K, 4, "gemv", Some((128, "reduce_shared", 1))),
            (without, 14336, BlockType::Q6_K, 16, "gemv", Some((64, "reduce_shared", 1))),
            (without, 4096, BlockType::Q4_K, 17, "gemm", None),
        ];
        for (rows, most, tile_tokens) in [(4096, 512, 64), (1024, 512, 64), (576, 512, 32), (4096, 64, 32)] {
            let shape = LinearShape { rows, cols: 576, block_type: BlockType::Q4_1, most };
            assert_eq!(linear(shape, &HARDWARE).tile_tokens, tile_tokens, "{rows} × {most}");
        }
        for (capabilities, cols, block_type, most, shader, sums) in table {
            let kernel = linear(LinearShape { rows: 4096, cols, block_type, most }, &capabilities);
            let got = kernel.sum.map(|s| (s.lanes, s.reduce, kernel.groups.unwrap_or(0)));
            assert_eq!((kernel.shader, got), (shader, sums), "{cols} {block_type:?} {most}");
            assert_eq!(kernel.any_shape, capabilities.kernels == Kernels::Independent);
            // Four sums a thread and row of activations, in the 16 KiB that every adapter has.
            assert!(kernel.sum.is_none_or(|s| s.lanes * s.count * 16 <= 16 << 10));
        }
    }

    #[test]
    fn large_maps_of_few_rows_multiply_packed_bytes() {
        use BlockType::*;
        let packing = Capabilities { packed_from: Some(PACKED_FROM), ..HARDWARE };
        let table = [
            (packing, 4096, 4096, Q4_K, 1, Some((128, 1))),
            (packing, 14336, 4096, Q4_K, 1, Some((64, 1))),
            (packing, 576, 576, Q4_1, 16, Some((32, 16))),
            (packing, 4096, 14336, Q8_0, 16, Some((64, 16))),
            (packing, 4096, 14336, Q6_K, 4, Some((128, 4))),
            (packing, 49152, 576, Q4_1, 1, Some((32, 1))),
            // Too small; many rows; quants that are no bytes, or are looked up; and where it is not to be used.
            (packing, 4095, 4096, Q4_K, 1, None),
            (packing, 4096, 4096, Q4_K, 17, None),
            (packing, 4096, 4096, F16, 1, None),
            (packing, 4096, 4096, IQ4_XS, 1, None),
            (packing, 4096, 4096, IQ3_XXS, 16, None),
            (HARDWARE, 4096, 4096, Q4_K, 1, None),
            (Capabilities { packed_from: Some(0), ..SOFTWARE }, 4096, 4096, Q4_K, 1, None),
        ];
        for (capabilities, rows, cols, block_type, most, expected) in table {
            let kernel = linear(LinearShape { rows, cols, block_type, most }, &capabilities);
            let got = kernel.packed.then(|| (kernel.sum.unwrap().lanes, kernel.sum.unwrap().count));
            assert_eq!(got, expected, "{rows} × {cols} {block_type:?} {most}");
        }
        let vendors = ["nvidia", "amd", "intel", "apple", "qualcomm", "arm", "mesa", ""];
        assert_eq!(vendors.map(multiplies_bytes), [true, true, true, false, false, false, false, false]);
    }

    #[test]
    fn sampler_kernels() {
        let together = SamplerKernel { pieces: 64, lanes: 64, barrier: "barrier_workgroup" };
        assert_eq!(sampler(&SOFTWARE), SamplerKernel { pieces: 32, lanes: 1, barrier: "barrier_none" });
        assert_eq!(sampler(&HARDWARE), together);
        assert_eq!(sampler(&Capabilities { subgroups: None, ..HARDWARE }), together);
    }

    #[test]
    fn norms_are_shared_on_hardware() {
        assert_eq!(rms_norm(4096, &SOFTWARE), None);
        for (cols, lanes) in [(4, 32), (576, 256), (200, 64), (4096, 256)] {
            assert_eq!(rms_norm(cols, &HARDWARE).map(|s| s.lanes), Some(lanes));
        }
    }

    #[test]
    fn attention_kernels() {
        use AttentionKernel::{Thread, Tile};
        let table = [
            // Llama-3.1-8B with a context of 8192.
            ((32, 8, 128, KvType::F16, 8192, 1), Tile { rows: 1, positions: 32, splits: 32 }),
            ((32, 8, 128, KvType::F16, 8192, 4), Tile { rows: 1, positions: 32, splits: 16 }),
            ((32, 8, 128, KvType::F16, 8192, 16), Tile { rows: 1, positions: 32, splits: 4 }),
            ((32, 8, 128, KvType::F16, 8192, 512), Tile { rows: 4, positions: 16, splits: 1 }),
            ((32, 8, 128, KvType::F32, 8192, 512), Tile { rows: 2, positions: 16, splits: 1 }),
            // SmolLM2-135M.
            ((9, 3, 64, KvType::F16, 2048, 1), Tile { rows: 1, positions: 32, splits: 32 }),
            ((9, 3, 64, KvType::F16, 2048, 512), Tile { rows: 5, positions: 32, splits: 1 }),
            // A context of one piece, many heads over one, and heads too large for a tile.
            ((9, 3, 64, KvType::F16, 64, 1), Tile { rows: 1, positions: 32, splits: 1 }),
            ((4, 1, 256, KvType::F16, 4096, 512), Tile { rows: 1, positions: 16, splits: 1 }),
            ((8, 1, 256, KvType::F32, 4096, 512), Tile { rows: 1, positions: 4, splits: 1 }),
            ((71, 1, 64, KvType::F16, 2048, 512), Thread { splits: 1 }),
            ((4, 4, 512, KvType::F16, 2048, 512), Thread { splits: 1 }),
        ];
        for ((heads, kv_heads, head_dim, kv_type, slots, most), expected) in table {
            let shape = AttentionShape { heads, kv_heads, head_dim, kv_type, slots, most };
            assert_eq!(attention(shape, &HARDWARE), expected, "{shape:?}");
        }
    }

    #[test]
    fn threads_of_software_run_few_loops() {
        for (head_dim, slots, splits) in [
            (128, 16, 1),
            (128, 3632, 1),
            (128, 3648, 2),
            (128, 131_072, 37),
            (64, 7056, 1),
            (64, 8192, 2),
            (20, 0, 1),
        ] {
            let shape =
                AttentionShape { heads: 8, kv_heads: 2, head_dim, kv_type: KvType::F16, slots, most: 1 };
            assert_eq!(
                attention(shape, &SOFTWARE),
                AttentionKernel::Thread { splits },
                "{head_dim} × {slots}"
            );
            // As `split_span` cuts them, in blocks of at least 8 positions.
            let span = slots.div_ceil(splits).next_multiple_of(THREAD_POSITIONS);
            let fours = head_dim / 4;
            assert!((span / 4 + 1) * (2 * fours + 1) + span / 8 + fours < 65_535);
        }
    }
}
