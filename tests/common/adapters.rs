//! Tiny LoRA adapters of random values for the tiny models, as llama.cpp's converter writes them.

use super::tiny::{self, MLP, WIDTH};
use lunette::gguf::{Value, Writer};
use lunette::quant::BlockType;

/// For each its fixture, its name, its rank, α, and the type of its matrices.
pub const ADAPTERS: [(&str, &str, u64, Option<f64>, BlockType); 4] = [
    ("llama", "wide", 8, Some(16.0), BlockType::F16),
    ("llama", "narrow", 3, None, BlockType::F32),
    ("qwen2", "wide", 8, Some(4.0), BlockType::F32),
    // Its matrices lie in one: `attn_qkv`, and gate and up in `ffn_up`.
    ("phi3", "joined", 4, Some(8.0), BlockType::F16),
];

/// What each changes: the tensor, its inputs, its outputs.
fn targets(name: &str) -> Vec<(&'static str, u64, u64)> {
    let (q, kv) = (256, 128);
    match name {
        "narrow" => vec![("attn_q", WIDTH, q), ("ffn_down", MLP, WIDTH)],
        "joined" => vec![
            ("attn_qkv", WIDTH, q + 2 * kv),
            ("attn_output", q, WIDTH),
            ("ffn_up", WIDTH, 2 * MLP),
            ("ffn_down", MLP, WIDTH),
        ],
        _ => vec![
            ("attn_q", WIDTH, q),
            ("attn_k", WIDTH, kv),
            ("attn_v", WIDTH, kv),
            ("attn_output", q, WIDTH),
            ("ffn_gate", WIDTH, MLP),
            ("ffn_up", WIDTH, MLP),
            ("ffn_down", MLP, WIDTH),
        ],
    }
}

/// The metadata of an adapter.
pub fn metadata(fixture: &str, name: &str) -> Writer {
    let text = |text: &str| Value::String(text.into());
    let mut header = Writer::default();
    header.set("general.architecture", text(fixture)).set("general.type", text("adapter"));
    header.set("general.name", text(name)).set("adapter.type", text("lora"));
    header
}

/// The file of an adapter.
pub fn file(fixture: &str, name: &str) -> Vec<u8> {
    let known = ADAPTERS.iter().find(|known| known.0 == fixture && known.1 == name);
    let (_, _, rank, alpha, block_type) = *known.expect("an adapter of the table");
    let mut header = metadata(fixture, name);
    if let Some(alpha) = alpha {
        header.set("adapter.lora.alpha", Value::Float(alpha));
    }
    let mut tensors = Vec::new();
    for layer in 0..2 {
        for (part, inputs, outputs) in targets(name) {
            let name = format!("blk.{layer}.{part}.weight");
            tensors.push((format!("{name}.lora_a"), vec![inputs, rank], block_type));
            tensors.push((format!("{name}.lora_b"), vec![rank, outputs], block_type));
        }
    }
    tiny::write(header, &tensors)
}
