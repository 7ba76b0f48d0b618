//! Streaming a model into a backend: one pass over the file, no tensor held whole.

use super::config::Config;
use super::incoming::Incoming;
use super::llama::{Layer, Llama};
use super::ops::{CHUNK_BLOCKS, WeightStore};
use crate::gguf::{Header, TensorInfo};
use crate::quant::BlockType;
use crate::source::Feed;
use crate::{Control, Error, Result, checkpoint};
use std::collections::HashMap;

/// How far a load has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Progress {
    pub phase: Phase,
    /// Bytes of the file read so far, or pipelines compiled.
    pub loaded: u64,
    pub total: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Bytes arrive and go to the backend.
    Download,
    /// Kernels are compiled.
    Compile,
    Ready,
}

/// Bytes that go to a backend at a time.
const CHUNK_BYTES: usize = 4 << 20;

/// The allocated weights of a model, before their bytes arrive.
pub struct Room<W> {
    weights: HashMap<String, W>,
    frequencies: W,
}

/// Makes room for all weights. Of the file no more than its header is needed.
pub fn allocate<S: WeightStore>(header: &Header, config: &Config, store: &mut S) -> Result<Room<S::Weight>> {
    let shapes = expected(header, config)?;
    group(header, config, store)?;
    let mut weights = HashMap::new();
    for tensor in header.tensors.iter().filter(|tensor| shapes.contains_key(&tensor.name)) {
        let (rows, cols) = tensor.matrix();
        let block_type = if rows == 1 { BlockType::F32 } else { tensor.block_type()? };
        // A bias is a column, so that those of matrices that lie one behind the other can lie so too.
        let (rows, cols) = if tensor.name.ends_with(BIAS) { (cols, 1) } else { (rows, cols) };
        weights.insert(tensor.name.clone(), store.allocate(&tensor.name, block_type, rows, cols)?);
    }
    let frequencies = store.allocate("rope frequencies", BlockType::F32, 1, config.frequencies.len())?;
    Ok(Room { weights, frequencies })
}

/// A model with all of its shapes and none of its values, for planning.
pub fn outline<S: WeightStore>(header: &Header, config: &Config, store: &mut S) -> Result<Llama<S::Weight>> {
    let Room { weights, mut frequencies } = allocate(header, config, store)?;
    store.write(&mut frequencies, 0, bytemuck::cast_slice(&config.frequencies))?;
    assemble(config, weights, frequencies)
}

/// Makes room for the weights of a Llama model in `store`, and streams them there.
pub async fn load<S: WeightStore>(
    header: &Header,
    config: &Config,
    incoming: &mut Incoming<'_>,
    store: &mut S,
    progress: &mut dyn FnMut(Progress),
    control: &dyn Control,
) -> Result<Llama<S::Weight>> {
    let room = allocate(header, config, store)?;
    store.settle().await?;
    fill(config, room, header, incoming, store, progress, control).await
}

/// Streams the weights of a Llama model into the room that [`allocate`] made for them.
pub async fn fill<S: WeightStore>(
    config: &Config,
    room: Room<S::Weight>,
    header: &Header,
    incoming: &mut Incoming<'_>,
    store: &mut S,
    progress: &mut dyn FnMut(Progress),
    control: &dyn Control,
) -> Result<Llama<S::Weight>> {
    let Room { mut weights, frequencies: mut rotations } = room;
    let mut frequencies = config.frequencies.clone();
    for tensor in &header.tensors {
        let feed = incoming.part(tensor.part).await?;
        feed.skip_to(tensor.offset, &tensor.name).await?;
        if tensor.name == ROPE_FACTORS {
            scale(&mut frequencies, &small(tensor, feed).await?)?;
        } else if let Some(weight) = weights.get_mut(&tensor.name) {
            match tensor.matrix() {
                (1, _) => store.write(weight, 0, bytemuck::cast_slice(&small(tensor, feed).await?))?,
                _ => matrix(tensor, weight, incoming, store, progress, control).await?,
            }
        }
        progress(arrived(incoming));
        checkpoint(control).await?;
    }
    store.write(&mut rotations, 0, bytemuck::cast_slice(&frequencies))?;
    assemble(config, weights, rotations)
}

fn arrived(incoming: &Incoming) -> Progress {
    Progress { phase: Phase::Download, loaded: incoming.loaded(), total: incoming.total() }
}

/// Tells the store which matrices meet the same activations.
fn group<S: WeightStore>(header: &Header, config: &Config, store: &mut S) -> Result<()> {
    for i in 0..config.layers {
        for parts in [&["attn_q", "attn_k", "attn_v"][..], &["ffn_gate", "ffn_up"]] {
            let tensors = parts.iter().filter_map(|part| header.tensor(&format!("blk.{i}.{part}.weight")));
            let tensors = tensors.map(|t| Ok((&t.name[..], t.block_type()?, t.matrix().0)));
            store.together(&tensors.collect::<Result<Vec<_>>>()?, config.width);
        }
        let biases = BIASED.map(|part| format!("blk.{i}.{part}{BIAS}"));
        let tensors = biases.iter().filter_map(|name| header.tensor(name));
        let columns: Vec<_> = tensors.map(|t| (&t.name[..], BlockType::F32, t.matrix().1)).collect();
        store.together(&columns, 1);
    }
    Ok(())
}

/// A matrix, piece by piece.
async fn matrix<S: WeightStore>(
    tensor: &TensorInfo,
    weight: &mut S::Weight,
    incoming: &mut Incoming<'_>,
    store: &mut S,
    progress: &mut dyn FnMut(Progress),
    control: &dyn Control,
) -> Result<()> {
    let granule = CHUNK_BLOCKS * tensor.block_type()?.block_bytes();
    let total = addressable(tensor)?;
    let mut offset = 0;
    while offset < total {
        let n = (CHUNK_BYTES / granule * granule).min(total - offset);
        let feed = incoming.part(tensor.part).await?;
        feed.require(n, &tensor.name).await?;
        store.write(weight, offset, &feed.available()[..n])?;
        feed.consume(n);
        offset += n;
        if offset < total {
            progress(arrived(incoming));
            checkpoint(control).await?;
        }
    }
    Ok(())
}

/// A vector as `f32`, whatever its type in the file: it is too small to be worth a kernel of its own.
async fn small(tensor: &TensorInfo, feed: &mut Feed) -> Result<Vec<f32>> {
    let bytes = addressable(tensor)?;
    feed.require(bytes, &tensor.name).await?;
    let mut values = vec![0.0; tensor.elements() as usize];
    tensor.block_type()?.dequantize(&feed.available()[..bytes], &mut values);
    feed.consume(bytes);
    Ok(values)
}

/// Llama 3's rope factors: each angle is divided by its own.
const ROPE_FACTORS: &str = "rope_freqs.weight";

fn scale(frequencies: &mut [f32], factors: &[f32]) -> Result<()> {
    let usable = factors.iter().all(|f| f.is_finite() && *f > 0.0);
    frequencies.iter_mut().zip(factors).for_each(|(angle, factor)| *angle /= factor);
    match usable && frequencies.iter().all(|angle| angle.is_finite()) {
        true => Ok(()),
        false => Err(Error::InvalidModel(format!("tensor \"{ROPE_FACTORS}\" has unusable values"))),
    }
}

/// Bytes of a tensor, where it can be addressed: numbers of 32 bits, as WebAssembly has them, end at 4 GiB.
fn addressable(tensor: &TensorInfo) -> Result<usize> {
    let (bytes, elements) = (tensor.bytes()?, tensor.elements());
    match (usize::try_from(bytes), usize::try_from(elements)) {
        (Ok(bytes), Ok(_)) => Ok(bytes),
        _ => Err(Error::OutOfMemory(format!(
            "tensor \"{}\" has {elements} weights in {bytes} bytes, and WebAssembly counts up to {} of either",
            tensor.name,
            usize::MAX
        ))),
    }
}

const OUTPUT: &str = "output.weight";
const BIAS: &str = ".bias";
/// What has biases where an architecture has any.
const BIASED: [&str; 3] = ["attn_q", "attn_k", "attn_v"];

/// Fails with the first tensor that the architecture needs and the file lacks or has in another shape.
pub fn check_tensors(header: &Header, config: &Config) -> Result<()> {
    expected(header, config).map(drop)
}

/// Every tensor that the architecture needs, with its shape `(rows, cols)`; each is checked against the file.
fn expected(header: &Header, c: &Config) -> Result<HashMap<String, (usize, usize)>> {
    let (d, q, kv) = (c.width, c.heads * c.head_dim, c.kv_heads * c.head_dim);
    let mut shapes =
        HashMap::from([("token_embd.weight".into(), (c.vocab, d)), ("output_norm.weight".into(), (1, d))]);
    if header.tensor(OUTPUT).is_some() {
        shapes.insert(OUTPUT.into(), (c.vocab, d));
    }
    for i in 0..c.layers {
        for (part, shape) in [
            ("attn_norm", (1, d)),
            ("attn_q", (q, d)),
            ("attn_k", (kv, d)),
            ("attn_v", (kv, d)),
            ("attn_output", (d, q)),
            ("ffn_norm", (1, d)),
            ("ffn_gate", (c.mlp_width, d)),
            ("ffn_up", (c.mlp_width, d)),
            ("ffn_down", (d, c.mlp_width)),
        ] {
            shapes.insert(format!("blk.{i}.{part}.weight"), shape);
        }
        if c.architecture.biases {
            for (part, outputs) in BIASED.into_iter().zip([q, kv, kv]) {
                shapes.insert(format!("blk.{i}.{part}{BIAS}"), (1, outputs));
            }
        }
    }
    for (name, &(rows, cols)) in &shapes {
        let tensor = header
            .tensor(name)
            .ok_or_else(|| Error::InvalidModel(format!("tensor \"{name}\" is missing")))?;
        if tensor.matrix() != (rows, cols) {
            return Err(Error::InvalidModel(format!(
                "tensor \"{name}\" has shape {:?}, where {rows} × {cols} is needed",
                tensor.matrix()
            )));
        }
        addressable(tensor)?;
    }
    if let Some(factors) = header.tensor(ROPE_FACTORS)
        && factors.elements() != c.frequencies.len() as u64
    {
        return Err(Error::InvalidModel(format!(
            "tensor \"{ROPE_FACTORS}\" has {} values, where {} are needed",
            factors.elements(),
            c.frequencies.len()
        )));
    }
    // A model with more in its blocks is another than is computed here.
    let unread = |name: &&String| name.starts_with("blk.") && !shapes.contains_key(*name);
    if let Some(name) = header.tensors.iter().map(|tensor| &tensor.name).find(unread) {
        return Err(Error::InvalidModel(format!(
            "tensor \"{name}\" is no part of the architecture {} as it is read here: such a model is not supported",
            c.architecture.name
        )));
    }
    Ok(shapes)
}

fn assemble<W>(config: &Config, mut weights: HashMap<String, W>, frequencies: W) -> Result<Llama<W>> {
    let mut take = |name: &str| {
        weights.remove(name).ok_or_else(|| Error::InvalidModel(format!("tensor \"{name}\" did not arrive")))
    };
    let mut layers = Vec::with_capacity(config.layers);
    for i in 0..config.layers {
        let biases = match config.architecture.biases {
            true => {
                let [q, k, v] = BIASED.map(|part| take(&format!("blk.{i}.{part}{BIAS}")));
                Some([q?, k?, v?])
            }
            false => None,
        };
        let mut part = |name: &str| take(&format!("blk.{i}.{name}.weight"));
        layers.push(Layer {
            attention_norm: part("attn_norm")?,
            q: part("attn_q")?,
            k: part("attn_k")?,
            v: part("attn_v")?,
            biases,
            o: part("attn_output")?,
            mlp_norm: part("ffn_norm")?,
            gate: part("ffn_gate")?,
            up: part("ffn_up")?,
            down: part("ffn_down")?,
        });
    }
    Ok(Llama {
        config: config.clone(),
        embedding: take("token_embd.weight")?,
        layers,
        norm: take("output_norm.weight")?,
        output: take(OUTPUT).ok(),
        frequencies,
    })
}
