//! Writing down what a model does, in place of doing it.

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

/// One call of [`Ops`], with the value that it makes.
pub(super) enum Node {
    Embed {
        table: Matrix,
        y: Value,
    },
    Linear {
        w: Matrix,
        x: Value,
        y: Value,
    },
    RmsNorm {
        x: Value,
        w: Matrix,
        eps: f32,
        y: Value,
    },
    /// In place.
    Rope {
        x: Value,
        rotations: usize,
        half: usize,
        style: RopeStyle,
    },
    Attention {
        layer: usize,
        q: Value,
        k: Value,
        v: Value,
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

impl Node {
    /// The values that it reads.
    pub(super) fn reads(&self) -> Vec<&Value> {
        match self {
            Node::Embed { .. } => vec![],
            Node::Linear { x, .. }
            | Node::RmsNorm { x, .. }
            | Node::Rope { x, .. }
            | Node::Outputs { x, .. } => vec![x],
            Node::Attention { q, k, v, .. } => vec![q, k, v],
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
        let y = self.value(w.matrix.rows, x.per);
        self.nodes.push(Node::Linear { w: w.matrix.clone(), x: x.clone(), y: y.clone() });
        y
    }

    fn rms_norm(&mut self, x: &Value, w: &GpuWeight, eps: f32) -> Value {
        let y = self.value(x.cols, x.per);
        self.nodes.push(Node::RmsNorm { x: x.clone(), w: w.matrix.clone(), eps, y: y.clone() });
        y
    }

    fn rope(&mut self, x: Value, frequencies: &GpuWeight, style: RopeStyle) -> Value {
        let all = &mut self.frequencies.0;
        let rotations = all.iter().position(|f| *f == frequencies.host).unwrap_or_else(|| {
            all.push(frequencies.host.clone());
            all.len() - 1
        });
        self.nodes.push(Node::Rope { x: x.clone(), rotations, half: frequencies.matrix.cols, style });
        x
    }

    fn attention(&mut self, layer: usize, q: &Value, k: &Value, v: &Value) -> Value {
        let y = self.value(q.cols, q.per);
        self.nodes.push(Node::Attention { layer, q: q.clone(), k: k.clone(), v: v.clone(), y: y.clone() });
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
