use super::attention::attention;
use super::kv::KvCache;
use super::matmul::matmul;
use super::threads::Threads;
use super::weight::CpuWeight;
use crate::model::{Activation, Attention, Chosen, Ops, RopeStyle, Rotation, Step};
use wide::f32x4;

/// Activations `[rows, cols]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    pub rows: usize,
    pub cols: usize,
    pub data: Vec<f32>,
}

impl Tensor {
    pub fn new(rows: usize, cols: usize, data: Vec<f32>) -> Tensor {
        assert_eq!(rows * cols, data.len());
        Tensor { rows, cols, data }
    }

    fn zeros(rows: usize, cols: usize) -> Tensor {
        Tensor::new(rows, cols, vec![0.0; rows * cols])
    }

    fn zip(&self, other: &Tensor, f: impl Fn(f32, f32) -> f32) -> Tensor {
        let data = self.data.iter().zip(&other.data).map(|(a, b)| f(*a, *b)).collect();
        Tensor::new(self.rows, self.cols, data)
    }
}

/// Computes each op at once, for one step.
pub struct CpuOps<'a> {
    pub step: &'a Step,
    pub kv: &'a mut KvCache,
    pub threads: &'a Threads,
}

impl Ops for CpuOps<'_> {
    type Tensor = Tensor;
    type Weight = CpuWeight;

    fn embed(&mut self, table: &CpuWeight) -> Tensor {
        let mut x = Tensor::zeros(self.step.rows.len(), table.cols);
        for (row, out) in self.step.rows.iter().zip(x.data.chunks_exact_mut(table.cols)) {
            table.row(row.token as usize, out);
        }
        x
    }

    fn linear(&mut self, w: &CpuWeight, x: &Tensor) -> Tensor {
        let mut y = Tensor::zeros(x.rows, w.rows);
        matmul(self.threads, w, &x.data, &mut y.data);
        y
    }

    fn linear_with_bias(&mut self, w: &CpuWeight, b: &CpuWeight, x: &Tensor) -> Tensor {
        let mut y = self.linear(w, x);
        for row in y.data.chunks_exact_mut(y.cols) {
            row.iter_mut().zip(b.values()).for_each(|(v, b)| *v += b);
        }
        y
    }

    fn rms_norm(&mut self, x: &Tensor, w: &CpuWeight, eps: f32) -> Tensor {
        let mut y = x.clone();
        for run in y.data.chunks_exact_mut(w.cols) {
            let mean = run.iter().map(|v| v * v).sum::<f32>() / w.cols as f32;
            let scale = 1.0 / (mean + eps).sqrt();
            run.iter_mut().zip(w.values()).for_each(|(v, w)| *v *= scale * w);
        }
        y
    }

    fn rope(&mut self, mut x: Tensor, rotation: &Rotation) -> Tensor {
        let Rotation { frequencies, amplitude, style, head_dim } = rotation;
        let half = frequencies.len();
        for (row, values) in self.step.rows.iter().zip(x.data.chunks_exact_mut(x.cols)) {
            let turns: Vec<(f32, f32)> = frequencies
                .iter()
                .map(|f| {
                    let (sin, cos) = (row.position as f32 * f).sin_cos();
                    (sin * amplitude, cos * amplitude)
                })
                .collect();
            for head in values.chunks_exact_mut(*head_dim) {
                for (i, (sin, cos)) in turns.iter().enumerate() {
                    let (a, b) = match style {
                        RopeStyle::Interleaved => (2 * i, 2 * i + 1),
                        RopeStyle::Halves => (i, i + half),
                    };
                    (head[a], head[b]) = (head[a] * cos - head[b] * sin, head[a] * sin + head[b] * cos);
                }
            }
        }
        x
    }

    fn attention(&mut self, layer: usize, q: &Tensor, k: &Tensor, v: &Tensor, how: &Attention) -> Tensor {
        self.kv.store(layer, self.step, &k.data, &v.data);
        let mut out = Tensor::zeros(q.rows, q.cols);
        attention(self.threads, self.step, self.kv, layer, how, &q.data, &mut out.data);
        out
    }

    fn glu(&mut self, activation: Activation, gate: &Tensor, up: &Tensor) -> Tensor {
        let mut y = gate.clone();
        match activation {
            Activation::Silu => gated(&mut y.data, &up.data, silu),
            Activation::Gelu => gated(&mut y.data, &up.data, gelu),
        }
        y
    }

    fn adapts(&self) -> bool {
        !self.step.adapters.is_empty()
    }

    fn choose(&mut self, mut x: Tensor, width: usize) -> Tensor {
        for (row, values) in self.step.rows.iter().zip(x.data.chunks_exact_mut(x.cols)) {
            let chosen = self.step.adapter(row);
            for (i, columns) in values.chunks_mut(width).enumerate() {
                match chosen.filter(|own| own.adapter as usize == i) {
                    Some(Chosen { scale, .. }) => columns.iter_mut().for_each(|v| *v *= scale),
                    // Not times zero: what another adapter makes may be infinite.
                    None => columns.fill(0.0),
                }
            }
        }
        x
    }

    fn scale(&mut self, mut x: Tensor, factor: f32) -> Tensor {
        x.data.iter_mut().for_each(|v| *v *= factor);
        x
    }

    fn soft_cap(&mut self, mut x: Tensor, cap: f32) -> Tensor {
        x.data.iter_mut().for_each(|v| *v = cap * (*v / cap).tanh());
        x
    }

    fn add(&mut self, a: &Tensor, b: &Tensor) -> Tensor {
        a.zip(b, |a, b| a + b)
    }

    fn outputs(&mut self, x: &Tensor) -> Tensor {
        let data = self
            .step
            .outputs
            .iter()
            .flat_map(|output| &x.data[output.row as usize * x.cols..][..x.cols])
            .copied()
            .collect();
        Tensor::new(self.step.outputs.len(), x.cols, data)
    }
}

/// `f(gate) · up`, in place of the gate, four at a time.
fn gated(gate: &mut [f32], up: &[f32], f: impl Fn(f32x4) -> f32x4) {
    let four = |values: &[f32]| {
        let mut four = [0.0; 4];
        four[..values.len()].copy_from_slice(values);
        f32x4::new(four)
    };
    for (g, u) in gate.chunks_mut(4).zip(up.chunks(4)) {
        let y = f(four(g)) * four(u);
        g.copy_from_slice(&y.as_array()[..g.len()]);
    }
}

fn silu(x: f32x4) -> f32x4 {
    x / (f32x4::ONE + (-x).exp())
}

/// √(2/π)
const ROOT: f32 = 0.797_884_6;

/// With tanh(z) = 1 − 2 / (1 + e²ᶻ): x/2 (1 + tanh z) = x − x / (1 + e²ᶻ).
fn gelu(x: f32x4) -> f32x4 {
    let twice = x * f32x4::splat(2.0 * ROOT) * (x * x * f32x4::splat(0.044715) + f32x4::ONE);
    // e⁸⁰ is within reach of f32, and far more than 1.
    let twice = twice.fast_min(f32x4::splat(80.0));
    x - x / (f32x4::ONE + twice.exp())
}
