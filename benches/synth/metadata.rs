//! What a synthetic file says of itself.

use super::shape::{Mix, Shape};
use super::vocabulary;
use lunette::gguf::{Value, Writer};

pub fn metadata(shape: &Shape, mix: Mix, quant: &str) -> Writer {
    let mut w = Writer::default();
    let number = |n: usize| Value::Unsigned(n as u64);
    let text = |s: &str| Value::String(s.into());
    w.set("general.architecture", text("llama"));
    w.set("general.name", text(&format!("synthetic {} {quant}, {} layers", shape.name, shape.layers)));
    w.set("general.file_type", number(mix.file_type()));
    w.set("general.quantization_version", number(2));
    w.set("llama.context_length", number(shape.context));
    w.set("llama.embedding_length", number(shape.width));
    w.set("llama.block_count", number(shape.layers));
    w.set("llama.feed_forward_length", number(shape.mlp));
    w.set("llama.attention.head_count", number(shape.heads));
    w.set("llama.attention.head_count_kv", number(shape.kv_heads));
    w.set("llama.attention.layer_norm_rms_epsilon", Value::Float(1e-5));
    w.set("llama.rope.dimension_count", number(shape.head_dim()));
    w.set("llama.rope.freq_base", Value::Float(shape.rope_base));
    w.set("llama.vocab_size", number(shape.vocab));
    vocabulary::describe(&mut w, shape.vocab);
    w
}
