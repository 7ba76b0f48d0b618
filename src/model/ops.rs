//! The operations that an architecture is written in, and what one forward step is made of.
//!
//! A backend implements [`Ops`]; an architecture (see [`super::transformer`]) calls it as if each line were computed at
//! once. The CPU backend does just that; the GPU backend records each call into a plan and runs the plan later, so
//! an op may depend on the *shapes* of a step but never on its values.

use super::adapter::Chosen;
use super::output::{Output, Reading};
use super::rope::Rotation;
use crate::quant::BlockType;
use crate::{Control, Error, Result};
use futures::future::LocalBoxFuture;

/// What a gate's values go through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `x / (1 + e⁻ˣ)`
    Silu,
    /// `x/2 · (1 + tanh(√(2/π) (x + 0.044715 x³)))`
    Gelu,
}

/// How scores become weights.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Attention {
    /// What `q · k` is multiplied by.
    pub scale: f32,
    /// Scaled scores `x` are `c tanh(x / c)`.
    pub cap: Option<f32>,
    /// Positions that a row sees, its own the last of them.
    pub window: Option<usize>,
}

impl Attention {
    /// The usual one, for heads of this length.
    pub fn plain(head_dim: usize) -> Attention {
        Attention { scale: 1.0 / (head_dim as f32).sqrt(), cap: None, window: None }
    }

    /// The first position that a row at `position` sees.
    pub fn first(&self, position: usize) -> usize {
        self.window.map_or(0, |window| (position + 1).saturating_sub(window))
    }
}

/// Activations are matrices `[rows, cols]` of `f32`; every row is a token of the step.
pub trait Ops {
    type Tensor;
    type Weight;

    /// Rows of `table [vocab, d]`, one for each token of the step: `[n, d]`.
    fn embed(&mut self, table: &Self::Weight) -> Self::Tensor;

    /// `x Wᵀ`, where `w` is `[out, in]`: `[n, in] → [n, out]`.
    fn linear(&mut self, w: &Self::Weight, x: &Self::Tensor) -> Self::Tensor;

    /// `x Wᵀ + b`, where `b` is `[out, 1]`.
    fn linear_with_bias(&mut self, w: &Self::Weight, b: &Self::Weight, x: &Self::Tensor) -> Self::Tensor;

    /// `x / sqrt(mean(x²) + eps) · w`, each run of as many elements as `w` has by itself: a row, or its heads.
    fn rms_norm(&mut self, x: &Self::Tensor, w: &Self::Weight, eps: f32) -> Self::Tensor;

    /// Rotates each head of each row by its position: `x` is `[n, heads · head_dim]`.
    fn rope(&mut self, x: Self::Tensor, rotation: &Rotation) -> Self::Tensor;

    /// Stores `k` and `v` `[n, kv_heads · head_dim]` in the cache of `layer` at the rows' slots, then lets each row
    /// of `q` `[n, heads · head_dim]` attend to its own sequence up to its own position: `[n, heads · head_dim]`.
    fn attention(
        &mut self,
        layer: usize,
        q: &Self::Tensor,
        k: &Self::Tensor,
        v: &Self::Tensor,
        how: &Attention,
    ) -> Self::Tensor;

    /// `activation(gate) · up`
    fn glu(&mut self, activation: Activation, gate: &Self::Tensor, up: &Self::Tensor) -> Self::Tensor;

    /// Whether a sequence of the step has an adapter. Where none has, a model leaves them out.
    fn adapts(&self) -> bool;

    /// Of each row of `x [n, columns]`, `width` columns for each adapter, keeps those of its sequence's adapter, times the
    /// sequence's scale, and makes the others zero.
    fn choose(&mut self, x: Self::Tensor, width: usize) -> Self::Tensor;

    /// `factor · x`
    fn scale(&mut self, x: Self::Tensor, factor: f32) -> Self::Tensor;

    /// `cap · tanh(x / cap)`
    fn soft_cap(&mut self, x: Self::Tensor, cap: f32) -> Self::Tensor;

    fn add(&mut self, a: &Self::Tensor, b: &Self::Tensor) -> Self::Tensor;

    /// Only the rows that are read, in the order of [`Step::outputs`].
    fn outputs(&mut self, x: &Self::Tensor) -> Self::Tensor;
}

/// Where the weights of a model go as they arrive.
pub trait WeightStore {
    type Weight;

    /// Matrices `(name, type, rows)` of `cols` columns that are multiplied with the same rows. Said before any of them is
    /// allocated, so that a backend may lay them one behind the other.
    fn together(&mut self, tensors: &[(&str, BlockType, usize)], cols: usize) {
        let _ = (tensors, cols);
    }

    /// Room for a tensor of `rows × cols` (a vector is one row). Fails when it cannot be held.
    fn allocate(
        &mut self,
        name: &str,
        block_type: BlockType,
        rows: usize,
        cols: usize,
    ) -> Result<Self::Weight>;

    /// Waits until it is known whether there is room for all that was allocated.
    fn settle(&mut self) -> LocalBoxFuture<'_, Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// The next bytes of a tensor, from byte `offset` of its data. `offset` is a multiple of
    /// [`CHUNK_BLOCKS`] blocks; so is the length, but for the last piece.
    fn write(&mut self, weight: &mut Self::Weight, offset: usize, bytes: &[u8]) -> Result<()>;
}

/// Tensor data reaches a [`WeightStore`] in multiples of this many blocks.
pub const CHUNK_BLOCKS: usize = 64;

/// The shape of a KV cache: `slots` positions in blocks of `block_len`, shared by all sequences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KvShape {
    pub layers: usize,
    pub kv_heads: usize,
    pub head_dim: usize,
    pub block_len: usize,
    pub blocks: usize,
}

impl KvShape {
    pub fn slots(&self) -> usize {
        self.blocks * self.block_len
    }

    /// Bytes of one layer's K, and as many of its V.
    pub fn layer_bytes(&self, kv_type: KvType) -> u64 {
        self.slots() as u64 * self.position_bytes(kv_type)
    }

    /// Bytes of K and V of all layers.
    pub fn bytes(&self, kv_type: KvType) -> u64 {
        2 * self.layers as u64 * self.layer_bytes(kv_type)
    }

    /// Bytes of the K, or the V, of a position in a layer.
    pub fn position_bytes(&self, kv_type: KvType) -> u64 {
        self.kv_heads as u64 * self.head_dim as u64 * kv_type.bytes() as u64
    }
}

/// How K and V are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KvType {
    F32,
    #[default]
    F16,
}

impl KvType {
    pub const fn bytes(self) -> usize {
        match self {
            KvType::F32 => 4,
            KvType::F16 => 2,
        }
    }
}

/// One token of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub struct Row {
    pub token: u32,
    /// Position in its sequence, from 0.
    pub position: u32,
    /// Where its K and V are kept: `block · block_len + offset`.
    pub slot: u32,
    /// Index into [`Step::tables`].
    pub sequence: u32,
}

/// What one forward pass computes: tokens of one or several sequences, packed.
#[derive(Debug, Clone, Default)]
pub struct Step {
    pub rows: Vec<Row>,
    /// For each sequence its KV blocks in order: position `p` is at slot `table[p / block_len] · block_len + p % block_len`.
    pub tables: Vec<Vec<u32>>,
    /// For each sequence its adapter, if any has one; else empty.
    pub adapters: Vec<Option<Chosen>>,
    /// The rows whose next-token distributions are wanted, and what of them.
    pub outputs: Vec<Output>,
}

/// A model on a backend, ready to run.
pub trait Runner {
    /// Computes a step and returns what its outputs ask for; K and V of every row are in the cache afterwards.
    /// A step has at most [`Runner::max_rows`] rows. After an error or an abort the K and V of these rows are undefined.
    fn forward<'a>(
        &'a mut self,
        step: &'a Step,
        control: &'a dyn Control,
    ) -> LocalBoxFuture<'a, Result<Vec<Reading>>>;

    /// Computes steps one after the other. In all but the first the i-th row continues the i-th output of the step before,
    /// which drew a token: that token takes the place of the row's.
    fn forward_ahead<'a>(
        &'a mut self,
        steps: &'a [Step],
        control: &'a dyn Control,
    ) -> LocalBoxFuture<'a, Result<Vec<Vec<Reading>>>> {
        Box::pin(async move {
            let mut all: Vec<Vec<Reading>> = Vec::with_capacity(steps.len());
            for step in steps {
                let mut step = step.clone();
                for (row, reading) in step.rows.iter_mut().zip(all.last().into_iter().flatten()) {
                    row.token = reading.clone().into_token()?.token;
                }
                all.push(self.forward(&step, control).await?);
            }
            Ok(all)
        })
    }

    /// Steps that [`Runner::forward_ahead`] computes without a pause: worth asking for where tokens that turn out to be past
    /// an end cost little.
    fn steps_ahead(&self) -> usize {
        1
    }

    /// Sequences that [`Runner::forward_ahead`] can carry on with.
    fn max_ahead(&self) -> usize {
        usize::MAX
    }

    fn max_rows(&self) -> usize;

    /// Outputs that a step may have.
    fn max_outputs(&self) -> usize {
        self.max_rows()
    }

    /// From this many rows on a step uses the kernels for many rows. A prompt is never cut so that fewer are left: then
    /// a text gives the same bits however much of it was cached.
    fn prefill_rows(&self) -> usize {
        1
    }

    /// KV blocks that may be kept for later although no sequence uses them.
    fn idle_blocks(&self) -> usize {
        usize::MAX
    }

    /// What it runs on, for [`crate::engine::ModelInfo`].
    fn backend(&self) -> BackendInfo;
}

/// A backend in words.
#[derive(Debug, Clone, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BackendInfo {
    /// "webgpu" or "wasm" (natively also: wgpu and the CPU).
    pub backend: String,
    /// The adapter's or the processor's name.
    pub adapter: String,
    /// Capabilities in use: "subgroups", "f16", "dp4a", "simd128".
    pub capabilities: Vec<String>,
    /// Bytes of weights, KV cache and scratch on the GPU.
    pub gpu_bytes: u64,
    /// Threads that compute on the CPU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads: Option<usize>,
}

impl Step {
    /// Adds a sequence with its block table, and returns its index.
    pub fn add_sequence(&mut self, table: Vec<u32>, adapter: Option<Chosen>) -> u32 {
        let index = self.tables.len();
        self.tables.push(table);
        if adapter.is_some() {
            self.adapters.resize(index, None);
        }
        if adapter.is_some() || !self.adapters.is_empty() {
            self.adapters.push(adapter);
        }
        index as u32
    }

    /// The adapter of a row's sequence.
    pub fn adapter(&self, row: &Row) -> Option<Chosen> {
        self.adapters.get(row.sequence as usize).copied().flatten()
    }

    /// Checks what a backend relies on, so that no index from a step can reach outside a buffer.
    pub fn validate(&self, vocab: usize, kv: &KvShape, max_rows: usize) -> Result<()> {
        let internal = |what: &str| Err(Error::Internal(format!("malformed step: {what}")));
        if self.rows.is_empty() || self.rows.len() > max_rows {
            return internal("number of rows");
        }
        for output in &self.outputs {
            if output.row as usize >= self.rows.len() {
                return internal("output row");
            }
            output.kind.validate(vocab)?;
        }
        if self.tables.iter().flatten().any(|&b| b as usize >= kv.blocks) {
            return internal("KV block");
        }
        for row in &self.rows {
            if row.token as usize >= vocab {
                return Err(Error::InvalidArgument(format!(
                    "token {} is outside the vocabulary of {vocab} tokens",
                    row.token
                )));
            }
            let (block, offset) =
                (row.position as usize / kv.block_len, row.position as usize % kv.block_len);
            let slot = self.tables.get(row.sequence as usize).and_then(|table| table.get(block));
            if slot.map(|b| *b as usize * kv.block_len + offset) != Some(row.slot as usize) {
                return internal("slot");
            }
        }
        Ok(())
    }
}
