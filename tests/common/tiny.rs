//! A Llama model small enough to make in a test: random weights, a byte-level vocabulary, a chat template.

use lunette::gguf::{Value, Writer};
use lunette::quant::BlockType;

pub const WIDTH: u64 = 256;
pub const LAYERS: u64 = 2;
const MLP: u64 = 512;
const SPECIALS: [&str; 3] = ["<|im_start|>", "<|im_end|>", "<|endoftext|>"];
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

fn replaced(list: Value, last: Value) -> Value {
    let Value::Array(mut items) = list else { unreachable!("the keys above hold lists") };
    items[SPECIALS.len() - 1] = last;
    Value::Array(items)
}

/// A file of the same shape in another architecture, with what that one has besides.
pub fn of(architecture: &str, block_type: BlockType) -> Vec<u8> {
    let mut header = Writer::default();
    for (key, value) in keys() {
        let key = key.strip_prefix("llama.").map_or(key.clone(), |key| format!("{architecture}.{key}"));
        let value = match &key[..] {
            "general.architecture" => Value::String(architecture.into()),
            // llama.cpp takes no empty list, and what is merged must be a token: in the last special one's place.
            "tokenizer.ggml.merges" => Value::Array(vec![Value::String("a b".into())]),
            "tokenizer.ggml.tokens" => replaced(value, Value::String("ab".into())),
            "tokenizer.ggml.token_type" => replaced(value, Value::Signed(1)),
            _ => value,
        };
        header.set(&key, value);
    }
    let mut tensors = tensors(block_type);
    if architecture == "qwen2" {
        for i in 0..LAYERS {
            for (part, outputs) in [("attn_q", WIDTH), ("attn_k", WIDTH / 2), ("attn_v", WIDTH / 2)] {
                tensors.push((format!("blk.{i}.{part}.bias"), vec![outputs], BlockType::F32));
            }
        }
    }
    write(header, &tensors)
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
