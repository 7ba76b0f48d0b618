//! The memory that a model takes, counted by its own code on tensors that have only sizes.

use super::kv::KvCache;
use super::runner::{MAX_OUTPUTS, MAX_ROWS};
use super::weight::data_bytes;
use crate::Result;
use crate::gguf::Header;
use crate::model::{Activation, Attention, Config, KvShape, KvType, Ops, Rotation, WeightStore, outline};
use crate::quant::BlockType;
use std::cell::Cell;
use std::rc::Rc;

/// Bytes of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CpuNeed {
    pub weights: u64,
    /// With every position in use; blocks are allocated when they are first used.
    pub kv: u64,
    /// The activations of the largest step, at their most.
    pub activations: u64,
}

impl CpuNeed {
    pub fn of(header: &Header, config: &Config, kv: KvShape, kv_type: KvType) -> Result<CpuNeed> {
        let mut store = Counting::default();
        let model = outline(header, config, &mut store)?;
        let mut activations = Activations::default();
        drop(model.forward(&mut activations));
        Ok(CpuNeed {
            weights: store.bytes,
            kv: KvCache::bytes(&kv, kv_type),
            activations: activations.meter.most.get(),
        })
    }
}

/// Rows and columns of a weight.
struct Shape {
    rows: usize,
    cols: usize,
}

/// Counts what [`super::CpuStore`] would keep.
#[derive(Default)]
struct Counting {
    bytes: u64,
}

impl WeightStore for Counting {
    type Weight = Shape;

    fn allocate(&mut self, _: &str, block_type: BlockType, rows: usize, cols: usize) -> Result<Shape> {
        self.bytes += data_bytes(block_type, rows, cols);
        Ok(Shape { rows, cols })
    }

    fn write(&mut self, _: &mut Shape, _: usize, _: &[u8]) -> Result<()> {
        Ok(())
    }
}

/// The ops of a step as large as any, on tensors that are counted and not there.
#[derive(Default)]
struct Activations {
    meter: Rc<Meter>,
}

/// Bytes that are in use, and the most that ever were.
#[derive(Default)]
struct Meter {
    now: Cell<u64>,
    most: Cell<u64>,
}

/// The size of a [`super::Tensor`], counted while it lives.
struct Counted {
    rows: usize,
    cols: usize,
    meter: Rc<Meter>,
}

impl Counted {
    fn bytes(&self) -> u64 {
        self.rows as u64 * self.cols as u64 * size_of::<f32>() as u64
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.meter.now.set(self.meter.now.get() - self.bytes());
    }
}

impl Activations {
    fn tensor(&self, rows: usize, cols: usize) -> Counted {
        let tensor = Counted { rows, cols, meter: self.meter.clone() };
        let now = self.meter.now.get() + tensor.bytes();
        self.meter.now.set(now);
        self.meter.most.set(now.max(self.meter.most.get()));
        tensor
    }
}

impl Ops for Activations {
    type Tensor = Counted;
    type Weight = Shape;

    fn embed(&mut self, table: &Shape) -> Counted {
        self.tensor(MAX_ROWS, table.cols)
    }

    fn linear(&mut self, w: &Shape, x: &Counted) -> Counted {
        self.tensor(x.rows, w.rows)
    }

    fn linear_with_bias(&mut self, w: &Shape, _: &Shape, x: &Counted) -> Counted {
        self.linear(w, x)
    }

    fn rms_norm(&mut self, x: &Counted, _: &Shape, _: f32) -> Counted {
        self.tensor(x.rows, x.cols)
    }

    fn rope(&mut self, x: Counted, _: &Rotation) -> Counted {
        x
    }

    fn attention(&mut self, _: usize, q: &Counted, _: &Counted, _: &Counted, _: &Attention) -> Counted {
        self.tensor(q.rows, q.cols)
    }

    fn glu(&mut self, _: Activation, gate: &Counted, _: &Counted) -> Counted {
        self.tensor(gate.rows, gate.cols)
    }

    fn adapts(&self) -> bool {
        true
    }

    fn choose(&mut self, x: Counted, _: usize) -> Counted {
        x
    }

    fn scale(&mut self, x: Counted, _: f32) -> Counted {
        x
    }

    fn soft_cap(&mut self, x: Counted, _: f32) -> Counted {
        x
    }

    fn add(&mut self, a: &Counted, _: &Counted) -> Counted {
        self.tensor(a.rows, a.cols)
    }

    fn outputs(&mut self, x: &Counted) -> Counted {
        self.tensor(MAX_OUTPUTS, x.cols)
    }
}
