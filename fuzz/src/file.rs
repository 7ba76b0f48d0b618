//! A model file, or an adapter's, as data: a small one that is right, and lies to tell in it.

use arbitrary::{Arbitrary, Result, Unstructured};
use lunette::gguf::Value;
use lunette::model::ARCHITECTURES;
use lunette::quant::BlockType;

const WIDTH: u64 = 32;
const MLP: u64 = 64;
const HEADS: u64 = 2;
const ALIGNMENT: usize = 32;
/// The most data that a file is given, whatever its table claims.
const MAX_DATA: u64 = 1 << 20;

pub struct File {
    /// Which of the architectures its keys are said to be of.
    architecture: &'static str,
    pub keys: Vec<(String, Value)>,
    pub tensors: Vec<Tensor>,
}

#[derive(Clone)]
pub struct Tensor {
    name: String,
    dims: Vec<u64>,
    type_id: u32,
    /// Behind the tensor before where not given.
    offset: Option<u64>,
}

impl Tensor {
    fn bytes(&self) -> u64 {
        let elements = self.dims.iter().fold(1u64, |n, d| n.saturating_mul(*d));
        match BlockType::from_ggml(self.type_id) {
            Ok(kind) => (elements / kind.block_len() as u64).saturating_mul(kind.block_bytes() as u64),
            Err(_) => 0,
        }
    }
}

impl File {
    /// A Llama of one layer with a byte-level vocabulary.
    pub fn sound() -> File {
        let mut keys = crate::tiny::keys();
        for (name, value) in [
            ("llama.embedding_length", WIDTH),
            ("llama.block_count", 1),
            ("llama.feed_forward_length", MLP),
            ("llama.attention.head_count", HEADS),
            ("llama.attention.head_count_kv", 1),
            ("llama.context_length", 4096),
        ] {
            set(&mut keys, name, Value::Unsigned(value));
        }
        let kv = WIDTH / HEADS;
        let vocab = keys
            .iter()
            .find_map(|(_, value)| match value {
                Value::Array(tokens) => Some(tokens.len() as u64),
                _ => None,
            })
            .unwrap_or(0);
        let tensors = [
            ("token_embd.weight", vec![WIDTH, vocab]),
            ("output_norm.weight", vec![WIDTH]),
            ("rope_freqs.weight", vec![kv / 2]),
            ("blk.0.attn_norm.weight", vec![WIDTH]),
            ("blk.0.attn_q.weight", vec![WIDTH, WIDTH]),
            ("blk.0.attn_k.weight", vec![WIDTH, kv]),
            ("blk.0.attn_v.weight", vec![WIDTH, kv]),
            ("blk.0.attn_output.weight", vec![WIDTH, WIDTH]),
            ("blk.0.ffn_norm.weight", vec![WIDTH]),
            ("blk.0.ffn_gate.weight", vec![WIDTH, MLP]),
            ("blk.0.ffn_up.weight", vec![WIDTH, MLP]),
            ("blk.0.ffn_down.weight", vec![MLP, WIDTH]),
        ];
        let tensors = tensors.map(|(name, dims)| {
            let kind = if dims.len() == 1 { BlockType::F32 } else { BlockType::Q8_0 };
            Tensor { name: name.into(), dims, type_id: kind.ggml(), offset: None }
        });
        File { architecture: "llama", keys, tensors: tensors.into() }
    }

    /// A reward model's head of two layers and one goal, with a LoRA adapter, for [`File::sound`].
    pub fn head() -> File {
        let text = |text: &str| Value::String(text.into());
        let keys = [
            ("general.architecture", text("llama")),
            ("general.type", text("adapter")),
            ("adapter.type", text("lora")),
            ("general.name", text("head")),
            ("adapter.lora.alpha", Value::Float(8.0)),
            ("lunette.reward.layers", Value::Unsigned(2)),
        ];
        const RANK: u64 = 4;
        const HIDDEN: u64 = 8;
        let tensors = [
            ("blk.0.attn_q.weight.lora_a", vec![WIDTH, RANK]),
            ("blk.0.attn_q.weight.lora_b", vec![RANK, WIDTH]),
            ("blk.0.ffn_down.weight.lora_a", vec![MLP, RANK]),
            ("blk.0.ffn_down.weight.lora_b", vec![RANK, WIDTH]),
            ("reward.0.weight", vec![WIDTH, HIDDEN]),
            ("reward.1.weight", vec![HIDDEN, 1]),
            ("goal.good", vec![WIDTH, 1]),
        ];
        let tensors = tensors.map(|(name, dims)| Tensor {
            name: name.into(),
            dims,
            type_id: BlockType::F32.ggml(),
            offset: None,
        });
        File {
            architecture: "llama",
            keys: keys.map(|(key, value)| (key.to_string(), value)).into(),
            tensors: tensors.into(),
        }
    }

    pub fn tell(&mut self, lie: Lie) {
        match lie {
            Lie::Number { key, number } => self.set(key, Value::Unsigned(number.value())),
            Lie::Signed { key, number } => self.set(key, Value::Signed(number)),
            Lie::Float { key, number } => self.set(key, Value::Float(number)),
            Lie::Text { key, text } => self.set(key, Value::String(text)),
            Lie::List { key, numbers } => {
                self.set(
                    key,
                    Value::Array(numbers.into_iter().map(|n| Value::Unsigned(n.value())).collect()),
                );
            }
            Lie::Architecture { which } => {
                self.architecture = ARCHITECTURES[usize::from(which) % ARCHITECTURES.len()];
            }
            Lie::Rope { scaling } => {
                let kinds = ["none", "linear", "yarn", "longrope"];
                let kind = kinds[usize::from(scaling) % kinds.len()];
                set(&mut self.keys, "llama.rope.scaling.type", Value::String(kind.into()));
            }
            Lie::Forget { key } => {
                let at = usize::from(key) % self.keys.len();
                // One is left, for what comes after.
                if self.keys.len() > 1 {
                    self.keys.remove(at);
                }
            }
            Lie::Dimensions { tensor, numbers } => {
                self.tensor(tensor).dims = numbers.into_iter().map(Number::value).collect();
            }
            Lie::Dimension { tensor, dimension, number } => {
                let dims = &mut self.tensor(tensor).dims;
                let count = dims.len().max(1);
                if let Some(size) = dims.get_mut(usize::from(dimension) % count) {
                    *size = number.value();
                }
            }
            Lie::Type { tensor, type_id } => self.tensor(tensor).type_id = type_id.into(),
            Lie::AllTypes { type_id } => {
                self.tensors.iter_mut().for_each(|tensor| tensor.type_id = type_id.into());
            }
            Lie::Offset { tensor, number } => self.tensor(tensor).offset = Some(number.value()),
            Lie::Name { tensor, name } => self.tensor(tensor).name = name,
            Lie::Twice { tensor } => {
                let again = self.tensor(tensor).clone();
                self.tensors.push(again);
            }
        }
    }

    fn set(&mut self, key: u8, value: Value) {
        let name = match OTHER_KEYS.get(usize::from(key)) {
            Some(name) => name.to_string(),
            None => self.keys[usize::from(key) % self.keys.len()].0.clone(),
        };
        set(&mut self.keys, &name, value);
    }

    fn tensor(&mut self, index: u8) -> &mut Tensor {
        let at = usize::from(index) % self.tensors.len();
        &mut self.tensors[at]
    }

    /// The file, with `data` over and over for its tensors.
    pub fn bytes(&self, data: &[u8]) -> Vec<u8> {
        let mut out = b"GGUF\x03\0\0\0".to_vec();
        out.extend((self.tensors.len() as u64).to_le_bytes());
        out.extend((self.keys.len() as u64).to_le_bytes());
        for (key, value) in &self.keys {
            let own = key.strip_prefix("llama.").map(|key| format!("{}.{key}", self.architecture));
            text(&mut out, own.as_ref().unwrap_or(key));
            let name = Value::String(self.architecture.into());
            let value =
                if key == "general.architecture" && value.as_str() == Some("llama") { &name } else { value };
            out.extend(kind(value).to_le_bytes());
            write(&mut out, value);
        }
        let mut end = 0u64;
        for tensor in &self.tensors {
            text(&mut out, &tensor.name);
            out.extend((tensor.dims.len() as u32).to_le_bytes());
            tensor.dims.iter().for_each(|d| out.extend(d.to_le_bytes()));
            out.extend(tensor.type_id.to_le_bytes());
            let offset = tensor.offset.unwrap_or(end);
            out.extend(offset.to_le_bytes());
            end = end.max(offset.saturating_add(tensor.bytes()).saturating_add(31) / 32 * 32);
        }
        out.resize(out.len().next_multiple_of(ALIGNMENT), 0);
        let data = if data.is_empty() { &[0x3c][..] } else { data };
        out.extend(data.iter().cycle().take(end.min(MAX_DATA) as usize));
        out
    }
}

fn set(keys: &mut Vec<(String, Value)>, name: &str, value: Value) {
    match keys.iter_mut().find(|(key, _)| key == name) {
        Some(entry) => entry.1 = value,
        None => keys.push((name.into(), value)),
    }
}

/// Keys that a file may have and the sound one lacks.
const OTHER_KEYS: [&str; 27] = [
    "general.alignment",
    "llama.attention.key_length",
    "llama.attention.value_length",
    "llama.attention.scale",
    "llama.attention.sliding_window",
    "llama.attention.sliding_window_pattern",
    "llama.attn_logit_softcapping",
    "llama.final_logit_softcapping",
    "llama.embedding_scale",
    "llama.residual_scale",
    "llama.logit_scale",
    "llama.rope.freq_base_swa",
    "llama.rope.scaling.original_context_length",
    "llama.rope.scaling.attn_factor",
    "llama.rope.scaling.yarn_beta_fast",
    "llama.rope.scaling.yarn_beta_slow",
    "llama.rope.dimension_count",
    "llama.rope.freq_base",
    "llama.rope.scaling.type",
    "llama.rope.scaling.factor",
    "tokenizer.ggml.bos_token_id",
    "tokenizer.ggml.eot_token_id",
    "tokenizer.ggml.add_bos_token",
    "general.name",
    "split.count",
    "general.file_type",
    "adapter.alora.invocation_tokens",
];

/// A number as liars like them.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub enum Number {
    Small(u8),
    NearPowerOfTwo { power: u8, distance: i8 },
    Any(u64),
}

impl Number {
    fn value(self) -> u64 {
        match self {
            Number::Small(n) => n.into(),
            Number::NearPowerOfTwo { power, distance } => {
                (1u64 << (power % 64)).wrapping_add_signed(distance.into())
            }
            Number::Any(n) => n,
        }
    }
}

#[derive(Debug, Arbitrary)]
pub enum Lie {
    Number { key: u8, number: Number },
    Signed { key: u8, number: i64 },
    Float { key: u8, number: f64 },
    Text { key: u8, text: String },
    List { key: u8, numbers: Vec<Number> },
    Architecture { which: u8 },
    Rope { scaling: u8 },
    Forget { key: u8 },
    Dimensions { tensor: u8, numbers: Vec<Number> },
    Dimension { tensor: u8, dimension: u8, number: Number },
    Type { tensor: u8, type_id: u8 },
    AllTypes { type_id: u8 },
    Offset { tensor: u8, number: Number },
    Name { tensor: u8, name: String },
    Twice { tensor: u8 },
}

/// A sound file with some lies in it, few enough that most of it can be believed; the rest of the bytes.
pub fn lying(mut file: File, data: &[u8]) -> Result<(File, &[u8])> {
    const MOST: usize = 8;
    let mut input = Unstructured::new(data);
    for _ in 0..input.int_in_range(0..=MOST)? {
        file.tell(input.arbitrary()?);
    }
    Ok((file, input.take_rest()))
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

fn kind(value: &Value) -> u32 {
    match value {
        Value::Bool(_) => 7,
        Value::String(_) => 8,
        Value::Array(_) => 9,
        Value::Unsigned(_) => 10,
        Value::Signed(_) => 11,
        Value::Float(_) => 12,
    }
}

fn write(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Bool(b) => out.push((*b).into()),
        Value::String(string) => text(out, string),
        Value::Array(values) => {
            out.extend(values.first().map_or(10, kind).to_le_bytes());
            out.extend((values.len() as u64).to_le_bytes());
            values.iter().for_each(|value| write(out, value));
        }
        Value::Unsigned(n) => out.extend(n.to_le_bytes()),
        Value::Signed(n) => out.extend(n.to_le_bytes()),
        Value::Float(x) => out.extend(x.to_le_bytes()),
    }
}
