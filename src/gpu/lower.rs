//! Lowers recorded nodes to dispatches: a kernel for each node, a buffer for each value.

use super::Gpu;
use super::buffer::Buffer;
use super::decide::{self, AttentionKernel, AttentionShape, LinearKernel, LinearShape, ROW_PADDING};
use super::kernel::{Access, Kernel, Pipelines};
use super::kv::{KvBuffers, include};
use super::plan::{Draft, Extent, Operand, Products};
use super::record::{Columns, Epilogue, Node, Per, Rotation, Value};
use super::scratch::{Scratch, Slot};
use super::shader::dequantizer;
use super::step::StepBuffers;
use super::uniforms::Uniforms;
use super::weight::{Matrix, Plane, Shard};
use crate::model::RopeStyle;
use std::collections::HashMap;

/// Workgroups in one dimension of a grid; WebGPU allows one less than twice as many.
const MOST_ACROSS: u32 = 32_768;

/// What dispatches bind and run.
pub(super) struct Memory<'a> {
    pub pipelines: &'a mut Pipelines,
    pub scratch: &'a mut Scratch,
    pub uniforms: &'a mut Uniforms,
    pub step: &'a StepBuffers,
    pub kv: &'a KvBuffers,
}

/// One plan in the making.
pub(super) struct Lowering<'a> {
    gpu: &'a Gpu,
    memory: Memory<'a>,
    /// The most rows, and the most outputs, that the plan serves.
    most_rows: usize,
    most_outputs: usize,
    /// Where the values are.
    places: HashMap<usize, Place>,
    /// Where some of them are as packed bytes too, for all maps that read them.
    packed: HashMap<usize, Slot>,
    drafts: Vec<Draft>,
}

enum Place {
    /// In scratch memory, until it is read for the last time.
    Slot(Slot),
    /// In a buffer of its own, which outlives the plan.
    Kept(Buffer),
}

impl<'a> Lowering<'a> {
    pub(super) fn new(
        gpu: &'a Gpu,
        memory: Memory<'a>,
        most_rows: usize,
        most_outputs: usize,
    ) -> Lowering<'a> {
        memory.scratch.start();
        let (places, packed) = (HashMap::new(), HashMap::new());
        Lowering { gpu, memory, most_rows, most_outputs, places, packed, drafts: Vec::new() }
    }

    /// Keeps `value` in `buffer` instead of scratch memory: what a plan begins with, and what it ends with.
    pub(super) fn keep(&mut self, value: &Value, buffer: &Buffer) {
        self.places.insert(value.id, Place::Kept(buffer.clone()));
    }

    pub(super) fn run(mut self, nodes: &[Node]) -> Vec<Draft> {
        let mut last_read = HashMap::new();
        for (i, node) in nodes.iter().enumerate() {
            node.reads().iter().for_each(|value| {
                last_read.insert(value.id, i);
            });
        }
        for (i, node) in nodes.iter().enumerate() {
            if let Some(value) = node.makes()
                && !self.places.contains_key(&value.id)
            {
                let slot = self.memory.scratch.take(self.bytes(value));
                self.places.insert(value.id, Place::Slot(slot));
            }
            self.node(node);
            for value in node.reads() {
                if last_read.get(&value.id) == Some(&i) {
                    self.unpack(value);
                    if let Some(Place::Slot(slot)) = self.places.get(&value.id) {
                        self.memory.scratch.give(*slot);
                        self.places.remove(&value.id);
                    }
                }
            }
        }
        self.drafts
    }

    /// Bytes of a value, with its rows padded to whole tiles.
    fn bytes(&self, value: &Value) -> u64 {
        value_bytes(self.most(value.per), value.cols)
    }

    fn most(&self, per: Per) -> usize {
        match per {
            Per::Row => self.most_rows,
            Per::Output => self.most_outputs,
        }
    }

    fn node(&mut self, node: &Node) {
        match node {
            Node::Embed { table, y } => self.embed(table, y),
            Node::Linear { w, x, y, epilogue } => self.linear(w, x, y, epilogue),
            Node::RmsNorm { x, w, eps, y } => {
                let sum = decide::rms_norm(x.cols, &self.gpu.capabilities);
                let (kernel, each) = match sum {
                    Some(sum) => (Kernel::new("rms_norm_workgroup").sum(sum), 1),
                    None => (Kernel::new("rms_norm"), 4),
                };
                let kernel = kernel.set("COLS", x.cols).set_f32("EPS", *eps);
                let mut operands = vec![self.count(x.per), self.read(1, x), self.write(2, y)];
                operands.extend(w.shards.iter().flat_map(planes));
                self.dispatch(
                    kernel,
                    operands,
                    [Extent::per(x.per, each), Extent::Fixed(1), Extent::Fixed(1)],
                );
            }
            Node::Rope { x, rotation } => {
                let kernel = rotating(Kernel::new("rope"), rotation).set("COLS", x.cols);
                let operands = vec![self.count(x.per), self.rotations(1, rotation), self.write(2, x)];
                self.dispatch(kernel, operands, elementwise(x.cols / 2, x.per));
                self.unpack(x);
            }
            Node::Attention { layer, q, k, v, rotation: None, y } => {
                self.keep_kv(*layer, &k.value, &v.value);
                let q = self.place(&q.value);
                self.attention(*layer, q, y);
            }
            Node::Attention { layer, q, k, v, rotation: Some(rotation), y } => {
                let turned = self.memory.scratch.take(value_bytes(self.most(y.per), q.count));
                self.rotate_and_keep(*layer, [q, k, v], rotation, turned);
                self.attention(*layer, Operand::Slot(turned), y);
                self.memory.scratch.give(turned);
            }
            Node::SwiGlu { gate, up, y } => {
                let operands =
                    vec![self.count(y.per), self.read(1, gate), self.read(2, up), self.write(3, y)];
                self.dispatch(
                    Kernel::new("swiglu").set("COLS", y.cols),
                    operands,
                    elementwise(y.cols / 4, y.per),
                );
            }
            Node::Add { a, b, y } => {
                let operands = vec![self.count(y.per), self.read(1, a), self.read(2, b), self.write(3, y)];
                self.dispatch(
                    Kernel::new("add").set("COLS", y.cols),
                    operands,
                    elementwise(y.cols / 4, y.per),
                );
            }
            Node::Outputs { x, y } => {
                let rows = (1, Access::Read, Operand::whole(&self.memory.step.outputs));
                let operands = vec![self.count(y.per), rows, self.read(2, x), self.write(3, y)];
                self.dispatch(
                    Kernel::new("gather_rows").set("COLS", y.cols),
                    operands,
                    elementwise(y.cols / 4, y.per),
                );
            }
        }
    }

    fn embed(&mut self, table: &Matrix, y: &Value) {
        for shard in table.shards.iter() {
            let kernel = Kernel::new("embed")
                .role("dequant", dequantizer(table.block_type))
                .set("COLS", table.cols)
                .set("FIRST", shard.first)
                .set("ROWS", shard.rows);
            let mut operands = vec![self.count(y.per), self.rows(1), self.write(2, y)];
            operands.extend(planes(shard));
            self.dispatch(kernel, operands, elementwise(table.cols / 8, y.per));
        }
    }

    fn linear(&mut self, w: &Matrix, x: &Value, y: &Value, epilogue: &Epilogue) {
        // Two rows of a gated matrix make one of the result; it has one shard (see `Stacked`).
        let (per_result, how) = match epilogue {
            Epilogue::Store => (1, 0),
            Epilogue::Add(_) => (1, 1),
            Epilogue::Gate => (2, 2),
            Epilogue::Bias(_) => (1, 3),
        };
        for shard in w.shards.iter() {
            let shape = LinearShape {
                rows: shard.rows,
                cols: w.cols,
                block_type: w.block_type,
                most: self.most(x.per),
            };
            let choice = decide::linear(shape, &self.gpu.capabilities);
            let mut kernel = Kernel::new(choice.shader).role("dequant", dequantizer(w.block_type));
            // Without an addition the kernel does not read this operand.
            let other = match epilogue {
                Epilogue::Add(other) => self.place(other),
                Epilogue::Bias(b) => values(&b.shards[0]),
                Epilogue::Store | Epilogue::Gate => self.place(x),
            };
            let read = if choice.packed { self.pack(x) } else { self.place(x) };
            let mut operands = vec![(1, Access::Read, read), self.write(2, y), (4, Access::Read, other)];
            let (rows, cols, first, out) = (shard.rows / per_result, w.cols, shard.first, y.cols);
            if choice.any_shape {
                let shape = self.memory.uniforms.get(&[rows, cols, first, out, how]);
                operands.push((3, Access::Uniform, Operand::whole(&shape)));
            } else {
                kernel = kernel.set("ROWS", rows).set("COLS", cols).set("FIRST", first);
                kernel = kernel.set("OUT", out).set("EPILOGUE", how);
            }
            if choice.shader != "gemv_thread" {
                operands.push(self.count(x.per));
            }
            if choice.shader == "gemm" {
                kernel = kernel
                    .constant("PER_THREAD", choice.per_thread)
                    .constant("THREADS", choice.tile_tokens / choice.per_thread);
            }
            if let Some(sum) = choice.sum {
                let products = if choice.packed { "dot_packed" } else { "dot_f32" };
                kernel = kernel.sum(sum).role("dot", products);
            }
            if let Some(groups) = choice.groups {
                kernel = kernel.constant("GROUPS", groups);
            }
            operands.extend(planes(shard));
            let draft = self.dispatch(kernel, operands, linear_grid(&choice, shard.rows, x.per));
            draft.products.row = (shard.rows * w.cols) as u64;
        }
    }

    /// A value as packed bytes. The first reader has them made (see `quantize_activations.wgsl`).
    fn pack(&mut self, x: &Value) -> Operand {
        if let Some(slot) = self.packed.get(&x.id) {
            return Operand::Slot(*slot);
        }
        // Twelve words for sixteen elements.
        let slot = self.memory.scratch.take(value_bytes(self.most(x.per), x.cols / 16 * 12));
        let operands = vec![self.count(x.per), self.read(1, x), (2, Access::Write, Operand::Slot(slot))];
        let kernel = Kernel::new("quantize_activations").set("COLS", x.cols);
        self.dispatch(kernel, operands, elementwise(x.cols / 16, x.per));
        self.packed.insert(x.id, slot);
        Operand::Slot(slot)
    }

    /// Forgets the packed bytes of a value that changes, or that nobody reads again.
    fn unpack(&mut self, x: &Value) {
        if let Some(slot) = self.packed.remove(&x.id) {
            self.memory.scratch.give(slot);
        }
    }

    /// Keeps the step's K and V in the cache.
    fn keep_kv(&mut self, layer: usize, k: &Value, v: &Value) {
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
    fn rotate_and_keep(&mut self, layer: usize, [q, k, v]: [&Columns; 3], rotation: &Rotation, turned: Slot) {
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
    fn attention(&mut self, layer: usize, q: Operand, y: &Value) {
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
                self.merge(pieces, positions, splits, y);
                self.memory.scratch.give(pieces);
            }
        }
    }

    /// Puts together what attention made of `splits` pieces of each row's context.
    fn merge(&mut self, pieces: Slot, positions: usize, splits: usize, y: &Value) {
        let entries = self.memory.kv.shape.head_dim / 4;
        let kernel = Kernel::new("attention_merge")
            .constant("DIM4", entries)
            .constant("POSITIONS", positions)
            .constant("SPLITS", splits)
            .set("HEADS", y.cols / (4 * entries));
        let pieces = (2, Access::Read, Operand::Slot(pieces));
        let operands = vec![self.count(y.per), self.rows(1), pieces, self.write(3, y)];
        self.dispatch(kernel, operands, elementwise(y.cols / 4, y.per));
    }

    fn dispatch(
        &mut self,
        kernel: Kernel,
        operands: Vec<(u32, Access, Operand)>,
        grid: [Extent; 3],
    ) -> &mut Draft {
        let bindings = operands.iter().map(|(binding, access, _)| (*binding, *access)).collect();
        let pipeline = self.memory.pipelines.add(kernel, bindings);
        let products = Products::default();
        self.drafts.push_mut(Draft { pipeline, operands, grid, products })
    }

    /// Binding 0: how many rows there are.
    fn count(&self, per: Per) -> (u32, Access, Operand) {
        let offset = StepBuffers::count_offset(per);
        (
            0,
            Access::Uniform,
            Operand::Buffer { buffer: self.memory.step.counts.clone(), offset, size: Some(16) },
        )
    }

    /// The step's rotations by a set of frequencies.
    fn rotations(&self, binding: u32, rotation: &Rotation) -> (u32, Access, Operand) {
        (binding, Access::Read, Operand::whole(&self.memory.step.rotations[rotation.table]))
    }

    /// The rows of the step.
    fn rows(&self, binding: u32) -> (u32, Access, Operand) {
        (binding, Access::Read, Operand::whole(&self.memory.step.rows))
    }

    fn read(&self, binding: u32, value: &Value) -> (u32, Access, Operand) {
        (binding, Access::Read, self.place(value))
    }

    fn write(&self, binding: u32, value: &Value) -> (u32, Access, Operand) {
        (binding, Access::Write, self.place(value))
    }

    fn place(&self, value: &Value) -> Operand {
        match &self.places[&value.id] {
            Place::Slot(slot) => Operand::Slot(*slot),
            Place::Kept(buffer) => Operand::whole(buffer),
        }
    }
}

/// Bytes of activations `[n ≤ most, cols]`, padded to whole tiles of rows.
pub(super) fn value_bytes(most: usize, cols: usize) -> u64 {
    most.next_multiple_of(ROW_PADDING) as u64 * cols as u64 * 4
}

fn linear_grid(choice: &LinearKernel, rows: usize, per: Per) -> [Extent; 3] {
    let tiles = rows.div_ceil(choice.tile_rows) as u32;
    match choice.sum {
        // One tile serves all rows of x; that many tiles of w may not fit into one dimension.
        Some(_) => {
            let across = tiles.min(MOST_ACROSS);
            [Extent::Fixed(across), Extent::Fixed(tiles.div_ceil(across)), Extent::Fixed(1)]
        }
        None => [Extent::Fixed(tiles), Extent::per(per, choice.tile_tokens), Extent::Fixed(1)],
    }
}

fn rotating(kernel: Kernel, rotation: &Rotation) -> Kernel {
    kernel.set("HALF", rotation.half).set("HALVES", (rotation.style == RopeStyle::Halves).into())
}

/// A thread for each of `across` elements of a row.
fn elementwise(across: usize, per: Per) -> [Extent; 3] {
    [Extent::Fixed(across.div_ceil(64) as u32), Extent::per(per, 1), Extent::Fixed(1)]
}

/// The values of a shard of `f32`, which has one plane.
fn values(shard: &Shard) -> Operand {
    let Plane { offset, size, .. } = shard.planes[0];
    Operand::Buffer { buffer: shard.buffer.clone(), offset, size: Some(size) }
}

fn planes(shard: &Shard) -> impl Iterator<Item = (u32, Access, Operand)> {
    shard.planes.iter().map(|plane| {
        let buffer = shard.buffer.clone();
        (
            plane.binding,
            Access::Read,
            Operand::Buffer { buffer, offset: plane.offset, size: Some(plane.size) },
        )
    })
}
