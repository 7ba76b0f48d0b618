//! Lowers recorded nodes to dispatches: a kernel for each node, a buffer for each value.

use super::Gpu;
use super::buffer::Buffer;
use super::decide::{self, LinearKernel, LinearShape, ROW_PADDING};
use super::grids::GRID;
use super::kernel::{Access, Kernel, Pipelines};
use super::kv::KvBuffers;
use super::plan::{Draft, Extent, Operand, Products};
use super::record::{Columns, Epilogue, Node, Per, Rotation, Value};
use super::scratch::{Scratch, Slot};
use super::shader::dequantizer;
use super::step::StepBuffers;
use super::uniforms::Uniforms;
use super::weight::{Matrix, Plane, Shard};
use crate::model::{Activation, RopeStyle};
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
    pub(super) gpu: &'a Gpu,
    pub(super) memory: Memory<'a>,
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

    pub(super) fn most(&self, per: Per) -> usize {
        match per {
            Per::Row => self.most_rows,
            Per::Output => self.most_outputs,
        }
    }

    fn node(&mut self, node: &Node) {
        match node {
            Node::Embed { table, y } => self.embed(table, y),
            Node::Linear { w, x, y, epilogue } => self.linear(w, x, y, epilogue),
            Node::RmsNorm { x, w, eps, y } => self.rms_norm(x, w, *eps, y),
            Node::Rope { x, rotation } => {
                let kernel = rotating(Kernel::new("rope"), rotation).set("COLS", x.cols);
                let operands = vec![self.count(x.per), self.rotations(1, rotation), self.write(2, x)];
                self.dispatch(
                    kernel,
                    operands,
                    elementwise(x.cols / rotation.head_dim * rotation.half, x.per),
                );
                self.unpack(x);
            }
            Node::Attention { layer, q, k, v, rotation: None, how, y } => {
                self.keep_kv(*layer, &k.value, &v.value);
                let q = self.place(&q.value);
                self.attention(*layer, q, how, y);
            }
            Node::Attention { layer, q, k, v, rotation: Some(rotation), how, y } => {
                let turned = self.memory.scratch.take(value_bytes(self.most(y.per), q.count));
                self.rotate_and_keep(*layer, [q, k, v], rotation, turned);
                self.attention(*layer, Operand::Slot(turned), how, y);
                self.memory.scratch.give(turned);
            }
            Node::Glu { activation, gate, up, y } => {
                let operands =
                    vec![self.count(y.per), self.read(1, gate), self.read(2, up), self.write(3, y)];
                let kernel = Kernel::new("glu").set("COLS", y.cols);
                self.dispatch(
                    kernel.set("GELU", (*activation == Activation::Gelu).into()),
                    operands,
                    elementwise(y.cols / 4, y.per),
                );
            }
            Node::Choose { x, width } => {
                let kernel = Kernel::new("choose").set("COLS", x.cols).set("WIDTH", *width);
                let chosen = (2, Access::Read, Operand::whole(&self.memory.step.adapters));
                let operands = vec![self.count(x.per), self.write(1, x), chosen];
                self.dispatch(kernel, operands, elementwise(x.cols, x.per));
                self.unpack(x);
            }
            Node::Scale { x, factor } => {
                let kernel = Kernel::new("scale").set("COLS", x.cols).set_f32("FACTOR", *factor);
                self.in_place(kernel, x);
            }
            Node::SoftCap { x, cap } => {
                let kernel = Kernel::new("soft_cap").set("COLS", x.cols).set_f32("CAP", *cap);
                self.in_place(kernel, x);
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

    fn rms_norm(&mut self, x: &Columns, w: &Matrix, eps: f32, y: &Value) {
        let (value, runs) = (&x.value, x.count / w.cols);
        let sum = decide::rms_norm(w.cols, &self.gpu.capabilities);
        let (kernel, each) = match sum {
            Some(sum) => (Kernel::new("rms_norm_workgroup").sum(sum), 1),
            None => (Kernel::new("rms_norm"), 4),
        };
        let kernel = kernel.set("COLS", w.cols).set("RUNS", runs).set_f32("EPS", eps);
        let kernel = kernel.set("FIRST", x.first).set("STRIDE", value.cols);
        let mut operands = vec![self.count(value.per), self.read(1, value), self.write(2, y)];
        operands.extend(w.shards.iter().flat_map(planes));
        let grid = [Extent::per(value.per, each), Extent::Fixed(runs as u32), Extent::Fixed(1)];
        self.dispatch(kernel, operands, grid);
    }

    /// An element-wise kernel on a value that it changes.
    fn in_place(&mut self, kernel: Kernel, x: &Value) {
        let operands = vec![self.count(x.per), self.write(1, x)];
        self.dispatch(kernel, operands, elementwise(x.cols, x.per));
        self.unpack(x);
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
            Epilogue::Gate(Activation::Silu) => (2, 2),
            Epilogue::Gate(Activation::Gelu) => (2, 4),
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
                Epilogue::Store | Epilogue::Gate(_) => self.place(x),
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

    pub(super) fn dispatch(
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
    pub(super) fn count(&self, per: Per) -> (u32, Access, Operand) {
        let offset = StepBuffers::count_offset(per);
        (
            0,
            Access::Uniform,
            Operand::Buffer { buffer: self.memory.step.counts.clone(), offset, size: Some(16) },
        )
    }

    /// The step's rotations by a set of frequencies.
    pub(super) fn rotations(&self, binding: u32, rotation: &Rotation) -> (u32, Access, Operand) {
        (binding, Access::Read, Operand::whole(&self.memory.step.rotations[rotation.table]))
    }

    /// The rows of the step.
    pub(super) fn rows(&self, binding: u32) -> (u32, Access, Operand) {
        (binding, Access::Read, Operand::whole(&self.memory.step.rows))
    }

    pub(super) fn read(&self, binding: u32, value: &Value) -> (u32, Access, Operand) {
        (binding, Access::Read, self.place(value))
    }

    pub(super) fn write(&self, binding: u32, value: &Value) -> (u32, Access, Operand) {
        (binding, Access::Write, self.place(value))
    }

    pub(super) fn place(&self, value: &Value) -> Operand {
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

pub(super) fn rotating(kernel: Kernel, rotation: &Rotation) -> Kernel {
    let Rotation { half, style, head_dim, .. } = *rotation;
    kernel.set("HALF", half).set("HALVES", (style == RopeStyle::Halves).into()).set("DIM", head_dim)
}

/// A thread for each of `across` elements of a row.
pub(super) fn elementwise(across: usize, per: Per) -> [Extent; 3] {
    [Extent::Fixed(across.div_ceil(64) as u32), Extent::per(per, 1), Extent::Fixed(1)]
}

/// The values of a shard of `f32`, which has one plane.
fn values(shard: &Shard) -> Operand {
    let Plane { offset, size, .. } = shard.planes[0];
    Operand::Buffer { buffer: shard.buffer.clone(), offset, size: Some(size) }
}

fn planes(shard: &Shard) -> impl Iterator<Item = (u32, Access, Operand)> {
    let planes = shard.planes.iter().map(|plane| {
        let buffer = shard.buffer.clone();
        (
            plane.binding,
            Access::Read,
            Operand::Buffer { buffer, offset: plane.offset, size: Some(plane.size) },
        )
    });
    planes.chain(shard.grid.iter().map(|grid| (GRID, Access::Read, Operand::whole(grid))))
}
