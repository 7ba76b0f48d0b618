//! Hyper-parameters and the tensor table: a sound header in which some numbers lie.

use crate::file::{self, File};
use crate::limits::within;
use futures::future::LocalBoxFuture;
use lunette::engine::{Backend, LoadOptions, LoadPlan};
use lunette::gguf::Header;
use lunette::model::{Config, check_tensors};
use lunette::source::{ByteStream, MemoryStream, ModelBytes};
use lunette::{Result, Uninterrupted};
use std::future::ready;
use std::rc::Rc;

/// Positions in a block of the KV cache, and the bytes of its largest element.
const BLOCK: u64 = 16 * 4;

pub fn run(data: &[u8]) {
    let Ok((file, rest)) = file::lying(File::sound(), data) else { return };
    let bytes = file.bytes(rest);
    let header = within(8 << 20, 1.0, || Header::parse(&bytes));
    let Ok(Some(header)) = header else { return };
    let _ = header.check(Some(bytes.len() as u64));
    let checked = within(8 << 20, 1.0, || {
        let config = Config::from_header(&header)?;
        check_tensors(&header, &config)?;
        Ok::<_, lunette::Error>(config)
    });
    let Ok(config) = checked else { return };
    for rotation in &config.rotations {
        assert!(rotation.frequencies.iter().all(|angle| angle.is_finite()), "{config:?}");
        assert!(
            rotation.amplitude.is_finite() && 2 * rotation.frequencies.len() <= config.head_dim,
            "{config:?}"
        );
    }
    assert!(config.eps > 0.0 && config.eps.is_finite(), "{config:?}");
    // What is computed in 32 bits where the heap is a browser's.
    let (heads, kv, dim) = (config.heads as u64, config.kv_heads as u64, config.head_dim as u64);
    for bytes in [
        config.layers.len() as u64 * 2 * kv * dim * BLOCK,
        heads * dim * 128 * 4,
        config.mlp_width as u64 * 128 * 4,
        config.vocab as u64 * 32 * 4,
        config.width as u64 * 128 * 4,
    ] {
        assert!(bytes < 1 << 31, "{bytes} bytes: {config:?}");
    }
    assert!(config.matmul_weights() > 0);
    let options = LoadOptions { backend: Backend::Wasm, ..Default::default() };
    let model = OfUnknownSize(Rc::new(bytes));
    let plan = within(32 << 20, 2.0, || pollster::block_on(LoadPlan::new(&model, &options, &Uninterrupted)));
    if let Ok(plan) = plan {
        assert!(plan.memory.total >= plan.memory.weights && plan.memory.weights > 0, "{plan:?}");
        assert!(plan.context_length <= config.context_length, "{plan:?}");
    }
}

/// A file whose length nobody has said, so that its table is all there is to go by.
struct OfUnknownSize(Rc<Vec<u8>>);

impl ModelBytes for OfUnknownSize {
    fn parts(&self) -> usize {
        1
    }

    fn open(&self, _part: usize) -> LocalBoxFuture<'_, Result<Box<dyn ByteStream>>> {
        let stream: Box<dyn ByteStream> = Box::new(UnknownSize(MemoryStream::new(self.0.clone())));
        Box::pin(ready(Ok(stream)))
    }
}

struct UnknownSize(MemoryStream);

impl ByteStream for UnknownSize {
    fn size(&self) -> Option<u64> {
        None
    }

    fn next(&mut self) -> LocalBoxFuture<'_, Result<Option<Vec<u8>>>> {
        self.0.next()
    }
}
