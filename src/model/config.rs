use super::adapter::Adapters;
use super::architecture::{self as keys, Architecture, Windows};
use super::ops::Attention;
use super::rope::{RopeMetadata, Rotation, unscaled};
use crate::gguf::{Header, Metadata, Value};
use crate::tokenizer::MAX_VOCABULARY;
use crate::{Error, Result};

/// The hyper-parameters of a model, read from its metadata and checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub architecture: Architecture,
    /// `d`: the width of the residual stream.
    pub width: usize,
    pub heads: usize,
    pub kv_heads: usize,
    pub head_dim: usize,
    pub mlp_width: usize,
    pub vocab: usize,
    /// Positions that the model was trained for.
    pub context_length: usize,
    pub eps: f32,
    /// What embeddings, what is added to the residual stream, and logits are multiplied by, where not by one.
    pub embedding_scale: Option<f32>,
    pub residual_scale: Option<f32>,
    pub logit_scale: Option<f32>,
    /// Logits `x` are `c tanh(x / c)`.
    pub logit_cap: Option<f32>,
    /// The rotations that layers use.
    pub rotations: Vec<Rotation>,
    pub layers: Vec<LayerConfig>,
    /// What stands beside its matrices.
    pub adapters: Adapters,
    /// Whether LongRoPE's factors for long contexts apply: see [`Config::for_context`].
    pub(super) long: bool,
    original_context: f64,
}

/// What differs from layer to layer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LayerConfig {
    /// Index into [`Config::rotations`].
    pub rotation: usize,
    pub attention: Attention,
}

/// Elements of all heads of a row, and of its keys and values in all layers: each some ten times what the largest model
/// published has. What a step needs is then within the reach of 32 bits.
const MAX_ROW: usize = 1 << 17;
const MAX_KEYS: usize = 1 << 22;

/// The metadata of one architecture.
struct Keys<'a> {
    meta: &'a Metadata,
    architecture: Architecture,
}

impl Keys<'_> {
    fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.architecture.name)
    }

    fn number(&self, name: &str, most: u64) -> Result<usize> {
        match self.meta.u64(&self.key(name)) {
            Some(n) if (1..=most).contains(&n) => Ok(n as usize),
            Some(n) => Err(Error::InvalidModel(format!("{} is {n}", self.key(name)))),
            None => Err(Error::InvalidModel(format!("{} is missing", self.key(name)))),
        }
    }

    fn optional(&self, name: &str, most: u64, default: usize) -> Result<usize> {
        match self.meta.get(&self.key(name)) {
            Some(_) => self.number(name, most),
            None => Ok(default),
        }
    }

    /// A number that the architecture applies, unless it is absent or zero.
    fn applied(&self, name: &str) -> Result<Option<f32>> {
        if !self.architecture.metadata.contains(&name) {
            return Ok(None);
        }
        match self.meta.f64(&self.key(name)) {
            None | Some(0.0) if self.architecture.required.contains(&name) => {
                Err(Error::InvalidModel(format!("{} is missing", self.key(name))))
            }
            None | Some(0.0) => Ok(None),
            Some(x) if (1e-9..1e9).contains(&x) => Ok(Some(x as f32)),
            Some(x) => Err(Error::InvalidModel(format!("{} is {x}", self.key(name)))),
        }
    }

    /// Refuses what would change the model and is not applied.
    fn refuse_unread(&self) -> Result<()> {
        for name in keys::CHANGING.iter().filter(|name| !self.architecture.metadata.contains(name)) {
            if self.meta.f64(&self.key(name)).is_some_and(|x| x != 0.0) {
                return Err(Error::InvalidModel(format!(
                    "its metadata have {}, which changes what the architecture {} computes: such a model is not supported",
                    self.key(name),
                    self.architecture.name
                )));
            }
        }
        Ok(())
    }

    /// For each layer whether it has a window.
    fn windowed(&self, layers: usize) -> Result<Vec<bool>> {
        let in_turn = |n: usize| (0..layers).map(|i| n == 0 || i % n < n - 1).collect();
        match self.architecture.windows {
            Windows::None => Ok(vec![false; layers]),
            Windows::All => Ok(vec![true; layers]),
            Windows::InTurn(n) => match self.meta.get(&self.key(keys::WINDOW_PATTERN)) {
                Some(Value::Array(values)) if values.len() >= layers => {
                    Ok(values.iter().take(layers).map(|value| matches!(value, Value::Bool(true))).collect())
                }
                Some(Value::Array(_)) => {
                    Err(Error::InvalidModel(format!("{} is too short", self.key(keys::WINDOW_PATTERN))))
                }
                _ => Ok(in_turn(self.meta.u64(&self.key(keys::WINDOW_PATTERN)).map_or(n, |n| n as usize))),
            },
        }
    }
}

impl Config {
    pub fn from_header(header: &Header) -> Result<Config> {
        let meta = &header.metadata;
        let name = meta.str("general.architecture").unwrap_or("(none)");
        let architecture =
            Architecture::named(name).ok_or_else(|| Error::UnsupportedArchitecture(name.to_string()))?;
        let keys = Keys { meta, architecture };
        keys.refuse_unread()?;

        let width = keys.number("embedding_length", 1 << 16)?;
        let heads = keys.number("attention.head_count", 1 << 10)?;
        let kv_heads = keys.optional("attention.head_count_kv", heads as u64, heads)?;
        let head_dim = keys.optional("attention.key_length", 1 << 10, width / heads)?;
        let value_dim = keys.optional("attention.value_length", 1 << 10, head_dim)?;
        let rotary = keys.optional("rope.dimension_count", 1 << 10, head_dim)?;
        let fit = heads % kv_heads == 0 && head_dim == value_dim && rotary <= head_dim;
        if !fit || head_dim == 0 || head_dim % 4 != 0 || rotary % 4 != 0 {
            return Err(Error::InvalidModel(format!(
                "{heads} heads, {kv_heads} KV heads, {head_dim} elements a head ({value_dim} of its values) and {rotary} of \
                 them rotated do not fit together"
            )));
        }
        let layers = keys.number("block_count", 1 << 10)?;
        if heads * head_dim > MAX_ROW || layers * kv_heads * head_dim > MAX_KEYS {
            return Err(Error::InvalidModel(format!(
                "{layers} layers of {heads} heads and {kv_heads} KV heads with {head_dim} elements are beyond reason"
            )));
        }
        let eps = meta.f64(&keys.key("attention.layer_norm_rms_epsilon")).unwrap_or(1e-5) as f32;
        if !(eps > 0.0 && eps < 1.0) {
            return Err(Error::InvalidModel(format!("the epsilon of its norms is {eps}")));
        }
        let context_length = keys.number("context_length", 1 << 24)?;
        let rope = RopeMetadata { meta, prefix: keys.key("rope"), context_length };
        let (rotations, layers) = layers_of(&keys, &rope, [width, heads, head_dim, rotary, layers])?;
        let root = architecture.embedding_by_root_of_width.then(|| (width as f32).sqrt());
        Ok(Config {
            width,
            heads,
            kv_heads,
            head_dim,
            mlp_width: keys.number("feed_forward_length", 1 << 18)?,
            vocab: vocabulary(header)?,
            context_length,
            eps,
            embedding_scale: keys.applied(keys::EMBEDDING_SCALE)?.or(root),
            residual_scale: keys.applied(keys::RESIDUAL_SCALE)?,
            logit_scale: keys.applied(keys::LOGIT_SCALE)?.map(|scale| 1.0 / scale),
            logit_cap: keys.applied(keys::LOGIT_CAP)?,
            rotations,
            layers,
            adapters: Adapters::default(),
            long: false,
            original_context: rope.original_context(),
            architecture,
        }
        .for_context(context_length))
    }

    /// For a cache of so many positions, which decides on LongRoPE's factors.
    pub fn for_context(mut self, context: usize) -> Config {
        self.long = context as f64 > self.original_context;
        self
    }

    /// Number of weights in the matrices that a token passes through.
    pub fn matmul_weights(&self) -> u64 {
        let [d, heads, kv_heads, dim, mlp, layers, vocab] = [
            self.width,
            self.heads,
            self.kv_heads,
            self.head_dim,
            self.mlp_width,
            self.layers.len(),
            self.vocab,
        ]
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

/// The rotations of a model, and what differs from layer to layer.
fn layers_of(
    keys: &Keys,
    rope: &RopeMetadata,
    sizes: [usize; 5],
) -> Result<(Vec<Rotation>, Vec<LayerConfig>)> {
    let [width, heads, head_dim, rotary, layers] = sizes;
    let Architecture { rope_style: style, windows, base_of_windows, rope_left_out, scores_by_width, .. } =
        keys.architecture;
    let (frequencies, amplitude) = rope.scaled(rope.base(), rotary)?;
    let mut rotations = vec![Rotation { frequencies, amplitude, style, head_dim }];
    // Where nothing is rotated the angles are zero.
    let none = Rotation { frequencies: vec![0.0; rotary / 2], amplitude: 1.0, style, head_dim };
    let trained = keys.meta.bool(&keys.key(keys::ROPE_TRAINED)) != Some(false);
    if !trained && keys.architecture.metadata.contains(&keys::ROPE_TRAINED) {
        rotations[0] = none.clone();
    }
    let window =
        keys.applied(keys::WINDOW)?.filter(|_| windows != Windows::None).map(|window| window as usize);
    if let Some(base) = base_of_windows.filter(|_| window.is_some()) {
        let frequencies = unscaled(rope.base_of_windows(base), rotary)?;
        rotations.push(Rotation { frequencies, amplitude, style, head_dim });
    }
    if rope_left_out.is_some() {
        rotations.push(none);
    }
    let of_head = match scores_by_width == Some(layers) {
        true => (width / heads) as f32,
        false => head_dim as f32,
    };
    let scale = keys.applied(keys::SCORE_SCALE)?.unwrap_or(1.0 / of_head.sqrt());
    let cap = keys.applied(keys::SCORE_CAP)?;
    let last = rotations.len() - 1;
    let layer = |(i, windowed): (usize, bool)| {
        let other = rope_left_out.is_some_and(|n| (i + 1) % n == 0) || base_of_windows.is_some() && windowed;
        let window = window.filter(|_| windowed);
        LayerConfig { rotation: if other { last } else { 0 }, attention: Attention { scale, cap, window } }
    };
    let windowed = keys.windowed(layers)?;
    Ok((rotations, windowed.into_iter().enumerate().map(layer).collect()))
}
