use super::attention::attention;
use super::kv::KvCache;
use super::matmul::matmul;
use super::weight::CpuWeight;
use crate::model::{Ops, RopeStyle, Step};
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
        matmul(w, &x.data, &mut y.data);
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
        for row in y.data.chunks_exact_mut(x.cols) {
            let mean = row.iter().map(|v| v * v).sum::<f32>() / x.cols as f32;
            let scale = 1.0 / (mean + eps).sqrt();
            row.iter_mut().zip(w.values()).for_each(|(v, w)| *v *= scale * w);
        }
        y
    }

    fn rope(&mut self, mut x: Tensor, frequencies: &CpuWeight, style: RopeStyle) -> Tensor {
        let half = frequencies.cols;
        for (row, values) in self.step.rows.iter().zip(x.data.chunks_exact_mut(x.cols)) {
            let rotations: Vec<(f32, f32)> =
                frequencies.values().iter().map(|f| (row.position as f32 * f).sin_cos()).collect();
            for head in values.chunks_exact_mut(2 * half) {
                for (i, (sin, cos)) in rotations.iter().enumerate() {
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

    fn attention(&mut self, layer: usize, q: &Tensor, k: &Tensor, v: &Tensor) -> Tensor {
        self.kv.store(layer, self.step, &k.data, &v.data);
        let mut out = Tensor::zeros(q.rows, q.cols);
        attention(self.step, self.kv, layer, &q.data, &mut out.data);
        out
    }

    fn swiglu(&mut self, gate: &Tensor, up: &Tensor) -> Tensor {
        let mut y = gate.clone();
        let fours = y.data.chunks_exact_mut(4).zip(up.data.chunks_exact(4));
        for (g, u) in fours {
            let (gate, up) = (f32x4::new([g[0], g[1], g[2], g[3]]), f32x4::new([u[0], u[1], u[2], u[3]]));
            g.copy_from_slice((gate / (f32x4::ONE + (-gate).exp()) * up).as_array());
        }
        let done = y.data.len() / 4 * 4;
        for (g, u) in y.data[done..].iter_mut().zip(&up.data[done..]) {
            *g = *g / (1.0 + (-*g).exp()) * u;
        }
        y
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
