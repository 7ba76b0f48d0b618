//! The tensors of an architecture: their names and shapes in a file, and their places in a model.

use super::config::Config;
use super::rope::{FACTORS, LONG_FACTORS, SHORT_FACTORS};
use super::transformer::{Adapted, Layer, Linear, Model};
use crate::gguf::{Header, TensorInfo};
use crate::quant::BlockType;
use crate::{Error, Result};
use std::collections::HashMap;

pub(super) const EMBEDDING: &str = "token_embd.weight";
const NORM: &str = "output_norm.weight";
pub(super) const OUTPUT: &str = "output.weight";

/// What stands behind the name of a bias.
pub(super) const BIAS: &str = ".bias";

/// The parts of a block whose matrices meet the same activations, in the order of a file that has them in one.
const QKV: [&str; 3] = ["attn_q", "attn_k", "attn_v"];
const GATE_UP: [&str; 2] = ["ffn_gate", "ffn_up"];
const HEAD_NORMS: [&str; 2] = ["attn_q_norm", "attn_k_norm"];
const NORMS_BEHIND: [&str; 2] = ["post_attention_norm", "post_ffw_norm"];

/// A tensor of a file, which has the rows of one weight of the model or of several.
pub(super) struct Wanted {
    pub rows: usize,
    pub cols: usize,
    /// Names and rows, from the first row on.
    pub weights: Vec<(String, usize)>,
}

/// Every tensor that a model needs, by its name in the file.
pub(super) type Tensors = HashMap<String, Wanted>;

fn weight(block: usize, part: &str) -> String {
    format!("blk.{block}.{part}.weight")
}

fn bias(block: usize, part: &str) -> String {
    format!("blk.{block}.{part}{BIAS}")
}

/// What stands behind the name of a weight for the matrices of its adapters.
pub(super) const ADAPTERS_A: &str = ".adapters_a";
pub(super) const ADAPTERS_B: &str = ".adapters_b";

/// Fails with the first tensor that the architecture needs and the file lacks or has in another shape.
pub fn check_tensors(header: &Header, config: &Config) -> Result<()> {
    expected(header, config).map(drop)
}

/// Every tensor that the architecture needs; each is checked against the file.
pub(super) fn expected(header: &Header, c: &Config) -> Result<Tensors> {
    let mut tensors = Tensors::new();
    let mut one = |name: String, shape| insert(&mut tensors, name, shape);
    one(EMBEDDING.into(), (c.vocab, c.width));
    one(NORM.into(), (1, c.width));
    if header.tensor(OUTPUT).is_some() {
        one(OUTPUT.into(), (c.vocab, c.width));
    }
    for i in 0..c.layers.len() {
        block(header, c, i, &mut tensors);
    }
    for (name, wanted) in &tensors {
        check(header, name, wanted)?;
    }
    for name in [FACTORS, LONG_FACTORS, SHORT_FACTORS] {
        let count = header.tensor(name).map(TensorInfo::elements);
        let needed = c.rotations[0].frequencies.len();
        if count.is_some_and(|count| count != needed as u64) {
            return Err(Error::InvalidModel(format!(
                "tensor \"{name}\" has {} values, where {needed} are needed",
                count.unwrap_or(0)
            )));
        }
    }
    // A model with more in its blocks is another than is computed here.
    let unread = |name: &&String| name.starts_with("blk.") && !tensors.contains_key(*name);
    if let Some(name) = header.tensors.iter().map(|tensor| &tensor.name).find(unread) {
        return Err(Error::InvalidModel(format!(
            "tensor \"{name}\" is no part of the architecture {} as it is read here: such a model is not supported",
            c.architecture.name
        )));
    }
    Ok(tensors)
}

/// A tensor that is one weight.
fn insert(tensors: &mut Tensors, name: String, (rows, cols): (usize, usize)) {
    let weights = vec![(name.clone(), rows)];
    tensors.insert(name, Wanted { rows, cols, weights });
}

/// The tensors of one block.
fn block(header: &Header, c: &Config, i: usize, tensors: &mut Tensors) {
    let (d, q, kv, mlp) = (c.width, c.heads * c.head_dim, c.kv_heads * c.head_dim, c.mlp_width);
    let mut one = |name: String, shape| insert(tensors, name, shape);
    for (part, shape) in
        [("attn_norm", (1, d)), ("attn_output", (d, q)), ("ffn_norm", (1, d)), ("ffn_down", (d, mlp))]
    {
        one(weight(i, part), shape);
    }
    let extra = c.architecture.tensors;
    if extra.head_norms {
        HEAD_NORMS.iter().for_each(|part| one(weight(i, part), (1, c.head_dim)));
    }
    if extra.norms_behind {
        NORMS_BEHIND.iter().for_each(|part| one(weight(i, part), (1, d)));
    }
    if header.tensor(&bias(i, QKV[0])).is_some() {
        QKV.iter().zip([q, kv, kv]).for_each(|(part, outputs)| one(bias(i, part), (1, outputs)));
    }
    let mut several = |name: &str, joined: bool, parts: &[(&str, usize)]| {
        let weights: Vec<_> = parts.iter().map(|(part, rows)| (weight(i, part), *rows)).collect();
        if joined {
            let rows = parts.iter().map(|(_, rows)| rows).sum();
            tensors.insert(weight(i, name), Wanted { rows, cols: d, weights });
        } else {
            weights.into_iter().for_each(|(name, rows)| insert(tensors, name, (rows, d)));
        }
    };
    let in_one = header.tensor(&weight(i, "attn_qkv")).is_some();
    several("attn_qkv", in_one, &[(QKV[0], q), (QKV[1], kv), (QKV[2], kv)]);
    several(GATE_UP[1], extra.gate_in_up, &GATE_UP.map(|part| (part, mlp)));
}

fn check(header: &Header, name: &str, Wanted { rows, cols, .. }: &Wanted) -> Result<()> {
    let tensor =
        header.tensor(name).ok_or_else(|| Error::InvalidModel(format!("tensor \"{name}\" is missing")))?;
    if tensor.matrix() != (*rows, *cols) {
        return Err(Error::InvalidModel(format!(
            "tensor \"{name}\" has shape {:?}, where {rows} × {cols} is needed",
            tensor.matrix()
        )));
    }
    tensor.addressable().map(drop)
}

/// A weight, its type and its rows, as a store is told of those that meet the same activations.
pub(super) type Together = (String, BlockType, usize);

/// The weights that meet the same activations, with their columns: Q, K and V of each block, their biases, gate and up.
pub(super) fn groups(header: &Header, c: &Config, tensors: &Tensors) -> Result<Vec<(Vec<Together>, usize)>> {
    let mut types = HashMap::new();
    for (name, wanted) in tensors {
        if let Some(tensor) = header.tensor(name) {
            for (weight, rows) in &wanted.weights {
                types.insert(&weight[..], (tensor.block_type()?, *rows, wanted.cols));
            }
        }
    }
    let mut groups = Vec::new();
    for i in 0..c.layers.len() {
        for parts in [&QKV[..], &GATE_UP] {
            let names = parts.iter().map(|part| weight(i, part));
            let of = |name: String| types.get(&name[..]).map(|&(kind, rows, _)| (name, kind, rows));
            groups.push((names.filter_map(of).collect(), c.width));
        }
        let names = QKV.iter().map(|part| bias(i, part));
        let of = |name: String| types.get(&name[..]).map(|&(_, _, cols)| (name, BlockType::F32, cols));
        groups.push((names.filter_map(of).collect(), 1));
    }
    Ok(groups)
}

/// Puts the weights in their places.
pub(super) fn assemble<W>(config: &Config, mut weights: HashMap<String, W>) -> Result<Model<W>> {
    let output = weights.remove(OUTPUT);
    let mut take = |name: String| {
        weights.remove(&name).ok_or_else(|| Error::InvalidModel(format!("tensor \"{name}\" did not arrive")))
    };
    let mut layers = Vec::with_capacity(config.layers.len());
    for i in 0..config.layers.len() {
        let mut head_norms = None;
        let (mut attention_norm_behind, mut mlp_norm_behind) = (None, None);
        let extra = config.architecture.tensors;
        let mut linear = |part: &str| -> Result<Linear<W>> {
            let name = weight(i, part);
            let [a, b] = [ADAPTERS_A, ADAPTERS_B].map(|end| take(format!("{name}{end}")).ok());
            let adapters = a.zip(b).map(|(a, b)| Adapted { a, b, width: config.adapters.width() });
            Ok(Linear { w: take(name)?, bias: take(bias(i, part)).ok(), adapters })
        };
        let [q, k, v] = QKV.map(&mut linear);
        let [gate, up] = GATE_UP.map(&mut linear);
        let [o, down] = ["attn_output", "ffn_down"].map(&mut linear);
        let mut part = |name: &str| take(weight(i, name));
        if extra.head_norms {
            let [q, k] = HEAD_NORMS.map(&mut part);
            head_norms = Some([q?, k?]);
        }
        if extra.norms_behind {
            let [attention, mlp] = NORMS_BEHIND.map(&mut part);
            (attention_norm_behind, mlp_norm_behind) = (Some(attention?), Some(mlp?));
        }
        layers.push(Layer {
            attention_norm: part("attn_norm")?,
            q: q?,
            k: k?,
            v: v?,
            head_norms,
            o: o?,
            attention_norm_behind,
            mlp_norm: part("ffn_norm")?,
            gate: gate?,
            up: up?,
            down: down?,
            mlp_norm_behind,
        });
    }
    Ok(Model {
        config: config.clone(),
        embedding: take(EMBEDDING.into())?,
        layers,
        norm: take(NORM.into())?,
        output,
        rotations: config.rotations.clone(),
    })
}
