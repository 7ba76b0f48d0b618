//! The Llama architecture (Touvron et al. 2023; grouped-query attention as in Llama 2 70B and Llama 3), and Qwen 2
//! (Yang et al. 2024), which adds a bias to Q, K and V.

use super::{Config, Ops};

/// The weights of a model, in whatever form its backend keeps them.
pub struct Llama<W> {
    pub config: Config,
    /// `[vocab, d]`
    pub embedding: W,
    pub layers: Vec<Layer<W>>,
    /// `[d]`
    pub norm: W,
    /// `[vocab, d]`; `None` where the embedding serves as the output matrix too.
    pub output: Option<W>,
    /// Rotary frequencies, `[head_dim / 2]`, scaled already.
    pub frequencies: W,
}

pub struct Layer<W> {
    pub attention_norm: W,
    pub q: W,
    pub k: W,
    pub v: W,
    /// Of Q, K and V, each `[out, 1]`.
    pub biases: Option<[W; 3]>,
    pub o: W,
    pub mlp_norm: W,
    pub gate: W,
    pub up: W,
    pub down: W,
}

impl<W> Llama<W> {
    /// Logits `[outputs, vocab]` of a step.
    pub fn forward<O: Ops<Weight = W>>(&self, o: &mut O) -> O::Tensor {
        let mut x = o.embed(&self.embedding);
        for layer in 0..self.layers.len() {
            x = self.layer(o, layer, x);
        }
        self.logits(o, x)
    }

    /// One transformer block: `x + attention(norm(x))`, then `x + mlp(norm(x))`.
    pub fn layer<O: Ops<Weight = W>>(&self, o: &mut O, index: usize, x: O::Tensor) -> O::Tensor {
        let Config { eps, architecture, .. } = self.config;
        let layer = &self.layers[index];

        let h = o.rms_norm(&x, &layer.attention_norm, eps);
        let (q, k, v) = match &layer.biases {
            None => (o.linear(&layer.q, &h), o.linear(&layer.k, &h), o.linear(&layer.v, &h)),
            Some([q, k, v]) => (
                o.linear_with_bias(&layer.q, q, &h),
                o.linear_with_bias(&layer.k, k, &h),
                o.linear_with_bias(&layer.v, v, &h),
            ),
        };
        let q = o.rope(q, &self.frequencies, architecture.rope_style);
        let k = o.rope(k, &self.frequencies, architecture.rope_style);
        let a = o.attention(index, &q, &k, &v);
        let a = o.linear(&layer.o, &a);
        let x = o.add(&x, &a);

        let h = o.rms_norm(&x, &layer.mlp_norm, eps);
        let (gate, up) = (o.linear(&layer.gate, &h), o.linear(&layer.up, &h));
        let m = o.swiglu(&gate, &up);
        let m = o.linear(&layer.down, &m);
        o.add(&x, &m)
    }

    /// From the last block's `x` to the logits of the rows that are wanted.
    pub fn logits<O: Ops<Weight = W>>(&self, o: &mut O, x: O::Tensor) -> O::Tensor {
        let x = o.outputs(&x);
        let x = o.rms_norm(&x, &self.norm, self.config.eps);
        o.linear(self.output.as_ref().unwrap_or(&self.embedding), &x)
    }
}
