//! The KV cache on the GPU.

use super::Gpu;
use super::buffer::Buffer;
use super::decide::Kernels;
use crate::model::{KvShape, KvType};
use crate::{Error, Result};

/// The shader file that packs and unpacks elements of a cache; f16 is packed in words, which any adapter can do.
pub(super) fn include(gpu: &Gpu) -> &'static str {
    match gpu.kv_type {
        KvType::F32 => "kv_f32",
        KvType::F16 if gpu.capabilities.kernels == Kernels::Independent => "kv_f16_software",
        KvType::F16 => "kv_f16",
    }
}

/// K and V of every layer, each `[blocks, kv_heads, block_len, head_dim]`: what one head reads of a block lies together.
pub struct KvBuffers {
    pub(super) shape: KvShape,
    pub(super) layers: Vec<(Buffer, Buffer)>,
}

impl Gpu {
    /// Whether a cache of this shape fits into the device's buffers, K and V of a layer into one each: to be asked before
    /// anything is fetched. The error says which context would fit.
    pub fn check_kv(&self, shape: &KvShape) -> Result<()> {
        fits(shape, self.kv_type, self.most_bytes())
    }

    /// The longest context that a cache of this shape, whatever its own length, can have on this device: whole blocks.
    pub fn longest_context(&self, shape: &KvShape) -> usize {
        longest(shape, self.kv_type, self.most_bytes())
    }
}

fn longest(shape: &KvShape, kv_type: KvType, most: u64) -> usize {
    let positions = usize::try_from(most / shape.position_bytes(kv_type).max(1)).unwrap_or(usize::MAX);
    positions / shape.block_len * shape.block_len
}

fn fits(shape: &KvShape, kv_type: KvType, most: u64) -> Result<()> {
    let (slots, heads, dim, size) = (shape.slots(), shape.kv_heads, shape.head_dim, kv_type.bytes());
    let bytes = shape.layer_bytes(kv_type);
    if bytes <= most {
        return Ok(());
    }
    let fit = longest(shape, kv_type, most);
    Err(Error::OutOfMemory(format!(
        "the keys of a layer take {slots} positions × {heads} heads × {dim} × {size} bytes = {} MiB, and this adapter's \
         buffers hold {} MiB; a context length of {fit} would fit",
        bytes >> 20,
        most >> 20
    )))
}

impl KvBuffers {
    pub async fn new(gpu: &Gpu, shape: KvShape) -> Result<KvBuffers> {
        gpu.check_kv(&shape)?;
        let bytes = shape.layer_bytes(gpu.kv_type);
        let mut layers = Vec::with_capacity(shape.layers);
        for _ in 0..shape.layers {
            let usage = wgpu::BufferUsages::STORAGE;
            let k = gpu.buffer_checked("the KV cache", bytes, usage).await?;
            let v = gpu.buffer_checked("the KV cache", bytes, usage).await?;
            layers.push((k, v));
        }
        Ok(KvBuffers { shape, layers })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_too_large_is_refused_with_the_length_that_fits() {
        let shape = |blocks| KvShape { layers: 32, kv_heads: 8, head_dim: 128, block_len: 16, blocks };
        // 128 MiB hold 65536 positions of Llama-3.1-8B in f16, half as many in f32.
        for (blocks, kv_type, fitting) in [
            (4096, KvType::F16, None),
            (4097, KvType::F16, Some(65536)),
            (8192, KvType::F16, Some(65536)),
            (2048, KvType::F32, None),
            (4096, KvType::F32, Some(32768)),
        ] {
            let answer = fits(&shape(blocks), kv_type, 128 << 20);
            let said = answer.err().map(|error| error.to_string());
            let expected = fitting.map(|n: u32| format!("a context length of {n} would fit"));
            assert_eq!(said.is_some(), expected.is_some(), "{blocks} {kv_type:?}");
            assert!(said.zip(expected).is_none_or(|(said, expected)| said.contains(&expected)));
        }
    }
}
