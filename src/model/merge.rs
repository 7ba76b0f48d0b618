//! A model with a LoRA adapter merged into its weights, as a file that other engines load too.
//!
//! Row by row `W + s · α/r · B A` is computed from the dequantized weights and quantized again; matrices that the adapter
//! leaves alone are copied, unless their type changes. No tensor is held whole.

use super::adapter::{Adapter, Adapters};
use super::config::Config;
use super::incoming::Incoming;
use super::load::{Phase, Progress};
use super::tensors::{EMBEDDING, OUTPUT};
use crate::gguf::{Data, Header, TensorInfo, Value, Writer};
use crate::quant::BlockType;
use crate::source::ModelBytes;
use crate::{Control, Error, Result, checkpoint};
use std::io::Write;
use std::rc::Rc;

/// The types that the matrices of a merged model have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(non_camel_case_types)]
pub enum Recipe {
    /// Each its own.
    AsTheBase,
    F16,
    Q8_0,
    /// llama.cpp's mix: Q6_K for the output matrix and for half of the values' and down matrices, else Q4_K.
    Q4_K_M,
}

/// Elements that are computed at a time.
const PIECE: usize = 1 << 20;
/// Bytes that are copied at a time.
const COPIED: usize = 4 << 20;

/// Writes `base` with `scale` times what `adapter` adds. Fails as a load does where the two do not belong together.
pub async fn merge<W: Write>(
    base: &dyn ModelBytes,
    adapter: Rc<Adapter>,
    scale: f32,
    recipe: Recipe,
    out: W,
    progress: &mut dyn FnMut(Progress),
    control: &dyn Control,
) -> Result<W> {
    let (header, mut incoming) = Incoming::headers(base).await?;
    let config = Config::from_header(&header)?.with_adapters(&header, &[adapter])?;
    let mut writer = Writer::default();
    writer.copy(&header.metadata);
    let names = [
        header.metadata.str("general.name").map(str::to_string),
        config.adapters.names().next().map(Into::into),
    ];
    writer
        .replace("general.name", Value::String(names.into_iter().flatten().collect::<Vec<_>>().join(" + ")));
    if let Some(number) = recipe.file_type() {
        writer.replace("general.file_type", Value::Unsigned(number));
        writer.replace("general.quantization_version", Value::Unsigned(2));
    }
    for tensor in &header.tensors {
        writer.tensor(&tensor.name, &tensor.dims, recipe.of(tensor, &header, &config)?);
    }
    let mut data = writer.start(out).map_err(unwritable)?;
    for tensor in &header.tensors {
        incoming.part(tensor.part).await?.skip_to(tensor.offset, &tensor.name).await?;
        let to = recipe.of(tensor, &header, &config)?;
        let merging = Merging { tensor, to, scale, adapters: &config.adapters };
        match to == tensor.block_type()? && !config.adapters.change(&tensor.name) {
            true => merging.copy(&mut incoming, &mut data).await?,
            false => merging.compute(&mut incoming, &mut data, control).await?,
        }
        progress(Progress { phase: Phase::Download, loaded: incoming.loaded(), total: incoming.total() });
        checkpoint(control).await?;
    }
    data.finish().map_err(unwritable)
}

/// One tensor.
struct Merging<'a> {
    tensor: &'a TensorInfo,
    to: BlockType,
    scale: f32,
    adapters: &'a Adapters,
}

impl Merging<'_> {
    async fn copy<W: Write>(&self, incoming: &mut Incoming<'_>, data: &mut Data<W>) -> Result<()> {
        let mut left = self.tensor.bytes()?;
        while left > 0 {
            let n = left.min(COPIED as u64) as usize;
            let feed = incoming.part(self.tensor.part).await?;
            feed.require(n, &self.tensor.name).await?;
            data.write(&feed.available()[..n]).map_err(unwritable)?;
            feed.consume(n);
            left -= n as u64;
        }
        Ok(())
    }

    async fn compute<W: Write>(
        &self,
        incoming: &mut Incoming<'_>,
        data: &mut Data<W>,
        control: &dyn Control,
    ) -> Result<()> {
        let (from, (rows, cols)) = (self.tensor.block_type()?, self.tensor.matrix());
        let thin = match self.adapters.change(&self.tensor.name) {
            true => Some((
                self.adapters.a(&self.tensor.name, cols)?,
                self.adapters.b(&self.tensor.name, 0, rows)?,
            )),
            false => None,
        };
        let most = (PIECE / cols).max(1);
        let mut values = vec![0.0; most.min(rows) * cols];
        for first in (0..rows).step_by(most) {
            let count = most.min(rows - first);
            let values = &mut values[..count * cols];
            let bytes = from.bytes_of(values.len());
            let feed = incoming.part(self.tensor.part).await?;
            feed.require(bytes, &self.tensor.name).await?;
            from.dequantize(&feed.available()[..bytes], values);
            feed.consume(bytes);
            if let Some((a, b)) = &thin {
                let columns = self.adapters.columns();
                self.add(values, cols, a, &b[first * columns..][..count * columns]);
            }
            data.write(&self.to.quantize(values)).map_err(unwritable)?;
            checkpoint(control).await?;
        }
        Ok(())
    }

    /// Adds `scale · B A` to rows of `W`.
    fn add(&self, values: &mut [f32], cols: usize, a: &[f32], b: &[f32]) {
        for (row, factors) in values.chunks_exact_mut(cols).zip(b.chunks_exact(self.adapters.columns())) {
            for (factor, thin) in
                factors.iter().zip(a.chunks_exact(cols)).filter(|(factor, _)| **factor != 0.0)
            {
                row.iter_mut().zip(thin).for_each(|(v, a)| *v += self.scale * factor * a);
            }
        }
    }
}

impl Recipe {
    /// llama.cpp's number for it, `general.file_type`.
    fn file_type(self) -> Option<u64> {
        match self {
            Recipe::AsTheBase => None,
            Recipe::F16 => Some(1),
            Recipe::Q8_0 => Some(7),
            Recipe::Q4_K_M => Some(15),
        }
    }

    /// The type of a tensor. Vectors, and what no block type divides, stay as they are.
    fn of(self, tensor: &TensorInfo, header: &Header, config: &Config) -> Result<BlockType> {
        let (own, (rows, cols)) = (tensor.block_type()?, tensor.matrix());
        if rows == 1 || !tensor.name.ends_with(".weight") {
            return Ok(own);
        }
        let wanted = match self {
            Recipe::AsTheBase => own,
            Recipe::F16 => BlockType::F16,
            Recipe::Q8_0 => BlockType::Q8_0,
            Recipe::Q4_K_M => mixed(&tensor.name, header, config.layers.len()),
        };
        let fits = |block_type: &BlockType| cols % block_type.block_len() == 0;
        let instead = match wanted {
            BlockType::Q4_K => BlockType::Q5_0,
            BlockType::Q5_K => BlockType::Q5_1,
            _ => BlockType::Q8_0,
        };
        Ok([wanted, instead, BlockType::F16].into_iter().find(fits).unwrap_or(own))
    }
}

/// The type of a matrix in llama.cpp's `Q4_K_M`.
fn mixed(name: &str, header: &Header, layers: usize) -> BlockType {
    let last = if header.tensor(OUTPUT).is_some() { OUTPUT } else { EMBEDDING };
    let layer = name.split('.').nth(1).and_then(|layer| layer.parse::<usize>().ok());
    // The first and the last eighth of the layers, and every third of those between.
    let more = |i: usize| i < layers / 8 || i >= 7 * layers / 8 || (i - layers / 8) % 3 == 2;
    let part = |part: &str| name.ends_with(&format!(".{part}.weight"));
    match layer {
        None if name == last => BlockType::Q6_K,
        Some(i) if (part("attn_v") || part("ffn_down")) && more(i) => BlockType::Q6_K,
        Some(_) if part("attn_qkv") => BlockType::Q5_K,
        _ => BlockType::Q4_K,
    }
}

fn unwritable(error: std::io::Error) -> Error {
    Error::Source(format!("the merged model cannot be written: {error}"))
}
