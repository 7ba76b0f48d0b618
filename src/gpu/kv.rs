//! The KV cache on the GPU.

use super::Gpu;
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
pub(super) struct KvBuffers {
    pub shape: KvShape,
    pub layers: Vec<(wgpu::Buffer, wgpu::Buffer)>,
}

impl KvBuffers {
    pub(super) async fn new(gpu: &Gpu, shape: KvShape) -> Result<KvBuffers> {
        let bytes = (shape.layer_len() * gpu.kv_type.bytes()) as u64;
        let most = gpu.limits.max_storage_buffer_binding_size.min(gpu.limits.max_buffer_size);
        if bytes > most {
            return Err(Error::OutOfMemory(format!(
                "the keys of {} positions take {} MiB a layer, and its buffers hold {} MiB",
                shape.slots(),
                bytes >> 20,
                most >> 20
            )));
        }
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
