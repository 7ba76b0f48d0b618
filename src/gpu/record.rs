//! Records a model's ops instead of running them.

use super::GpuWeight;
use super::weight::Matrix;
use crate::model::{Ops, RopeStyle};

/// Which rows a value has: one for each token of the step, or one for each row whose logits are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Per {
    Row,
    Output,
}

/// Activations `[n, cols]` that a step will compute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    pub(super) id: usize,
    pub(super) cols: usize,
    pub(super) per: Per,
}

/// Some columns of a value, side by side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Columns {
    pub value: Value,
    pub first: usize,
    pub count: usize,
}

impl Columns {
    pub(super) fn all(value: &Value) -> Columns {
        Columns { value: value.clone(), first: 0, count: value.cols }
    }
}

/// A rotation by position: which set of frequencies, half of a head's length, and how a head is paired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rotation {
    pub table: usize,
    pub half: usize,
    pub style: RopeStyle,
}

/// The epilogue of a linear map.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Epilogue<M = Matrix> {
    Store,
    /// A bias `[out, 1]` is added to each row.
    Bias(M),
    /// They are added to a value.
    Add(Value),
    /// The matrix is one above another of the same shape: `silu` of the upper's times the lower's.
    Gate,
}

/// A call of [`Ops`], with the value that it makes, or several calls fused (see [`super::fuse`]).
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node<M = Matrix> {
    Embed {
        table: M,
        y: Value,
    },
    Linear {
        w: M,
        x: Value,
        y: Value,
        epilogue: Epilogue<M>,
    },
    RmsNorm {
        x: Value,
        w: M,
        eps: f32,
        y: Value,
    },
    /// In place.
    Rope {
        x: Value,
        rotation: Rotation,
    },
    /// With a rotation of `q` and `k`, where it is not yet done.
    Attention {
        layer: usize,
        q: Columns,
        k: Columns,
        v: Columns,
        rotation: Option<Rotation>,
        y: Value,
    },
    SwiGlu {
        gate: Value,
        up: Value,
        y: Value,
    },
    Add {
        a: Value,
        b: Value,
        y: Value,
    },
    Outputs {
        x: Value,
        y: Value,
    },
}

impl<M> Node<M> {
    /// The values that it reads.
    pub(super) fn reads(&self) -> Vec<&Value> {
        match self {
            Node::Embed { .. } => vec![],
            Node::Linear { x, epilogue: Epilogue::Add(other), .. } => vec![x, other],
            Node::Linear { x, .. }
            | Node::RmsNorm { x, .. }
            | Node::Rope { x, .. }
            | Node::Outputs { x, .. } => vec![x],
            Node::Attention { q, k, v, .. } => vec![&q.value, &k.value, &v.value],
            Node::SwiGlu { gate, up, .. } => vec![gate, up],
            Node::Add { a, b, .. } => vec![a, b],
        }
    }

    /// The value that it makes, if that needs a buffer of its own.
    pub(super) fn makes(&self) -> Option<&Value> {
        match self {
            Node::Rope { .. } => None,
            Node::Embed { y, .. }
            | Node::Linear { y, .. }
            | Node::RmsNorm { y, .. }
            | Node::Attention { y, .. }
            | Node::SwiGlu { y, .. }
            | Node::Add { y, .. }
            | Node::Outputs { y, .. } => Some(y),
        }
    }
}

/// The frequencies of the rotations that a model uses (most use one set): shared by all that is recorded for it.
#[derive(Default)]
pub(super) struct Frequencies(pub Vec<Vec<f32>>);

/// Records the calls of a model.
pub struct Recorder<'a> {
    pub(super) nodes: Vec<Node>,
    frequencies: &'a mut Frequencies,
    values: usize,
}

impl<'a> Recorder<'a> {
    pub(super) fn new(frequencies: &'a mut Frequencies) -> Recorder<'a> {
        Recorder { nodes: Vec::new(), frequencies, values: 0 }
    }

    fn linear_map(&mut self, w: &GpuWeight, x: &Value, epilogue: Epilogue) -> Value {
        let y = self.value(w.matrix.rows, x.per);
        self.nodes.push(Node::Linear { w: w.matrix.clone(), x: x.clone(), y: y.clone(), epilogue });
        y
    }

    pub(super) fn value(&mut self, cols: usize, per: Per) -> Value {
        self.values += 1;
        Value { id: self.values - 1, cols, per }
    }
}

impl Ops for Recorder<'_> {
    type Tensor = Value;
    type Weight = GpuWeight;

    fn embed(&mut self, table: &GpuWeight) -> Value {
        let y = self.value(table.matrix.cols, Per::Row);
        self.nodes.push(Node::Embed { table: table.matrix.clone(), y: y.clone() });
        y
    }

    fn linear(&mut self, w: &GpuWeight, x: &Value) -> Value {
        self.linear_map(w, x, Epilogue::Store)
    }

    fn linear_with_bias(&mut self, w: &GpuWeight, b: &GpuWeight, x: &Value) -> Value {
        self.linear_map(w, x, Epilogue::Bias(b.matrix.clone()))
    }

    fn rms_norm(&mut self, x: &Value, w: &GpuWeight, eps: f32) -> Value {
        let y = self.value(x.cols, x.per);
        self.nodes.push(Node::RmsNorm { x: x.clone(), w: w.matrix.clone(), eps, y: y.clone() });
        y
    }

    fn rope(&mut self, x: Value, frequencies: &GpuWeight, style: RopeStyle) -> Value {
        let all = &mut self.frequencies.0;
        let table = all.iter().position(|f| *f == frequencies.host).unwrap_or_else(|| {
            all.push(frequencies.host.clone());
            all.len() - 1
        });
        self.nodes.push(Node::Rope {
            x: x.clone(),
            rotation: Rotation { table, half: frequencies.matrix.cols, style },
        });
        x
    }

    fn attention(&mut self, layer: usize, q: &Value, k: &Value, v: &Value) -> Value {
        let y = self.value(q.cols, q.per);
        self.nodes.push(Node::Attention {
            layer,
            q: Columns::all(q),
            k: Columns::all(k),
            v: Columns::all(v),
            rotation: None,
            y: y.clone(),
        });
        y
    }

    fn swiglu(&mut self, gate: &Value, up: &Value) -> Value {
        let y = self.value(gate.cols, gate.per);
        self.nodes.push(Node::SwiGlu { gate: gate.clone(), up: up.clone(), y: y.clone() });
        y
    }

    fn add(&mut self, a: &Value, b: &Value) -> Value {
        let y = self.value(a.cols, a.per);
        self.nodes.push(Node::Add { a: a.clone(), b: b.clone(), y: y.clone() });
        y
    }

    fn outputs(&mut self, x: &Value) -> Value {
        let y = self.value(x.cols, Per::Output);
        self.nodes.push(Node::Outputs { x: x.clone(), y: y.clone() });
        y
    }
}
