//! The KV cache on the GPU.

use super::Gpu;
use crate::model::KvShape;
use crate::{Error, Result};

/// How the elements of the KV cache are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum KvType {
    F32,
    /// Packed in words: no adapter has to know f16.
    #[default]
    F16,
}

impl KvType {
    pub fn bytes(self) -> usize {
        match self {
            KvType::F32 => 4,
            KvType::F16 => 2,
        }
    }

    /// The shader file that packs and unpacks it.
    pub(super) fn include(self) -> &'static str {
        match self {
            KvType::F32 => "kv_f32",
            KvType::F16 => "kv_f16",
        }
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
