//! How a model is loaded.

use super::recovery::OnRecovery;
use crate::gguf::Header;
use crate::model::{Adapter, Config, KvShape, KvType};
use crate::tokenizer::{ChatTemplate, Date};
use crate::{Error, Result};
use std::rc::Rc;

/// Where a model runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// WebGPU on a hardware adapter, else the CPU: a software adapter is slower than SIMD.
    #[default]
    Auto,
    Webgpu,
    Wasm,
}

#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct LoadOptions {
    pub backend: Backend,
    /// Capabilities that must not be used: "subgroups", "f16", "dp4a".
    pub disable: Vec<String>,
    /// Tokens that a sequence can hold; the model's own length or [`DEFAULT_CONTEXT`] where not given.
    pub context_length: Option<usize>,
    /// Sequences that one forward pass may compute; [`DEFAULT_BATCH`] where not given.
    pub max_batch: Option<usize>,
    /// A Jinja template in place of the file's own, or for a file without one.
    pub chat_template: Option<String>,
    /// The day that chat templates may print, as `YYYY-MM-DD`. Where not given it is always the same, so that verdicts repeat.
    pub date: Option<String>,
    /// Threads of the CPU backend; as many as the machine runs at once where not given. Results do not depend on them.
    pub threads: Option<usize>,
    /// LoRA adapters, each of which a call may choose (see [`AdapterChoice`](super::AdapterChoice)).
    #[serde(skip)]
    pub adapters: Vec<Rc<Adapter>>,
    /// The adapter of a reward model's head: used by what asks for it ([`AdapterChoice::Head`](super::AdapterChoice)), and by no
    /// other call.
    #[serde(skip)]
    pub head: Option<Rc<Adapter>>,
    /// Called when the device is lost and when the model runs again; it may be called during the load.
    #[serde(skip)]
    pub on_recovery: Option<OnRecovery>,
    /// Type of the KV cache: f16, unless a test needs more precision.
    #[serde(skip)]
    pub kv_type: KvType,
    /// Steps that are submitted before the first one's token is read back. `None`: what suits the adapter.
    #[serde(skip)]
    pub steps_ahead: Option<usize>,
}

impl LoadOptions {
    /// All adapters that stand beside the model, that of a head last.
    pub(super) fn beside(&self) -> Vec<Rc<Adapter>> {
        self.adapters.iter().chain(&self.head).cloned().collect()
    }
}

/// Longest context unless the caller asks for more: room for every published judge prompt, in affordable memory.
pub const DEFAULT_CONTEXT: usize = 8192;

/// Sequences in a forward pass unless the caller says otherwise.
pub const DEFAULT_BATCH: usize = 16;
const MAX_BATCH: usize = 64;

/// Positions in a block of the KV cache.
const BLOCK_LEN: usize = 16;

/// The template that is asked for, else the file's.
pub(super) fn chat_template(header: &Header, options: &LoadOptions) -> Result<Option<ChatTemplate>> {
    let date = options.date.as_deref().map_or_else(|| Ok(Date::default()), Date::parse)?;
    match &options.chat_template {
        Some(source) => ChatTemplate::new(source, date).map(Some),
        None => ChatTemplate::from_metadata(&header.metadata, date),
    }
}

/// A cache for `context` positions.
pub(super) fn kv_shape(config: &Config, context: usize) -> KvShape {
    KvShape {
        layers: config.layers.len(),
        kv_heads: config.kv_heads,
        head_dim: config.head_dim,
        block_len: BLOCK_LEN,
        blocks: context.div_ceil(BLOCK_LEN),
    }
}

pub(super) fn max_batch(options: &LoadOptions) -> Result<usize> {
    match options.max_batch.unwrap_or(DEFAULT_BATCH) {
        n @ 1..=MAX_BATCH => Ok(n),
        n => Err(Error::InvalidArgument(format!("`maxBatch` is {n}; it can be 1 to {MAX_BATCH}"))),
    }
}

pub(super) fn context_length(options: &LoadOptions, config: &Config) -> Result<usize> {
    match options.context_length {
        None => Ok(config.context_length.min(DEFAULT_CONTEXT)),
        Some(n) if (1..=config.context_length).contains(&n) => Ok(n),
        Some(n) => Err(Error::InvalidArgument(format!(
            "`contextLength` is {n}; this model can be loaded with 1 to {}",
            config.context_length
        ))),
    }
}
