//! Records a model's ops instead of running them.

use super::GpuWeight;
use super::weight::Matrix;
use crate::model::{self, Activation, Attention, Ops, RopeStyle};

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

/// A rotation by position: which of the [`Rotations`], how many pairs of a head, how they are paired, a head's length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rotation {
    pub table: usize,
    pub half: usize,
    pub style: RopeStyle,
    pub head_dim: usize,
}

/// The epilogue of a linear map.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Epilogue<M = Matrix> {
    Store,
    /// A bias `[out, 1]` is added to each row.
    Bias(M),
    /// They are added to a value.
    Add(Value),
    /// The matrix is one above another of the same shape: an activation of the upper's times the lower's.
    Gate(Activation),
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
    /// Of each run of as many columns as `w` has.
    RmsNorm {
        x: Columns,
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
        how: Attention,
        y: Value,
    },
    Glu {
        activation: Activation,
        gate: Value,
        up: Value,
        y: Value,
    },
    /// In place.
    Choose {
        x: Value,
        width: usize,
    },
    /// In place.
    Scale {
        x: Value,
        factor: f32,
    },
    /// In place.
    SoftCap {
        x: Value,
        cap: f32,
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
            | Node::RmsNorm { x: Columns { value: x, .. }, .. }
            | Node::Rope { x, .. }
            | Node::Choose { x, .. }
            | Node::Scale { x, .. }
            | Node::SoftCap { x, .. }
            | Node::Outputs { x, .. } => vec![x],
            Node::Attention { q, k, v, .. } => vec![&q.value, &k.value, &v.value],
            Node::Glu { gate, up, .. } => vec![gate, up],
            Node::Add { a, b, .. } => vec![a, b],
        }
    }

    /// The value that it makes, if that needs a buffer of its own.
    pub(super) fn makes(&self) -> Option<&Value> {
        match self {
            Node::Rope { .. } | Node::Choose { .. } | Node::Scale { .. } | Node::SoftCap { .. } => None,
            Node::Embed { y, .. }
            | Node::Linear { y, .. }
            | Node::RmsNorm { y, .. }
            | Node::Attention { y, .. }
            | Node::Glu { y, .. }
            | Node::Add { y, .. }
            | Node::Outputs { y, .. } => Some(y),
        }
    }
}

/// The rotations that a model uses (most use one): shared by all that is recorded for it.
#[derive(Default)]
pub(super) struct Rotations(pub Vec<model::Rotation>);

/// Records the calls of a model.
pub struct Recorder<'a> {
    pub(super) nodes: Vec<Node>,
    rotations: &'a mut Rotations,
    /// Whether it is recorded for steps with adapters.
    adapts: bool,
    values: usize,
}

impl<'a> Recorder<'a> {
    pub(super) fn new(rotations: &'a mut Rotations, adapts: bool) -> Recorder<'a> {
        Recorder { nodes: Vec::new(), rotations, adapts, values: 0 }
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
        self.nodes.push(Node::RmsNorm { x: Columns::all(x), w: w.matrix.clone(), eps, y: y.clone() });
        y
    }

    fn rope(&mut self, x: Value, rotation: &model::Rotation) -> Value {
        let all = &mut self.rotations.0;
        let table = all.iter().position(|known| known == rotation).unwrap_or_else(|| {
            all.push(rotation.clone());
            all.len() - 1
        });
        let model::Rotation { frequencies, style, head_dim, .. } = rotation;
        let rotation = Rotation { table, half: frequencies.len(), style: *style, head_dim: *head_dim };
        self.nodes.push(Node::Rope { x: x.clone(), rotation });
        x
    }

    fn attention(&mut self, layer: usize, q: &Value, k: &Value, v: &Value, how: &Attention) -> Value {
        let y = self.value(q.cols, q.per);
        self.nodes.push(Node::Attention {
            layer,
            q: Columns::all(q),
            k: Columns::all(k),
            v: Columns::all(v),
            rotation: None,
            how: *how,
            y: y.clone(),
        });
        y
    }

    fn glu(&mut self, activation: Activation, gate: &Value, up: &Value) -> Value {
        let y = self.value(gate.cols, gate.per);
        self.nodes.push(Node::Glu { activation, gate: gate.clone(), up: up.clone(), y: y.clone() });
        y
    }

    fn adapts(&self) -> bool {
        self.adapts
    }

    fn choose(&mut self, x: Value, width: usize) -> Value {
        self.nodes.push(Node::Choose { x: x.clone(), width });
        x
    }

    fn scale(&mut self, x: Value, factor: f32) -> Value {
        self.nodes.push(Node::Scale { x: x.clone(), factor });
        x
    }

    fn soft_cap(&mut self, x: Value, cap: f32) -> Value {
        self.nodes.push(Node::SoftCap { x: x.clone(), cap });
        x
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
