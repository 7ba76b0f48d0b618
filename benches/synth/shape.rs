//! The shapes of published models, and the tensor types that llama.cpp's quantizer gives them.

use super::Tensor;
use lunette::quant::BlockType;

pub struct Shape {
    pub name: &'static str,
    pub width: usize,
    pub layers: usize,
    pub heads: usize,
    pub kv_heads: usize,
    pub mlp: usize,
    pub vocab: usize,
    pub context: usize,
    pub rope_base: f64,
    /// Llama 3's long-context factor: angles of long waves are divided by it.
    rope_factor: Option<f64>,
    /// Whether the embedding is the output matrix too.
    tied: bool,
}

/// A file's quantization: a type for most matrices and rules for the others.
#[derive(Clone, Copy, PartialEq)]
pub enum Mix {
    F16,
    BF16,
    Q4_0,
    Q4_1,
    Q5_0,
    Q8_0,
    Q2K,
    Q3KM,
    Q4KM,
    Q5KM,
    Q6K,
    IQ4NL,
    IQ4XS,
    IQ1S,
    IQ1M,
    IQ2XXS,
    IQ2XS,
    IQ2M,
    IQ3XXS,
    IQ3S,
    TQ1_0,
    TQ2_0,
    MXFP4,
}

impl Shape {
    pub fn named(name: &str) -> Option<Shape> {
        Some(match name {
            "llama-3.1-8b" => Shape {
                name: "Llama 3.1 8B",
                width: 4096,
                layers: 32,
                heads: 32,
                kv_heads: 8,
                mlp: 14336,
                vocab: 128_256,
                context: 131_072,
                rope_base: 500_000.0,
                rope_factor: Some(8.0),
                tied: false,
            },
            "llama-3.2-1b" => Shape {
                name: "Llama 3.2 1B",
                width: 2048,
                layers: 16,
                heads: 32,
                kv_heads: 8,
                mlp: 8192,
                vocab: 128_256,
                context: 131_072,
                rope_base: 500_000.0,
                rope_factor: Some(32.0),
                tied: true,
            },
            "smollm2-135m" => Shape {
                name: "SmolLM2 135M",
                width: 576,
                layers: 30,
                heads: 9,
                kv_heads: 3,
                mlp: 1536,
                vocab: 49_152,
                context: 8192,
                rope_base: 100_000.0,
                rope_factor: None,
                tied: true,
            },
            "tiny" => Shape {
                name: "tiny",
                width: 256,
                layers: 2,
                heads: 4,
                kv_heads: 2,
                mlp: 512,
                vocab: 512,
                context: 4096,
                rope_base: 10_000.0,
                rope_factor: None,
                tied: true,
            },
            _ => return None,
        })
    }

    pub fn head_dim(&self) -> usize {
        self.width / self.heads
    }

    /// Every tensor of the file, in its order.
    pub fn tensors(&self, mix: Mix) -> Result<Vec<Tensor>, String> {
        let (d, kv, mlp) = (self.width, self.kv_heads * self.head_dim(), self.mlp);
        let mut all: Vec<Tensor> = Vec::new();
        let mut add = |name: String, dims: &[usize], block_type: BlockType| {
            if !dims[0].is_multiple_of(block_type.block_len()) {
                return Err(format!(
                    "{name} has rows of {} elements, which is not a multiple of {}: {} has no {block_type:?} \
                     matrices; take q4_0, q4_1, q5_0 or q8_0",
                    dims[0],
                    block_type.block_len(),
                    self.name
                ));
            }
            all.push((name, dims.iter().map(|n| *n as u64).collect(), block_type));
            Ok(())
        };
        if self.rope_factor.is_some() {
            add("rope_freqs.weight".into(), &[self.head_dim() / 2], BlockType::F32)?;
        }
        let output = mix.output(d);
        add("token_embd.weight".into(), &[d, self.vocab], if self.tied { output } else { mix.embedding() })?;
        for i in 0..self.layers {
            for (part, dims) in [
                ("attn_norm", vec![d]),
                ("attn_q", vec![d, d]),
                ("attn_k", vec![d, kv]),
                ("attn_v", vec![d, kv]),
                ("attn_output", vec![d, d]),
                ("ffn_norm", vec![d]),
                ("ffn_gate", vec![d, mlp]),
                ("ffn_up", vec![d, mlp]),
                ("ffn_down", vec![mlp, d]),
            ] {
                let block_type = if dims.len() == 1 { BlockType::F32 } else { mix.part(part, i, self) };
                add(format!("blk.{i}.{part}.weight"), &dims, block_type)?;
            }
        }
        add("output_norm.weight".into(), &[d], BlockType::F32)?;
        if !self.tied {
            add("output.weight".into(), &[d, self.vocab], output)?;
        }
        Ok(all)
    }

    /// By what each rotary angle is divided, as the published files' `rope_freqs.weight`: 1 for short waves, the
    /// factor for those longer than the original context, and in between a slide from one to the other.
    pub fn rope_factors(&self) -> Vec<f32> {
        const CONTEXT: f64 = 8192.0;
        let factor = self.rope_factor.unwrap_or(1.0);
        let half = self.head_dim() / 2;
        (0..half)
            .map(|i| {
                let turns = CONTEXT / (std::f64::consts::TAU * self.rope_base.powf(i as f64 / half as f64));
                let slide = ((turns - 1.0) / 3.0).clamp(0.0, 1.0);
                (1.0 / ((1.0 - slide) / factor + slide)) as f32
            })
            .collect()
    }
}

impl Mix {
    pub fn named(name: &str) -> Option<Mix> {
        Some(match name {
            "f16" => Mix::F16,
            "bf16" => Mix::BF16,
            "q4_0" => Mix::Q4_0,
            "q4_1" => Mix::Q4_1,
            "q5_0" => Mix::Q5_0,
            "q8_0" => Mix::Q8_0,
            "q2_k" => Mix::Q2K,
            "q3_k_m" => Mix::Q3KM,
            "q4_k_m" => Mix::Q4KM,
            "q5_k_m" => Mix::Q5KM,
            "q6_k" => Mix::Q6K,
            "iq4_nl" => Mix::IQ4NL,
            "iq4_xs" => Mix::IQ4XS,
            "iq1_s" => Mix::IQ1S,
            "iq1_m" => Mix::IQ1M,
            "iq2_xxs" => Mix::IQ2XXS,
            "iq2_xs" => Mix::IQ2XS,
            "iq2_m" => Mix::IQ2M,
            "iq3_xxs" => Mix::IQ3XXS,
            "iq3_s" => Mix::IQ3S,
            "tq1_0" => Mix::TQ1_0,
            "tq2_0" => Mix::TQ2_0,
            "mxfp4" => Mix::MXFP4,
            _ => return None,
        })
    }

    /// llama.cpp's number for it, `general.file_type`.
    pub fn file_type(self) -> usize {
        match self {
            Mix::F16 => 1,
            Mix::Q4_0 => 2,
            Mix::Q4_1 => 3,
            Mix::Q8_0 => 7,
            Mix::Q5_0 => 8,
            Mix::Q2K => 10,
            Mix::Q3KM => 12,
            Mix::Q4KM => 15,
            Mix::Q5KM => 17,
            Mix::Q6K => 18,
            Mix::IQ2XXS => 19,
            Mix::IQ2XS => 20,
            Mix::IQ3XXS => 23,
            Mix::IQ1S => 24,
            Mix::IQ4NL => 25,
            Mix::IQ3S => 26,
            Mix::IQ2M => 29,
            Mix::IQ4XS => 30,
            Mix::IQ1M => 31,
            Mix::BF16 => 32,
            Mix::TQ1_0 => 36,
            Mix::TQ2_0 => 37,
            Mix::MXFP4 => 38,
        }
    }

    fn usual(self) -> BlockType {
        match self {
            Mix::F16 => BlockType::F16,
            Mix::BF16 => BlockType::BF16,
            Mix::Q4_0 => BlockType::Q4_0,
            Mix::Q4_1 => BlockType::Q4_1,
            Mix::Q5_0 => BlockType::Q5_0,
            Mix::Q8_0 => BlockType::Q8_0,
            Mix::Q2K => BlockType::Q2_K,
            Mix::Q3KM => BlockType::Q3_K,
            Mix::Q4KM => BlockType::Q4_K,
            Mix::Q5KM => BlockType::Q5_K,
            Mix::Q6K => BlockType::Q6_K,
            Mix::IQ4NL => BlockType::IQ4_NL,
            Mix::IQ4XS => BlockType::IQ4_XS,
            Mix::IQ1S => BlockType::IQ1_S,
            Mix::IQ1M => BlockType::IQ1_M,
            Mix::IQ2XXS => BlockType::IQ2_XXS,
            Mix::IQ2XS => BlockType::IQ2_XS,
            Mix::IQ2M => BlockType::IQ2_S,
            Mix::IQ3XXS => BlockType::IQ3_XXS,
            Mix::IQ3S => BlockType::IQ3_S,
            Mix::TQ1_0 => BlockType::TQ1_0,
            Mix::TQ2_0 => BlockType::TQ2_0,
            Mix::MXFP4 => BlockType::MXFP4,
        }
    }

    /// Three bits or less.
    fn few_bits(self) -> bool {
        use Mix::*;
        matches!(self, IQ1S | IQ1M | IQ2XXS | IQ2XS | IQ2M | IQ3XXS)
    }

    /// The embedding where it is not the output matrix too.
    fn embedding(self) -> BlockType {
        match self {
            Mix::IQ1S | Mix::IQ1M | Mix::IQ2XXS | Mix::IQ2XS => BlockType::Q2_K,
            Mix::IQ2M | Mix::IQ3XXS => BlockType::IQ3_S,
            Mix::TQ1_0 | Mix::TQ2_0 => BlockType::Q4_K,
            _ => self.usual(),
        }
    }

    /// The output matrix, or the embedding that serves as such: five or six bits where its rows are whole blocks of them.
    fn output(self, width: usize) -> BlockType {
        match self {
            Mix::F16 | Mix::BF16 | Mix::Q8_0 => self.usual(),
            Mix::MXFP4 => BlockType::Q8_0,
            _ if self.few_bits() && width.is_multiple_of(256) => BlockType::Q5_K,
            _ if width.is_multiple_of(BlockType::Q6_K.block_len()) => BlockType::Q6_K,
            _ => BlockType::Q8_0,
        }
    }

    /// The type of one of a layer's matrices; llama.cpp gives some of them more bits than most.
    fn part(self, part: &str, layer: usize, shape: &Shape) -> BlockType {
        let shared_by_fours = shape.heads >= 4 * shape.kv_heads;
        match (self, part) {
            (Mix::Q2K, "attn_v") if shared_by_fours => BlockType::Q4_K,
            (Mix::Q2K, "attn_v" | "attn_output" | "ffn_down") => BlockType::Q3_K,
            (Mix::Q3KM, "attn_v") if layer < 2 => BlockType::Q5_K,
            (Mix::Q3KM, "ffn_down") if layer < shape.layers / 16 => BlockType::Q5_K,
            (Mix::Q3KM, "attn_v" | "attn_output" | "ffn_down") => BlockType::Q4_K,
            (_, "attn_v") if shared_by_fours && (self.few_bits() || self == Mix::IQ3S) => BlockType::Q4_K,
            (Mix::IQ1S | Mix::IQ1M, "attn_output") => BlockType::IQ2_XXS,
            (Mix::IQ1S | Mix::IQ1M | Mix::IQ2XXS | Mix::IQ2XS, "attn_v") => BlockType::Q2_K,
            (Mix::IQ1S | Mix::IQ1M | Mix::IQ2XXS | Mix::IQ2XS, "ffn_down") if layer < shape.layers / 8 => {
                BlockType::Q2_K
            }
            (Mix::IQ2M, "attn_v" | "attn_output") => BlockType::IQ3_S,
            (Mix::IQ2M, "ffn_down") if layer < shape.layers / 8 => BlockType::IQ3_S,
            // As with an importance matrix, which all files of so few bits are made with.
            (Mix::IQ3XXS, "attn_q" | "attn_k") => BlockType::IQ2_S,
            (Mix::IQ3XXS, "attn_output") => BlockType::IQ3_S,
            (Mix::IQ4NL | Mix::IQ4XS, "attn_v") if shared_by_fours => BlockType::Q5_K,
            (Mix::IQ4NL | Mix::IQ4XS, "ffn_down") if layer < shape.layers / 8 => BlockType::Q5_K,
            (_, "attn_v" | "ffn_down") if self.uses_more_bits(layer, shape.layers) => BlockType::Q6_K,
            _ => self.usual(),
        }
    }

    /// llama.cpp's `use_more_bits`: in the first and last eighth of the layers and in every third between, V and the
    /// MLP's last matrix have six bits.
    fn uses_more_bits(self, layer: usize, layers: usize) -> bool {
        let eighth = layers / 8;
        matches!(self, Mix::Q4KM | Mix::Q5KM)
            && (layer < eighth || layer >= 7 * layers / 8 || (layer - eighth) % 3 == 2)
    }
}
