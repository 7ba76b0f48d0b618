//! The decoder-only transformer (Vaswani et al. 2017) as Llama has it (Touvron et al. 2023): RMSNorm before attention and
//! MLP, rotary positions, grouped-query attention, a gated MLP. What other architectures add or change is named where it
//! stands; [`super::Architecture`] says which has what.

use super::{Config, LayerConfig, Ops, Rotation};

/// The weights of a model, in whatever form its backend keeps them.
pub struct Model<W> {
    pub config: Config,
    /// `[vocab, d]`
    pub embedding: W,
    pub layers: Vec<Layer<W>>,
    /// `[d]`
    pub norm: W,
    /// `[vocab, d]`; `None` where the embedding serves as the output matrix too.
    pub output: Option<W>,
    /// Those of [`Config::rotations`], with the factors that the file has for them.
    pub rotations: Vec<Rotation>,
}

/// A matrix `[out, in]`, and what stands beside it.
pub struct Linear<W> {
    pub w: W,
    /// `[out, 1]` (Q, K and V of Qwen 2).
    pub bias: Option<W>,
    pub adapters: Option<Adapted<W>>,
}

/// The matrices of all adapters: see [`super::Adapters`].
pub struct Adapted<W> {
    /// `[columns, in]`
    pub a: W,
    /// `[out, columns]`
    pub b: W,
    /// Columns of each adapter.
    pub width: usize,
}

pub struct Layer<W> {
    pub attention_norm: W,
    pub q: Linear<W>,
    pub k: Linear<W>,
    pub v: Linear<W>,
    /// Norms of each head of Q and of K, each `[head_dim]` (Qwen 3, Gemma 3).
    pub head_norms: Option<[W; 2]>,
    pub o: Linear<W>,
    /// Of what attention makes (Gemma 2 and 3).
    pub attention_norm_behind: Option<W>,
    pub mlp_norm: W,
    pub gate: Linear<W>,
    pub up: Linear<W>,
    pub down: Linear<W>,
    /// Of what the MLP makes.
    pub mlp_norm_behind: Option<W>,
}

impl<W> Model<W> {
    /// Logits `[outputs, vocab]` of a step.
    pub fn forward<O: Ops<Weight = W>>(&self, o: &mut O) -> O::Tensor {
        let mut x = self.embed(o);
        for layer in 0..self.layers.len() {
            x = self.layer(o, layer, x);
        }
        self.logits(o, x)
    }

    /// What the first block reads.
    pub fn embed<O: Ops<Weight = W>>(&self, o: &mut O) -> O::Tensor {
        let x = o.embed(&self.embedding);
        scaled(o, x, self.config.embedding_scale)
    }

    /// One transformer block: `x + attention(norm(x))`, then `x + mlp(norm(x))`.
    pub fn layer<O: Ops<Weight = W>>(&self, o: &mut O, index: usize, x: O::Tensor) -> O::Tensor {
        let Config { architecture, eps, residual_scale, .. } = self.config;
        let layer = &self.layers[index];

        let h = o.rms_norm(&x, &layer.attention_norm, eps);
        let a = self.attention(o, index, &h);
        let a = normed(o, a, &layer.attention_norm_behind, eps);
        let a = scaled(o, a, residual_scale);
        let x = o.add(&x, &a);

        let h = o.rms_norm(&x, &layer.mlp_norm, eps);
        let (gate, up) = (linear(o, &layer.gate, &h), linear(o, &layer.up, &h));
        let m = o.glu(architecture.activation, &gate, &up);
        let m = linear(o, &layer.down, &m);
        let m = normed(o, m, &layer.mlp_norm_behind, eps);
        let m = scaled(o, m, residual_scale);
        o.add(&x, &m)
    }

    /// `W_o attention(W_q h, W_k h, W_v h)`, with Q and K rotated by position.
    fn attention<O: Ops<Weight = W>>(&self, o: &mut O, index: usize, h: &O::Tensor) -> O::Tensor {
        let LayerConfig { rotation, attention } = self.config.layers[index];
        let (layer, rotation) = (&self.layers[index], &self.rotations[rotation]);
        let (mut q, mut k, v) = (linear(o, &layer.q, h), linear(o, &layer.k, h), linear(o, &layer.v, h));
        if let Some([of_q, of_k]) = &layer.head_norms {
            (q, k) = (o.rms_norm(&q, of_q, self.config.eps), o.rms_norm(&k, of_k, self.config.eps));
        }
        let (q, k) = (o.rope(q, rotation), o.rope(k, rotation));
        let a = o.attention(index, &q, &k, &v, &attention);
        linear(o, &layer.o, &a)
    }

    /// From the last block's `x` to the logits of the rows that are wanted.
    pub fn logits<O: Ops<Weight = W>>(&self, o: &mut O, x: O::Tensor) -> O::Tensor {
        let states = self.states(o, &x);
        self.head(o, states)
    }

    /// From the last block's `x` to the states of the rows that are wanted, `[outputs, width]`.
    pub fn states<O: Ops<Weight = W>>(&self, o: &mut O, x: &O::Tensor) -> O::Tensor {
        let x = o.outputs(x);
        o.rms_norm(&x, &self.norm, self.config.eps)
    }

    /// From states to logits.
    pub fn head<O: Ops<Weight = W>>(&self, o: &mut O, x: O::Tensor) -> O::Tensor {
        // As good as scaling the logits, of which there are more.
        let x = scaled(o, x, self.config.logit_scale);
        let logits = o.linear(self.output.as_ref().unwrap_or(&self.embedding), &x);
        match self.config.logit_cap {
            Some(cap) => o.soft_cap(logits, cap),
            None => logits,
        }
    }
}

/// `W x + b`, and what the adapters of the step's sequences add.
fn linear<O: Ops>(o: &mut O, map: &Linear<O::Weight>, x: &O::Tensor) -> O::Tensor {
    let y = match &map.bias {
        Some(bias) => o.linear_with_bias(&map.w, bias, x),
        None => o.linear(&map.w, x),
    };
    let Some(Adapted { a, b, width }) = map.adapters.as_ref().filter(|_| o.adapts()) else { return y };
    let thin = o.linear(a, x);
    let thin = o.choose(thin, *width);
    let more = o.linear(b, &thin);
    o.add(&y, &more)
}

fn scaled<O: Ops>(o: &mut O, x: O::Tensor, factor: Option<f32>) -> O::Tensor {
    match factor {
        Some(factor) => o.scale(x, factor),
        None => x,
    }
}

fn normed<O: Ops>(o: &mut O, x: O::Tensor, norm: &Option<O::Weight>, eps: f32) -> O::Tensor {
    match norm {
        Some(norm) => o.rms_norm(&x, norm, eps),
        None => x,
    }
}
