//! The architectures that are read, and what tells them apart. All are decoder-only transformers, whose equations are
//! [`super::transformer`]'s.

use super::{Activation, RopeStyle};

/// One of them, by the name that a file gives it (`general.architecture`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Architecture {
    pub name: &'static str,
    /// Which elements of a head are rotated together.
    pub rope_style: RopeStyle,
    pub activation: Activation,
    /// Its blocks have these tensors besides those that all have.
    pub tensors: Tensors,
    /// The optional keys of its metadata that it applies, by their names behind the architecture's. What changes a model
    /// and stands in a file of another architecture is refused.
    pub metadata: &'static [&'static str],
    /// Those that a file must have.
    pub required: &'static [&'static str],
    /// Which of its layers attend no further back than `attention.sliding_window`.
    pub windows: Windows,
    /// The rope base of layers with a window, where it is another than that of the rest.
    pub base_of_windows: Option<f64>,
    /// Each so many-th layer does without rope.
    pub rope_left_out: Option<usize>,
    /// Embeddings are multiplied by the root of their width.
    pub embedding_by_root_of_width: bool,
    /// The number of layers of its model whose scores are scaled by `width / heads` where others' are by the head's length.
    pub scores_by_width: Option<usize>,
}

/// What a block may have besides norm, Q, K, V and output, norm, gate, up and down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tensors {
    /// Norms of each head of Q and K: `attn_q_norm`, `attn_k_norm`.
    pub head_norms: bool,
    /// Norms of what attention and MLP make, before it is added: `post_attention_norm`, `post_ffw_norm`.
    pub norms_behind: bool,
    /// The gate's matrix lies above up's in `ffn_up`.
    pub gate_in_up: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Windows {
    None,
    /// All layers have one, if the file names its length.
    All,
    /// All but each n-th, or as `attention.sliding_window_pattern` says.
    InTurn(usize),
}

pub const WINDOW: &str = "attention.sliding_window";
pub const WINDOW_PATTERN: &str = "attention.sliding_window_pattern";
pub const SCORE_CAP: &str = "attn_logit_softcapping";
pub const LOGIT_CAP: &str = "final_logit_softcapping";
pub const SCORE_SCALE: &str = "attention.scale";
pub const EMBEDDING_SCALE: &str = "embedding_scale";
pub const RESIDUAL_SCALE: &str = "residual_scale";
pub const LOGIT_SCALE: &str = "logit_scale";

/// Whether the model was trained with rope at all.
pub const ROPE_TRAINED: &str = "rope.scaling.finetuned";

/// Keys that change what a model computes, for [`Architecture::metadata`] to name or a file to do without. Windows are
/// not among them: files name those too that their model was trained without.
pub const CHANGING: [&str; 10] = [
    SCORE_CAP,
    LOGIT_CAP,
    SCORE_SCALE,
    EMBEDDING_SCALE,
    RESIDUAL_SCALE,
    LOGIT_SCALE,
    "attention.temperature_scale",
    "attention.clamp_kqv",
    "attention.max_alibi_bias",
    "expert_count",
];

/// Llama 1 to 3, Mistral, and what all others are told apart from.
const LLAMA: Architecture = Architecture {
    name: "llama",
    rope_style: RopeStyle::Interleaved,
    activation: Activation::Silu,
    tensors: Tensors { head_norms: false, norms_behind: false, gate_in_up: false },
    metadata: &[WINDOW],
    required: &[],
    windows: Windows::All,
    base_of_windows: None,
    rope_left_out: None,
    embedding_by_root_of_width: false,
    scores_by_width: None,
};

/// Qwen 2 and 2.5. Its biases of Q, K and V are read wherever a file has them.
const QWEN2: Architecture = Architecture {
    name: "qwen2",
    rope_style: RopeStyle::Halves,
    metadata: &[],
    windows: Windows::None,
    ..LLAMA
};

/// Gemma 1.
const GEMMA: Architecture = Architecture {
    name: "gemma",
    rope_style: RopeStyle::Halves,
    activation: Activation::Gelu,
    metadata: &[],
    windows: Windows::None,
    embedding_by_root_of_width: true,
    ..LLAMA
};

const ALL: [Architecture; 9] = [
    LLAMA,
    QWEN2,
    Architecture { name: "qwen3", tensors: Tensors { head_norms: true, ..LLAMA.tensors }, ..QWEN2 },
    GEMMA,
    Architecture {
        name: "gemma2",
        tensors: Tensors { norms_behind: true, ..LLAMA.tensors },
        metadata: &[WINDOW, SCORE_CAP, LOGIT_CAP],
        required: &[WINDOW, SCORE_CAP, LOGIT_CAP],
        windows: Windows::InTurn(2),
        scores_by_width: Some(46),
        ..GEMMA
    },
    Architecture {
        name: "gemma3",
        tensors: Tensors { head_norms: true, norms_behind: true, ..LLAMA.tensors },
        metadata: &[WINDOW, LOGIT_CAP],
        windows: Windows::InTurn(6),
        base_of_windows: Some(10_000.0),
        scores_by_width: Some(62),
        ..GEMMA
    },
    // Files name a window that llama.cpp leaves out too, for converters wrote wrong ones.
    Architecture { name: "phi3", tensors: Tensors { gate_in_up: true, ..LLAMA.tensors }, ..QWEN2 },
    Architecture {
        name: "granite",
        metadata: &[EMBEDDING_SCALE, RESIDUAL_SCALE, LOGIT_SCALE, SCORE_SCALE, ROPE_TRAINED],
        required: &[LOGIT_SCALE],
        windows: Windows::None,
        ..LLAMA
    },
    Architecture { name: "smollm3", metadata: &[], windows: Windows::None, rope_left_out: Some(4), ..LLAMA },
];

impl Architecture {
    pub fn named(name: &str) -> Option<Architecture> {
        ALL.into_iter().find(|architecture| architecture.name == name)
    }
}

/// Their names.
pub const ARCHITECTURES: [&str; ALL.len()] = {
    let mut names = [""; ALL.len()];
    let mut i = 0;
    while i < names.len() {
        names[i] = ALL[i].name;
        i += 1;
    }
    names
};
