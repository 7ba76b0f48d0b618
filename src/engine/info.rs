use crate::gguf::Header;
use crate::model::{BackendInfo, Config};
use crate::tokenizer::Tokenizer;
use serde::Serialize;
use std::collections::HashMap;

/// What was loaded, and what it runs on.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelInfo {
    /// The name that the file gives itself.
    pub name: String,
    pub architecture: String,
    /// Such as "Q4_K_M".
    pub quantization: String,
    /// Number of weights.
    pub parameters: u64,
    /// Tokens that a sequence can hold, as loaded.
    pub context_length: usize,
    pub vocabulary_size: usize,
    /// Numbers of a state.
    pub hidden_size: usize,
    /// The licence that the file names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// The names of the adapters that a call may choose.
    pub lora_adapters: Vec<String>,
    /// What a person should know about the file, in whole sentences: that its text is cut into tokens by a guess, for one.
    pub warnings: Vec<String>,
    #[serde(flatten)]
    pub backend: BackendInfo,
}

impl ModelInfo {
    pub(super) fn new(
        header: &Header,
        config: &Config,
        context_length: usize,
        tokenizer: &Tokenizer,
        backend: BackendInfo,
    ) -> ModelInfo {
        let text = |key: &str| header.metadata.str(key).map(str::to_string);
        ModelInfo {
            name: text("general.name").unwrap_or_else(|| "unnamed".into()),
            architecture: text("general.architecture").unwrap_or_default(),
            quantization: quantization(header),
            parameters: header.tensors.iter().map(|t| t.elements()).sum(),
            context_length,
            vocabulary_size: tokenizer.vocabulary_size(),
            hidden_size: config.width,
            license: text("general.license"),
            lora_adapters: config.adapters.names().map(str::to_string).collect(),
            warnings: tokenizer.warnings().to_vec(),
            backend,
        }
    }
}

/// The file's own word (`general.file_type`, llama.cpp's `llama_ftype`), else the type that holds most weights.
pub(super) fn quantization(header: &Header) -> String {
    let named = match header.metadata.u64("general.file_type") {
        Some(0) => Some("F32"),
        Some(1) => Some("F16"),
        Some(2) => Some("Q4_0"),
        Some(3) => Some("Q4_1"),
        Some(7) => Some("Q8_0"),
        Some(14) => Some("Q4_K_S"),
        Some(15) => Some("Q4_K_M"),
        Some(16) => Some("Q5_K_S"),
        Some(17) => Some("Q5_K_M"),
        Some(18) => Some("Q6_K"),
        _ => None,
    };
    let most = || {
        let mut weights = HashMap::new();
        for tensor in &header.tensors {
            if let Ok(block_type) = tensor.block_type() {
                *weights.entry(block_type.name()).or_insert(0) += tensor.elements();
            }
        }
        weights.into_iter().max_by_key(|(name, count)| (*count, *name)).map_or("unknown", |(name, _)| name)
    };
    named.unwrap_or_else(most).to_string()
}
