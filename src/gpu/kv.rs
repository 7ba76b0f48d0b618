//! The KV cache on the GPU.

use super::Gpu;
use super::buffer::Buffer;
use super::decide::Kernels;
use crate::model::{KvShape, KvType};
use crate::{Error, Result};
use std::ops::Range;

/// The shader file that packs and unpacks elements of a cache; f16 is packed in words, which any adapter can do.
pub(super) fn include(gpu: &Gpu) -> &'static str {
    match gpu.kv_type {
        KvType::F32 => "kv_f32",
        KvType::F16 if gpu.capabilities.kernels == Kernels::Independent => "kv_f16_software",
        KvType::F16 => "kv_f16",
    }
}

/// K and V of every layer, in parts that fit into the device's buffers: one, if it can be.
pub struct KvBuffers {
    pub(super) shape: KvShape,
    pub(super) layers: Vec<Vec<KvPart>>,
}

/// K and V of some KV heads of a layer, each `[blocks, heads, block_len, head_dim]`: what one head reads of a block lies
/// together.
pub(super) struct KvPart {
    /// The first of the heads.
    pub first: usize,
    pub heads: usize,
    pub keys: Buffer,
    pub values: Buffer,
}

impl Gpu {
    /// Whether a cache of this shape fits into the device's buffers, K and V of a head into one each: to be asked before
    /// anything is fetched. The error says which context would fit.
    pub fn check_kv(&self, shape: &KvShape) -> Result<()> {
        fits(shape, self.kv_type, self.most_bytes())
    }

    /// The longest context that a cache of this shape, whatever its own length, can have on this device: whole blocks.
    pub fn longest_context(&self, shape: &KvShape) -> usize {
        longest(shape, self.kv_type, self.most_bytes())
    }

    /// The buffers of a cache of this shape: how many, and the bytes of the largest.
    pub fn kv_buffers(&self, shape: &KvShape) -> (usize, u64) {
        let parts = parts(shape, self.kv_type, self.most_bytes());
        let most = parts.iter().map(ExactSizeIterator::len).max().unwrap_or(0);
        (2 * shape.layers * parts.len(), most as u64 * head_bytes(shape, self.kv_type))
    }
}

/// Bytes of the K, or the V, of one head of a layer.
fn head_bytes(shape: &KvShape, kv_type: KvType) -> u64 {
    KvShape { kv_heads: 1, ..*shape }.layer_bytes(kv_type)
}

/// The KV heads of a layer, shared out over as few buffers of at most `most` bytes as can hold them, and evenly: parts of
/// one size share their kernels. A head is never cut.
fn parts(shape: &KvShape, kv_type: KvType, most: u64) -> Vec<Range<usize>> {
    let fit = usize::try_from(most / head_bytes(shape, kv_type).max(1)).unwrap_or(usize::MAX);
    let count = shape.kv_heads.div_ceil(fit.max(1));
    let each = shape.kv_heads.div_ceil(count.max(1)).max(1);
    (0..shape.kv_heads).step_by(each).map(|first| first..(first + each).min(shape.kv_heads)).collect()
}

fn longest(shape: &KvShape, kv_type: KvType, most: u64) -> usize {
    let each = KvShape { kv_heads: 1, ..*shape }.position_bytes(kv_type);
    let positions = usize::try_from(most / each.max(1)).unwrap_or(usize::MAX);
    positions / shape.block_len * shape.block_len
}

fn fits(shape: &KvShape, kv_type: KvType, most: u64) -> Result<()> {
    let (slots, dim, size) = (shape.slots(), shape.head_dim, kv_type.bytes());
    let bytes = head_bytes(shape, kv_type);
    if bytes <= most {
        return Ok(());
    }
    let fit = longest(shape, kv_type, most);
    Err(Error::OutOfMemory(format!(
        "the keys of one head take {slots} positions × {dim} × {size} bytes = {} MiB, and this adapter's buffers hold {} \
         MiB; a context length of {fit} would fit",
        bytes >> 20,
        most >> 20
    )))
}

impl KvBuffers {
    pub async fn new(gpu: &Gpu, shape: KvShape) -> Result<KvBuffers> {
        gpu.check_kv(&shape)?;
        let each = head_bytes(&shape, gpu.kv_type);
        let mut layers = Vec::with_capacity(shape.layers);
        for _ in 0..shape.layers {
            let mut layer = Vec::new();
            for heads in parts(&shape, gpu.kv_type, gpu.most_bytes()) {
                let (bytes, usage) = (heads.len() as u64 * each, wgpu::BufferUsages::STORAGE);
                let keys = gpu.buffer_checked("the KV cache", bytes, usage).await?;
                let values = gpu.buffer_checked("the KV cache", bytes, usage).await?;
                layer.push(KvPart { first: heads.start, heads: heads.len(), keys, values });
            }
            layers.push(layer);
        }
        Ok(KvBuffers { shape, layers })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Llama-3.1-8B.
    fn shape(blocks: usize) -> KvShape {
        KvShape { layers: 32, kv_heads: 8, head_dim: 128, block_len: 16, blocks }
    }

    #[test]
    fn a_cache_too_large_is_refused_with_the_length_that_fits() {
        // 128 MiB hold 524288 positions of a head in f16, half as many in f32.
        for (blocks, kv_type, fitting) in [
            (32_768, KvType::F16, None),
            (32_769, KvType::F16, Some(524_288)),
            (65_536, KvType::F16, Some(524_288)),
            (16_384, KvType::F32, None),
            (32_768, KvType::F32, Some(262_144)),
        ] {
            let answer = fits(&shape(blocks), kv_type, 128 << 20);
            let said = answer.err().map(|error| error.to_string());
            let expected = fitting.map(|n: u32| format!("a context length of {n} would fit"));
            assert_eq!(said.is_some(), expected.is_some(), "{blocks} {kv_type:?}");
            assert!(said.zip(expected).is_none_or(|(said, expected)| said.contains(&expected)));
        }
    }

    #[test]
    fn heads_are_shared_out_evenly_over_as_few_buffers_as_hold_them() {
        let sizes = |kv_heads, most: u64| {
            // A head has 4 KiB.
            let shape = KvShape { layers: 1, kv_heads, head_dim: 128, block_len: 16, blocks: 1 };
            let parts = parts(&shape, KvType::F16, most << 10);
            assert!(parts.iter().flat_map(Clone::clone).eq(0..kv_heads));
            parts.iter().map(ExactSizeIterator::len).collect::<Vec<_>>()
        };
        for (kv_heads, most, expected) in [
            (8, 1 << 20, &[8][..]),
            (8, 32, &[8]),
            (8, 31, &[4, 4]),
            (8, 12, &[3, 3, 2]),
            (10, 16, &[4, 4, 2]),
            (5, 8, &[2, 2, 1]),
            (3, 4, &[1, 1, 1]),
            // Nothing fits: the least that can be named.
            (2, 3, &[1, 1]),
        ] {
            assert_eq!(sizes(kv_heads, most), expected, "{kv_heads} heads, {most} KiB");
        }
    }
}
