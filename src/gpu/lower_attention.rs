//! Lowers attention, with the cache that it reads and fills.

use super::decide::{self, AttentionKernel, AttentionShape};
use super::kernel::{Access, Kernel};
use super::kv::{KvPart, include};
use super::lower::{Lowering, elementwise, rotating, value_bytes};
use super::plan::{Extent, Operand};
use super::record::{Columns, Rotation, Value};
use super::scratch::Slot;
use crate::model::{Attention, KvShape};

impl Lowering<'_> {
    /// Keeps the step's K and V in the cache.
    pub(super) fn keep_kv(&mut self, layer: usize, k: &Value, v: &Value) {
        let kv = self.memory.kv;
        let entries = kv.shape.head_dim / 4;
        for part in &kv.layers[layer] {
            let kernel = self.keeping(Kernel::new("kv_store"), part);
            let kernel = kernel.set("FIRST", part.first * entries).set("STRIDE", k.cols / 4);
            let operands = vec![
                self.count(k.per),
                self.rows(1),
                self.read(2, k),
                self.read(3, v),
                (4, Access::Write, Operand::whole(&part.keys)),
                (5, Access::Write, Operand::whole(&part.values)),
            ];
            self.dispatch(kernel, operands, elementwise(part.heads * entries, k.per));
        }
    }

    /// Rotates Q into `turned`, and K on its way into the cache, which V goes to as it is.
    pub(super) fn rotate_and_keep(
        &mut self,
        layer: usize,
        [q, k, v]: [&Columns; 3],
        rotation: &Rotation,
        turned: Slot,
    ) {
        let kv = self.memory.kv;
        for part in &kv.layers[layer] {
            // Q once, with the first heads of K and V.
            let q_cols = if part.first == 0 { q.count } else { 0 };
            let before = part.first * kv.shape.head_dim;
            let kernel = rotating(Kernel::new("rope_store"), rotation);
            let kernel = self
                .keeping(kernel, part)
                .set("Q_COLS", q_cols)
                .set("Q_FIRST", q.first)
                .set("Q_STRIDE", q.value.cols)
                .set("K_FIRST", k.first + before)
                .set("K_STRIDE", k.value.cols)
                .set("V_FIRST", v.first + before)
                .set("V_STRIDE", v.value.cols);
            let per = q.value.per;
            let operands = vec![
                self.count(per),
                self.rows(1),
                self.rotations(2, rotation),
                self.read(3, &q.value),
                self.read(4, &k.value),
                self.read(5, &v.value),
                (6, Access::Write, Operand::Slot(turned)),
                (7, Access::Write, Operand::whole(&part.keys)),
                (8, Access::Write, Operand::whole(&part.values)),
            ];
            self.dispatch(kernel, operands, elementwise((q_cols + part.heads * kv.shape.head_dim) / 4, per));
        }
    }

    /// What a kernel needs to know of a part of the cache to write there.
    fn keeping(&self, kernel: Kernel, part: &KvPart) -> Kernel {
        let shape = self.memory.kv.shape;
        kernel
            .role("kv", include(self.gpu))
            .set("DIM4", shape.head_dim / 4)
            .set("KV_HEADS", part.heads)
            .set("BLOCK_LEN", shape.block_len)
    }

    /// Attention of rotated queries to what the cache holds.
    pub(super) fn attention(&mut self, layer: usize, q: Operand, how: &Attention, y: &Value) {
        let kv = self.memory.kv;
        let KvShape { kv_heads, head_dim, .. } = kv.shape;
        let heads = y.cols / head_dim;
        let choice = decide::attention(
            AttentionShape {
                heads,
                kv_heads,
                head_dim,
                kv_type: self.gpu.kv_type,
                slots: kv.shape.slots(),
                most: self.most(y.per),
            },
            &self.gpu.capabilities,
        );
        let (splits, positions) = choice.pieces();
        let pieces = (splits > 1).then(|| {
            let bytes = value_bytes(self.most(y.per), heads * splits * (head_dim + 4));
            self.memory.scratch.take(bytes)
        });
        let out = pieces.map_or_else(|| self.place(y), Operand::Slot);
        for part in &kv.layers[layer] {
            let (kernel, grid) = self.attending(choice, part, how, y);
            let operands = vec![
                self.count(y.per),
                self.rows(1),
                (2, Access::Read, Operand::whole(&self.memory.step.tables)),
                (3, Access::Read, q.clone()),
                (4, Access::Read, Operand::whole(&part.keys)),
                (5, Access::Read, Operand::whole(&part.values)),
                (6, Access::Write, out.clone()),
            ];
            // A score, and its part of the result.
            let products = 2 * (y.cols / kv_heads * part.heads) as u64;
            self.dispatch(kernel, operands, grid).products.position = products;
        }
        if let Some(pieces) = pieces {
            self.merge(pieces, positions, splits, how, y);
            self.memory.scratch.give(pieces);
        }
    }

    /// The kernel that attends to a part of the cache, and its grid.
    fn attending(
        &self,
        choice: AttentionKernel,
        part: &KvPart,
        how: &Attention,
        y: &Value,
    ) -> (Kernel, [Extent; 3]) {
        let shape = self.memory.kv.shape;
        let heads = y.cols / shape.head_dim;
        let group = heads / shape.kv_heads;
        let (splits, positions) = choice.pieces();
        let kernel = |shader| {
            Kernel::new(shader)
                .role("kv", include(self.gpu))
                .constant("DIM4", shape.head_dim / 4)
                .constant("BLOCK_LEN", shape.block_len)
                .set("HEADS", heads)
                .set("KV_HEADS", part.heads)
                .set("FIRST", part.first * group)
                .set_f32("SCALE", how.scale)
                .set_f32("CAP", how.cap.unwrap_or(0.0))
                .set("WINDOW", window(how))
                .constant("POSITIONS", positions)
                .constant("SPLITS", splits)
        };
        let pieces = Extent::Fixed(splits as u32);
        match choice {
            AttentionKernel::Thread { .. } => {
                // The threads of a workgroup run side by side: rows where there are several, else heads.
                let by_head = self.most(y.per) == 1;
                let heads = part.heads * group;
                let grid = if by_head {
                    [Extent::Fixed(heads.div_ceil(8) as u32), Extent::per(y.per, 1), pieces]
                } else {
                    [Extent::per(y.per, 8), Extent::Fixed(heads as u32), pieces]
                };
                (kernel("attention_thread").set("GROUP", group).set("BY_HEAD", by_head.into()), grid)
            }
            AttentionKernel::Tile { rows, .. } => {
                let kernel = kernel("attention_tile")
                    .constant("GROUP", group)
                    .constant("ROWS", rows)
                    .constant("SHARERS", decide::softmax_threads(rows * group, positions));
                (kernel, [pieces, Extent::Fixed(part.heads as u32), Extent::per(y.per, rows)])
            }
        }
    }

    /// Puts together what attention made of `splits` pieces of each row's context.
    fn merge(&mut self, pieces: Slot, positions: usize, splits: usize, how: &Attention, y: &Value) {
        let entries = self.memory.kv.shape.head_dim / 4;
        let kernel = Kernel::new("attention_merge")
            .constant("DIM4", entries)
            .constant("POSITIONS", positions)
            .constant("SPLITS", splits)
            .set("WINDOW", window(how))
            .set("HEADS", y.cols / (4 * entries));
        let pieces = (2, Access::Read, Operand::Slot(pieces));
        let operands = vec![self.count(y.per), self.rows(1), pieces, self.write(3, y)];
        self.dispatch(kernel, operands, elementwise(y.cols / 4, y.per));
    }
}

/// Positions that a row sees: without a window more than a cache can hold, and far from where sums of 32 bits end.
fn window(how: &Attention) -> usize {
    how.window.unwrap_or(usize::MAX).min(1 << 30)
}
