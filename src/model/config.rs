use super::architecture::Architecture;
use crate::gguf::{Header, Value};
use crate::tokenizer::MAX_VOCABULARY;
use crate::{Error, Result};

/// The hyper-parameters of a model, read from its metadata and checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub architecture: Architecture,
    /// `d`: the width of the residual stream.
    pub width: usize,
    pub layers: usize,
    pub heads: usize,
    pub kv_heads: usize,
    pub head_dim: usize,
    pub mlp_width: usize,
    pub vocab: usize,
    /// Positions that the model was trained for.
    pub context_length: usize,
    pub eps: f32,
    /// Rotary angle in radians a position, one for each pair of a head: `[head_dim / 2]`.
    pub frequencies: Vec<f32>,
}

/// Elements of all heads of a row, and of its keys and values in all layers: each some ten times what the largest model
/// published has. What a step needs is then within the reach of 32 bits.
const MAX_ROW: usize = 1 << 17;
const MAX_KEYS: usize = 1 << 22;

impl Config {
    pub fn from_header(header: &Header) -> Result<Config> {
        let meta = &header.metadata;
        let name = meta.str("general.architecture").unwrap_or("(none)");
        let architecture =
            Architecture::named(name).ok_or_else(|| Error::UnsupportedArchitecture(name.to_string()))?;
        let key = |name: &str| format!("{}.{name}", architecture.name);
        let number = |name: &str, most: u64| match meta.u64(&key(name)) {
            Some(n) if (1..=most).contains(&n) => Ok(n as usize),
            Some(n) => Err(Error::InvalidModel(format!("{} is {n}", key(name)))),
            None => Err(Error::InvalidModel(format!("{} is missing", key(name)))),
        };
        let optional = |name: &str, most: u64, default: usize| match meta.get(&key(name)) {
            Some(_) => number(name, most),
            None => Ok(default),
        };

        let width = number("embedding_length", 1 << 16)?;
        let heads = number("attention.head_count", 1 << 10)?;
        let kv_heads = optional("attention.head_count_kv", heads as u64, heads)?;
        let head_dim = optional("attention.key_length", 1 << 10, width / heads)?;
        let rotary = optional("rope.dimension_count", 1 << 10, head_dim)?;
        if heads % kv_heads != 0 || head_dim == 0 || head_dim % 4 != 0 || rotary != head_dim {
            return Err(Error::InvalidModel(format!(
                "{heads} heads, {kv_heads} KV heads, {head_dim} elements a head and {rotary} of them rotated do not fit together"
            )));
        }
        let layers = number("block_count", 1 << 10)?;
        if heads * head_dim > MAX_ROW || layers * kv_heads * head_dim > MAX_KEYS {
            return Err(Error::InvalidModel(format!(
                "{layers} layers of {heads} heads and {kv_heads} KV heads with {head_dim} elements are beyond reason"
            )));
        }
        let eps = meta.f64(&key("attention.layer_norm_rms_epsilon")).unwrap_or(1e-5) as f32;
        if !(eps > 0.0 && eps < 1.0) {
            return Err(Error::InvalidModel(format!("the epsilon of its norms is {eps}")));
        }
        Ok(Config {
            width,
            layers,
            heads,
            kv_heads,
            head_dim,
            mlp_width: number("feed_forward_length", 1 << 18)?,
            vocab: vocabulary(header)?,
            context_length: number("context_length", 1 << 24)?,
            eps,
            frequencies: frequencies(header, &key("rope"), head_dim)?,
            architecture,
        })
    }

    /// Number of weights in the matrices that a token passes through.
    pub fn matmul_weights(&self) -> u64 {
        let [d, heads, kv_heads, dim, mlp, layers, vocab] =
            [self.width, self.heads, self.kv_heads, self.head_dim, self.mlp_width, self.layers, self.vocab]
                .map(|n| n as u64);
        let layer = d * heads * dim * 2 + d * kv_heads * dim * 2 + 3 * d * mlp;
        layer * layers + d * vocab
    }
}

/// Rows of the embedding: at least as many as the tokenizer has tokens.
fn vocabulary(header: &Header) -> Result<usize> {
    let table = header.tensor("token_embd.weight").map(|table| table.matrix().0);
    let tokens = header.metadata.array("tokenizer.ggml.tokens").map(<[Value]>::len);
    match table.or(tokens) {
        None => Err(Error::InvalidModel("tensor \"token_embd.weight\" is missing".into())),
        Some(rows) if rows > MAX_VOCABULARY || tokens.is_some_and(|tokens| tokens > rows) => {
            Err(Error::InvalidModel(format!(
                "its embedding has {rows} rows, its vocabulary {} tokens",
                tokens.unwrap_or(0)
            )))
        }
        Some(rows) => Ok(rows),
    }
}

/// θᵢ = base^(−2i / head_dim), scaled where the file says so: linearly by a factor, or with Llama 3's factors, which
/// GGUF keeps as the tensor `rope_freqs.weight` (applied when it is loaded, see `load`).
fn frequencies(header: &Header, rope: &str, head_dim: usize) -> Result<Vec<f32>> {
    let meta = &header.metadata;
    let base = meta.f64(&format!("{rope}.freq_base")).unwrap_or(10_000.0);
    let scale = match meta.get(&format!("{rope}.scaling.type")).and_then(Value::as_str) {
        None | Some("none") => 1.0,
        Some("linear") => meta.f64(&format!("{rope}.scaling.factor")).unwrap_or(1.0),
        Some(other) => {
            return Err(Error::InvalidModel(format!("its rope scaling \"{other}\" is not supported")));
        }
    };
    let angle = |i: usize| (base.powf(-2.0 * i as f64 / head_dim as f64) / scale) as f32;
    let frequencies: Vec<f32> = (0..head_dim / 2).map(angle).collect();
    let sound = base > 1.0 && base.is_finite() && scale > 0.0 && scale.is_finite();
    // A tiny scale makes infinite angles of finite numbers.
    if !(sound && frequencies.iter().all(|angle| angle.is_finite())) {
        return Err(Error::InvalidModel(format!("its rope base is {base} and its scale {scale}")));
    }
    Ok(frequencies)
}
