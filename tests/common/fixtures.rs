//! Tiny models of every architecture, and of what one may do in several ways.

use super::tiny::{self, MLP, SPECIALS, WIDTH};
use lunette::gguf::{Value, Writer};
use lunette::quant::BlockType;

/// Names, each of an architecture and perhaps of what is special about it.
pub const FIXTURES: [&str; 15] = [
    "llama",
    "llama+linear",
    "llama+factors",
    "qwen2",
    "qwen2+yarn",
    "qwen3",
    "gemma",
    "gemma2",
    "gemma3",
    "gemma3+pattern",
    "phi3",
    "phi3+long",
    "granite",
    "granite+unrotated",
    "smollm3",
];

type Tensor = (String, Vec<u64>, BlockType);

/// The model of a fixture.
pub fn file(fixture: &str, block_type: BlockType) -> Vec<u8> {
    let architecture = fixture.split('+').next().unwrap_or(fixture);
    let (layers, own) = metadata(fixture);
    let mut header = Writer::default();
    for (key, value) in tiny::keys() {
        let key = key.strip_prefix("llama.").map_or(key.clone(), |key| format!("{architecture}.{key}"));
        let value = match &key[..] {
            "general.architecture" => Value::String(architecture.into()),
            // llama.cpp takes no empty list, and what is merged must be a token: in the last special one's place.
            "tokenizer.ggml.merges" => Value::Array(vec![Value::String("a b".into())]),
            "tokenizer.ggml.tokens" => replaced(value, Value::String("ab".into())),
            "tokenizer.ggml.token_type" => replaced(value, Value::Signed(1)),
            _ if key.ends_with(".block_count") => Value::Unsigned(layers),
            _ => value,
        };
        header.set(&key, value);
    }
    for (key, value) in own {
        header.set(&format!("{architecture}.{key}"), value);
    }
    tiny::write(header, &tensors(fixture, layers, block_type))
}

fn replaced(list: Value, last: Value) -> Value {
    let Value::Array(mut items) = list else { unreachable!("the keys above hold lists") };
    items[SPECIALS.len() - 1] = last;
    Value::Array(items)
}

/// How many layers a fixture has, and its own metadata. Prompts are longer than its windows.
fn metadata(fixture: &str) -> (u64, Vec<(&'static str, Value)>) {
    let (number, float) = (Value::Unsigned, Value::Float);
    let text = |text: &str| Value::String(text.into());
    match fixture {
        "llama+linear" => {
            (2, vec![("rope.scaling.type", text("linear")), ("rope.scaling.factor", float(4.0))])
        }
        "qwen2+yarn" => (
            2,
            vec![
                ("rope.freq_base", float(1e6)),
                ("rope.scaling.type", text("yarn")),
                ("rope.scaling.factor", float(4.0)),
                ("rope.scaling.original_context_length", number(1024)),
            ],
        ),
        // Heads whose elements are more than their share of the width.
        "qwen3" => (2, vec![("attention.key_length", number(96)), ("attention.value_length", number(96))]),
        "gemma2" => (
            2,
            vec![
                ("attention.sliding_window", number(24)),
                ("attn_logit_softcapping", float(5.0)),
                ("final_logit_softcapping", float(8.0)),
            ],
        ),
        "gemma3" => (
            6,
            vec![
                ("attention.sliding_window", number(24)),
                ("rope.freq_base", float(1e6)),
                ("rope.scaling.type", text("linear")),
                ("rope.scaling.factor", float(8.0)),
            ],
        ),
        "gemma3+pattern" => (
            3,
            vec![
                ("attention.sliding_window", number(24)),
                (
                    "attention.sliding_window_pattern",
                    Value::Array([true, false, true].map(Value::Bool).to_vec()),
                ),
                ("rope.freq_base", float(1e6)),
                ("rope.freq_base_swa", float(3e4)),
            ],
        ),
        "phi3" | "phi3+long" => (
            2,
            vec![
                ("rope.dimension_count", number(48)),
                ("rope.scaling.type", text("longrope")),
                ("rope.scaling.attn_factor", float(1.19)),
                ("rope.scaling.original_context_length", number(if fixture == "phi3" { 4096 } else { 64 })),
            ],
        ),
        "granite" | "granite+unrotated" => (
            2,
            vec![
                ("logit_scale", float(1.5)),
                ("embedding_scale", float(1.5)),
                ("residual_scale", float(0.8)),
                ("attention.scale", float(0.25)),
                ("rope.scaling.finetuned", Value::Bool(fixture == "granite")),
            ],
        ),
        "smollm3" => (4, vec![]),
        _ => (2, vec![]),
    }
}

/// The tensors of a fixture: name, `dims` innermost first, type.
fn tensors(fixture: &str, layers: u64, block_type: BlockType) -> Vec<Tensor> {
    let vocab = 256 + SPECIALS.len() as u64;
    let head = if fixture == "qwen3" { 96 } else { 64 };
    let (q, kv) = (4 * head, 2 * head);
    let matrix = |name: &str, cols, rows| (name.to_string(), vec![cols, rows], block_type);
    let vector = |name: &str, len| (name.to_string(), vec![len], BlockType::F32);
    let mut all = vec![matrix("token_embd.weight", WIDTH, vocab), vector("output_norm.weight", WIDTH)];
    match fixture {
        "llama+factors" => all.push(vector("rope_freqs.weight", head / 2)),
        "phi3" | "phi3+long" => {
            all.push(vector("rope_factors_long.weight", 24));
            all.push(vector("rope_factors_short.weight", 24));
        }
        // The rest have the embedding as their output matrix.
        "qwen2" | "smollm3" => all.push(matrix("output.weight", WIDTH, vocab)),
        _ => {}
    }
    let has = |names: &[&str]| names.iter().any(|name| fixture.starts_with(name));
    for i in 0..layers {
        let mut block = vec![
            vector("attn_norm.weight", WIDTH),
            matrix("attn_output.weight", q, WIDTH),
            vector("ffn_norm.weight", WIDTH),
            matrix("ffn_down.weight", MLP, WIDTH),
        ];
        if has(&["phi3"]) {
            block.push(matrix("attn_qkv.weight", WIDTH, q + 2 * kv));
            block.push(matrix("ffn_up.weight", WIDTH, 2 * MLP));
        } else {
            block.extend(
                [("attn_q", q), ("attn_k", kv), ("attn_v", kv), ("ffn_gate", MLP), ("ffn_up", MLP)]
                    .map(|(part, rows)| matrix(&format!("{part}.weight"), WIDTH, rows)),
            );
        }
        if has(&["qwen2"]) {
            block.extend(
                [("q", q), ("k", kv), ("v", kv)].map(|(part, len)| vector(&format!("attn_{part}.bias"), len)),
            );
        }
        if has(&["qwen3", "gemma3"]) {
            block.extend(["q", "k"].map(|part| vector(&format!("attn_{part}_norm.weight"), head)));
        }
        if has(&["gemma2", "gemma3"]) {
            block.extend(["attention", "ffw"].map(|part| vector(&format!("post_{part}_norm.weight"), WIDTH)));
        }
        all.extend(block.into_iter().map(|(name, dims, kind)| (format!("blk.{i}.{name}"), dims, kind)));
    }
    all
}
