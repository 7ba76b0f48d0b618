//! Streaming a model into a backend: one pass over the file, no tensor held whole.

use super::beside::beside;
use super::config::Config;
use super::incoming::Incoming;
use super::ops::{CHUNK_BLOCKS, WeightStore};
use super::rope;
use super::tensors::{BIAS, Tensors, assemble, expected, groups};
use super::transformer::Model;
use crate::gguf::{Header, TensorInfo};
use crate::quant::BlockType;
use crate::source::Feed;
use crate::{Control, Result, checkpoint};
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
    tensors: Tensors,
}

/// Makes room for all weights. Of the file no more than its header is needed.
pub fn allocate<S: WeightStore>(header: &Header, config: &Config, store: &mut S) -> Result<Room<S::Weight>> {
    let tensors = expected(header, config)?;
    for (group, cols) in groups(header, config, &tensors)? {
        let group: Vec<_> = group.iter().map(|(name, kind, rows)| (&name[..], *kind, *rows)).collect();
        store.together(&group, cols);
    }
    let mut weights = HashMap::new();
    for tensor in &header.tensors {
        let Some(wanted) = tensors.get(&tensor.name) else { continue };
        let block_type = if wanted.rows == 1 { BlockType::F32 } else { tensor.block_type()? };
        for (name, rows) in &wanted.weights {
            // A bias is a column, so that those of matrices that lie one behind the other can lie so too.
            let (rows, cols) = if name.ends_with(BIAS) { (wanted.cols, 1) } else { (*rows, wanted.cols) };
            weights.insert(name.clone(), store.allocate(name, block_type, rows, cols)?);
        }
    }
    let columns = config.adapters.columns();
    for beside in beside(&config.adapters, &tensors) {
        let [a, b] = beside.names;
        let shapes = [(columns, beside.cols), (beside.rows, columns)];
        for (name, (rows, cols)) in [a, b].into_iter().zip(shapes) {
            let weight = store.allocate(&name, BlockType::F32, rows, cols)?;
            weights.insert(name, weight);
        }
    }
    Ok(Room { weights, tensors })
}

/// A model with all of its shapes and none of its values, for planning.
pub fn outline<S: WeightStore>(header: &Header, config: &Config, store: &mut S) -> Result<Model<S::Weight>> {
    assemble(config, allocate(header, config, store)?.weights)
}

/// Makes room for the weights of a model in `store`, and streams them there.
pub async fn load<S: WeightStore>(
    header: &Header,
    config: &Config,
    incoming: &mut Incoming<'_>,
    store: &mut S,
    progress: &mut dyn FnMut(Progress),
    control: &dyn Control,
) -> Result<Model<S::Weight>> {
    let room = allocate(header, config, store)?;
    store.settle().await?;
    fill(config, room, header, incoming, store, progress, control).await
}

/// Streams the weights of a model into the room that [`allocate`] made for them.
pub async fn fill<S: WeightStore>(
    config: &Config,
    room: Room<S::Weight>,
    header: &Header,
    incoming: &mut Incoming<'_>,
    store: &mut S,
    progress: &mut dyn FnMut(Progress),
    control: &dyn Control,
) -> Result<Model<S::Weight>> {
    let Room { mut weights, tensors } = room;
    let factors = rope::factors(header, config.long);
    let mut of_angles = None;
    for tensor in &header.tensors {
        let feed = incoming.part(tensor.part).await?;
        feed.skip_to(tensor.offset, &tensor.name).await?;
        if Some(&tensor.name[..]) == factors {
            of_angles = Some(small(tensor, feed).await?);
        }
        for (name, rows) in tensors.get(&tensor.name).into_iter().flat_map(|wanted| &wanted.weights) {
            let Some(weight) = weights.get_mut(name) else { continue };
            match tensor.matrix() {
                (1, _) => {
                    let feed = incoming.part(tensor.part).await?;
                    store.write(weight, 0, bytemuck::cast_slice(&small(tensor, feed).await?))?;
                }
                _ => matrix(tensor, *rows, weight, incoming, store, progress, control).await?,
            }
        }
        progress(arrived(incoming));
        checkpoint(control).await?;
    }
    for beside in beside(&config.adapters, &tensors) {
        let values = [
            config.adapters.a(&beside.tensor, beside.cols)?,
            config.adapters.b(&beside.tensor, beside.first, beside.rows)?,
        ];
        for (name, values) in beside.names.iter().zip(values) {
            let Some(weight) = weights.get_mut(name) else { continue };
            store.write(weight, 0, bytemuck::cast_slice(&values))?;
        }
        checkpoint(control).await?;
    }
    let mut model = assemble(config, weights)?;
    if let (Some(name), Some(values)) = (factors, of_angles) {
        model.rotations[0].divide(&values, name)?;
    }
    Ok(model)
}

fn arrived(incoming: &Incoming) -> Progress {
    Progress { phase: Phase::Download, loaded: incoming.loaded(), total: incoming.total() }
}

/// The next rows of a matrix, piece by piece.
async fn matrix<S: WeightStore>(
    tensor: &TensorInfo,
    rows: usize,
    weight: &mut S::Weight,
    incoming: &mut Incoming<'_>,
    store: &mut S,
    progress: &mut dyn FnMut(Progress),
    control: &dyn Control,
) -> Result<()> {
    let granule = CHUNK_BLOCKS * tensor.block_type()?.block_bytes();
    // A row has whole blocks.
    let total = tensor.addressable()? / tensor.matrix().0 * rows;
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
    let bytes = tensor.addressable()?;
    feed.require(bytes, &tensor.name).await?;
    let mut values = vec![0.0; tensor.elements() as usize];
    tensor.block_type()?.dequantize(&feed.available()[..bytes], &mut values);
    feed.consume(bytes);
    Ok(values)
}
