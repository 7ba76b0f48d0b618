//! Lowers attention, with the cache that it reads and fills.

use super::decide::{self, AttentionKernel, AttentionShape};
use super::kernel::{Access, Kernel};
use super::kv::include;
use super::lower::{Lowering, elementwise, rotating, value_bytes};
use super::plan::{Extent, Operand};
use super::record::{Columns, Rotation, Value};
use super::scratch::Slot;
use crate::model::Attention;

impl Lowering<'_> {
    /// Keeps the step's K and V in the cache.
    pub(super) fn keep_kv(&mut self, layer: usize, k: &Value, v: &Value) {
        let kernel = self.keeping(Kernel::new("kv_store"));
        let [keys, values] = self.cache(layer);
        let operands = vec![
            self.count(k.per),
            self.rows(1),
            self.read(2, k),
            self.read(3, v),
            (4, Access::Write, keys),
            (5, Access::Write, values),
        ];
        self.dispatch(kernel, operands, elementwise(k.cols / 4, k.per));
    }

    /// Rotates Q into `turned`, and K on its way into the cache, which V goes to as it is.
    pub(super) fn rotate_and_keep(
        &mut self,
        layer: usize,
        [q, k, v]: [&Columns; 3],
        rotation: &Rotation,
        turned: Slot,
    ) {
        let mut kernel = self.keeping(rotating(Kernel::new("rope_store"), rotation)).set("Q_COLS", q.count);
        for (names, columns) in
            [(["Q_FIRST", "Q_STRIDE"], q), (["K_FIRST", "K_STRIDE"], k), (["V_FIRST", "V_STRIDE"], v)]
        {
            kernel = kernel.set(names[0], columns.first).set(names[1], columns.value.cols);
        }
        let [keys, values] = self.cache(layer);
        let per = q.value.per;
        let operands = vec![
            self.count(per),
            self.rows(1),
            self.rotations(2, rotation),
            self.read(3, &q.value),
            self.read(4, &k.value),
            self.read(5, &v.value),
            (6, Access::Write, Operand::Slot(turned)),
            (7, Access::Write, keys),
            (8, Access::Write, values),
        ];
        self.dispatch(kernel, operands, elementwise((q.count + k.count) / 4, per));
    }

    /// What a kernel needs to know of the cache to write there.
    fn keeping(&self, kernel: Kernel) -> Kernel {
        let shape = self.memory.kv.shape;
        kernel
            .role("kv", include(self.gpu))
            .set("DIM4", shape.head_dim / 4)
            .set("KV_HEADS", shape.kv_heads)
            .set("BLOCK_LEN", shape.block_len)
    }

    /// The keys and the values of a layer.
    fn cache(&self, layer: usize) -> [Operand; 2] {
        let (keys, values) = &self.memory.kv.layers[layer];
        [Operand::whole(keys), Operand::whole(values)]
    }

    /// Attention of rotated queries to what the cache holds.
    pub(super) fn attention(&mut self, layer: usize, q: Operand, how: &Attention, y: &Value) {
        let shape = self.memory.kv.shape;
        let [keys, values] = self.cache(layer);
        let kv = include(self.gpu);
        let entries = shape.head_dim / 4;
        let heads = y.cols / shape.head_dim;
        let choice = decide::attention(
            AttentionShape {
                heads,
                kv_heads: shape.kv_heads,
                head_dim: shape.head_dim,
                kv_type: self.gpu.kv_type,
                slots: shape.slots(),
                most: self.most(y.per),
            },
            &self.gpu.capabilities,
        );
        let kernel = |shader| {
            Kernel::new(shader)
                .role("kv", kv)
                .constant("DIM4", entries)
                .constant("BLOCK_LEN", shape.block_len)
                .set("KV_HEADS", shape.kv_heads)
                .set_f32("SCALE", how.scale)
                .set_f32("CAP", how.cap.unwrap_or(0.0))
                .set("WINDOW", window(how))
        };
        let mut operands = vec![
            self.count(y.per),
            self.rows(1),
            (2, Access::Read, Operand::whole(&self.memory.step.tables)),
            (3, Access::Read, q),
            (4, Access::Read, keys),
            (5, Access::Read, values),
        ];
        // A score, and its part of the result.
        let products = 2 * y.cols as u64;
        match choice {
            AttentionKernel::Thread => {
                operands.push(self.write(6, y));
                // The threads of a workgroup run side by side: rows where there are several, else heads.
                let by_head = self.most(y.per) == 1;
                let grid = if by_head {
                    [Extent::Fixed(heads.div_ceil(8) as u32), Extent::per(y.per, 1), Extent::Fixed(1)]
                } else {
                    [Extent::per(y.per, 8), Extent::Fixed(heads as u32), Extent::Fixed(1)]
                };
                let kernel = kernel("attention_thread").set("HEADS", heads).set("BY_HEAD", by_head.into());
                self.dispatch(kernel, operands, grid).products.position = products;
            }
            AttentionKernel::Tile { rows, positions, splits } => {
                let group = heads / shape.kv_heads;
                let kernel = kernel("attention_tile")
                    .constant("GROUP", group)
                    .constant("ROWS", rows)
                    .constant("POSITIONS", positions)
                    .constant("SPLITS", splits)
                    .constant("SHARERS", decide::softmax_threads(rows * group, positions));
                let grid = [
                    Extent::Fixed(splits as u32),
                    Extent::Fixed(shape.kv_heads as u32),
                    Extent::per(y.per, rows),
                ];
                if splits == 1 {
                    operands.push(self.write(6, y));
                    self.dispatch(kernel, operands, grid).products.position = products;
                    return;
                }
                let bytes = value_bytes(self.most(y.per), heads * splits * 4 * (entries + 1));
                let pieces = self.memory.scratch.take(bytes);
                operands.push((6, Access::Write, Operand::Slot(pieces)));
                self.dispatch(kernel, operands, grid).products.position = products;
                self.merge(pieces, positions, splits, how, y);
                self.memory.scratch.give(pieces);
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
