//! A Llama model small enough to make in a test: random weights, a byte-level vocabulary, a chat template.

use lunette::gguf::{Value, Writer};
use lunette::quant::BlockType;

pub const WIDTH: u64 = 256;
pub const LAYERS: u64 = 2;
pub const MLP: u64 = 512;
pub const SPECIALS: [&str; 3] = ["<|im_start|>", "<|im_end|>", "<|endoftext|>"];
const TEMPLATE: &str = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content | trim }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

/// The metadata of the model, to which a test may add.
pub fn metadata() -> Writer {
    let mut w = Writer::default();
    for (key, value) in keys() {
        w.set(&key, value);
    }
    w
}

pub fn keys() -> Vec<(String, Value)> {
    let number = Value::Unsigned;
    let text = |s: &str| Value::String(s.into());
    let alphabet = (0..=255u8).scan(0x100, |next, byte| {
        let printable = matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
        let code = if printable { u32::from(byte) } else { *next };
        *next += u32::from(!printable);
        char::from_u32(code)
    });
    let tokens: Vec<Value> =
        SPECIALS.iter().map(|s| text(s)).chain(alphabet.map(|c| Value::String(c.to_string()))).collect();
    let kinds = (0..tokens.len()).map(|i| Value::Signed(if i < SPECIALS.len() { 3 } else { 1 })).collect();
    let pairs = [
        ("general.architecture", text("llama")),
        ("llama.context_length", number(4096)),
        ("llama.embedding_length", number(WIDTH)),
        ("llama.block_count", number(LAYERS)),
        ("llama.feed_forward_length", number(MLP)),
        ("llama.attention.head_count", number(4)),
        ("llama.attention.head_count_kv", number(2)),
        ("llama.attention.layer_norm_rms_epsilon", Value::Float(1e-5)),
        ("tokenizer.ggml.model", text("gpt2")),
        ("tokenizer.ggml.pre", text("gpt-2")),
        ("tokenizer.ggml.tokens", Value::Array(tokens)),
        ("tokenizer.ggml.token_type", Value::Array(kinds)),
        ("tokenizer.ggml.merges", Value::Array(Vec::new())),
        ("tokenizer.ggml.eos_token_id", number(1)),
        ("tokenizer.chat_template", text(TEMPLATE)),
    ];
    pairs.map(|(key, value)| (key.to_string(), value)).into()
}

/// The tensors that the architecture needs: name, `dims` innermost first, type.
pub fn tensors(block_type: BlockType) -> Vec<(String, Vec<u64>, BlockType)> {
    let vocab = 256 + SPECIALS.len() as u64;
    let mut all = vec![
        ("token_embd.weight".to_string(), vec![WIDTH, vocab], block_type),
        ("output_norm.weight".to_string(), vec![WIDTH], BlockType::F32),
    ];
    for i in 0..LAYERS {
        for (part, dims) in [
            ("attn_norm", vec![WIDTH]),
            ("attn_q", vec![WIDTH, WIDTH]),
            ("attn_k", vec![WIDTH, WIDTH / 2]),
            ("attn_v", vec![WIDTH, WIDTH / 2]),
            ("attn_output", vec![WIDTH, WIDTH]),
            ("ffn_norm", vec![WIDTH]),
            ("ffn_gate", vec![WIDTH, MLP]),
            ("ffn_up", vec![WIDTH, MLP]),
            ("ffn_down", vec![MLP, WIDTH]),
        ] {
            let kind = if dims.len() == 1 { BlockType::F32 } else { block_type };
            all.push((format!("blk.{i}.{part}.weight"), dims, kind));
        }
    }
    all
}

/// The whole file.
pub fn file(block_type: BlockType) -> Vec<u8> {
    write(metadata(), &tensors(block_type))
}

/// A file with these tensors and repeatable random values.
pub fn write(mut header: Writer, tensors: &[(String, Vec<u64>, BlockType)]) -> Vec<u8> {
    for (name, dims, block_type) in tensors {
        header.tensor(name, dims, *block_type);
    }
    let mut out = header.header();
    let mut state = 1u32;
    for (name, dims, block_type) in tensors {
        let values: Vec<f32> = (0..dims.iter().product::<u64>())
            .map(|_| {
                state = state.wrapping_mul(1664525).wrapping_add(1013904223);
                let uniform = (state >> 8) as f32 / (1 << 24) as f32 - 0.5;
                match dims.len() {
                    1 if name.ends_with(".bias") => 2.0 * uniform,
                    1 if name.starts_with("rope_") => 2.0 + 3.0 * uniform,
                    1 => 1.0 + 0.1 * uniform,
                    _ => 0.2 * uniform,
                }
            })
            .collect();
        let data = block_type.quantize(&values);
        out.extend(&data);
        out.resize(out.len() + Writer::padding(data.len() as u64), 0);
    }
    out
}
