//! The backend `auto`: a software adapter is there and works, and is left alone.

mod common;
mod gpu_support;

use common::tiny;
use lunette::Uninterrupted;
use lunette::engine::{Backend, Engine, LoadOptions};
use lunette::gpu::KvType;
use lunette::quant::BlockType;
use lunette::source::MemoryModel;
use std::rc::Rc;

fn backend(backend: Backend) -> String {
    let model = Rc::new(MemoryModel::new(tiny::file(BlockType::Q8_0)));
    let options = LoadOptions { backend, ..LoadOptions::default() };
    let engine = pollster::block_on(Engine::load(model, &options, &mut |_| (), &Uninterrupted)).unwrap();
    engine.info().backend.backend.clone()
}

#[test]
fn auto_prefers_the_cpu_to_a_software_adapter() {
    // Points the loader at lavapipe where nothing else is asked for.
    let gpu = gpu_support::gpu(None, &[], KvType::F16);
    let expected = if gpu.is_software() { "wasm" } else { "webgpu" };
    assert_eq!(backend(Backend::Auto), expected, "with {}", gpu.adapter_name());
    assert_eq!(backend(Backend::Webgpu), "webgpu");
    assert_eq!(backend(Backend::Wasm), "wasm");
}
