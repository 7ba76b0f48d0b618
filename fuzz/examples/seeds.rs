//! Writes the seeds that are not text: `cargo run --package lunette-fuzz --example seeds`.

use lunette::gguf::{Value, Writer};
use lunette::quant::BlockType;
use std::fs;
use std::path::Path;

#[allow(dead_code)]
#[path = "../../tests/common/tiny.rs"]
mod tiny;

fn main() -> std::io::Result<()> {
    let mut sound = tiny::metadata();
    for (name, dims, kind) in tiny::tensors(BlockType::Q4_K) {
        sound.tensor(&name, &dims, kind);
    }
    let sound = sound.header();
    let mut older = sound.clone();
    older[4] = 2;

    let mut kinds = Writer::default();
    let text = |text: &str| Value::String(text.into());
    for (key, value) in [
        ("general.alignment", Value::Unsigned(64)),
        ("a", Value::Signed(-1)),
        ("b", Value::Signed(i64::MIN)),
        ("c", Value::Unsigned(u64::MAX)),
        ("d", Value::Float(f64::NAN)),
        ("e", Value::Bool(true)),
        ("f", Value::Array(vec![text("one"), text(""), text("drei")])),
        ("g", Value::Array(vec![Value::Unsigned(1), Value::Unsigned(1 << 40)])),
        ("h", Value::Array(vec![Value::Bool(false)])),
        ("i", Value::Array(Vec::new())),
    ] {
        kinds.set(key, value);
    }
    kinds.tensor("t", &[64, 2, 3, 1], BlockType::F16).tensor("u", &[1], BlockType::F32);

    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (name, bytes) in [
        ("container/llama.gguf", sound),
        ("container/version-2.gguf", older),
        ("container/kinds.gguf", kinds.header()),
        ("container/nothing.gguf", Writer::default().header()),
        // No lie, and a few.
        ("config/sound", vec![0]),
        ("load/sound", vec![0]),
    ] {
        fs::write(folder.join(name), bytes)?;
    }
    Ok(())
}
