//! `adapter`: what the Vulkan adapter of this machine is and offers, as one JSON object.

mod common;

use common::fail;
use lunette::gpu::{Gpu, GpuOptions};
use serde_json::json;

fn main() {
    let gpu =
        pollster::block_on(Gpu::request(&GpuOptions::default())).unwrap_or_else(|e| fail(&e.to_string()));
    let (buffer, binding) = gpu.buffer_limits();
    println!(
        "{}",
        json!({
            "adapter": gpu.adapter_name(), "software": gpu.is_software(), "capabilities": gpu.capabilities(),
            "maxBufferSize": buffer, "maxStorageBufferBindingSize": binding,
        })
    );
}
