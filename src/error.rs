//! Every way that Lunette can fail, as one enum: a variant for each thing that a caller can act on.
//!
//! [`Error::code`] is the stable name that crosses into JavaScript (`LunetteError.code`); the message says what
//! happened and what to do about it.

use thiserror::Error;

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, Clone, PartialEq, Error)]
pub enum Error {
    /// The bytes are not a GGUF file, or its header contradicts itself.
    #[error(
        "this is not a usable GGUF file: {0}. Download the file again, or convert the model with a current llama.cpp."
    )]
    InvalidFile(String),
    /// The bytes are a file of another kind; the message says of which, and where the model is.
    #[error("this is no GGUF file: {0}.")]
    ForeignFile(&'static str),
    /// The file ends before its header says it does.
    #[error("the model file ends early: {0}. The download is probably incomplete; fetch it again.")]
    Truncated(String),
    #[error("the architecture \"{0}\" is not supported. Lunette runs: {supported}.", supported = crate::model::ARCHITECTURES.join(", "))]
    UnsupportedArchitecture(String),
    #[error("tensor \"{tensor}\" is stored as {block_type}, which Lunette cannot read. Use a file quantized as one of: {supported}.", supported = crate::quant::BlockType::NAMES.join(", "))]
    UnsupportedTensorType { tensor: String, block_type: String },
    /// The model lacks a tensor, or one has the wrong shape.
    #[error("the model does not match its architecture: {0}. The file may be damaged or of a newer format.")]
    InvalidModel(String),
    #[error("the tokenizer in this file cannot be used: {0}.")]
    UnsupportedTokenizer(String),
    #[error(
        "the chat template of this model failed: {0}. Give another with `chatTemplate`, or pass tokens or a plain prompt instead of messages."
    )]
    ChatTemplate(String),
    /// An argument of a call is wrong; the message names the field.
    #[error("{0}")]
    InvalidArgument(String),
    #[error(
        "{tokens} tokens are needed but this model holds {limit} at once. Shorten the text, let a judge do it with `truncate`, or load the model with a larger `contextLength` if it allows one."
    )]
    ContextOverflow { tokens: usize, limit: usize },
    #[error("no usable GPU: {0}. Load with backend \"wasm\", or \"auto\" to fall back to it.")]
    NoGpu(String),
    /// There is no room for the model, or for what it works in.
    #[error(
        "the model does not fit: {0}. Choose a smaller model or quantization, a shorter `contextLength`, or another `backend`."
    )]
    OutOfMemory(String),
    /// The device went away, and the model could not be put on another one.
    #[error(
        "the GPU device was lost: {0}. Load the model again, with backend \"wasm\" if that happens again."
    )]
    DeviceLost(String),
    /// The bytes of the model could not be fetched or read.
    #[error("the model could not be read: {0}")]
    Source(String),
    /// An error of the host that gives the bytes, with the host's code (see [`Error::from_host`]); its message is for people
    /// already.
    #[error("{message}")]
    Host { code: &'static str, message: String },
    #[error("the call was aborted")]
    Aborted,
    /// A fault of Lunette itself.
    #[error("internal error: {0}. Please report it.")]
    Internal(String),
}

impl Error {
    /// The name of the variant in JavaScript. Stable: callers switch on it.
    pub fn code(&self) -> &'static str {
        match self {
            Error::InvalidFile(_) | Error::ForeignFile(_) => "invalid-file",
            Error::Truncated(_) => "truncated",
            Error::UnsupportedArchitecture(_) => "unsupported-architecture",
            Error::UnsupportedTensorType { .. } => "unsupported-tensor-type",
            Error::InvalidModel(_) => "invalid-model",
            Error::UnsupportedTokenizer(_) => "unsupported-tokenizer",
            Error::ChatTemplate(_) => "chat-template",
            Error::InvalidArgument(_) => "invalid-argument",
            Error::ContextOverflow { .. } => "context-overflow",
            Error::NoGpu(_) => "no-gpu",
            Error::OutOfMemory(_) => "out-of-memory",
            Error::DeviceLost(_) => "device-lost",
            Error::Source(_) => "source",
            Error::Host { code, .. } => code,
            Error::Aborted => "aborted",
            Error::Internal(_) => "internal",
        }
    }
    /// The same error of one of several files; `part` counts from 0.
    pub(crate) fn in_part(self, part: usize, parts: usize) -> Error {
        let named = |what: String| format!("part {} of {parts}: {what}", part + 1);
        match self {
            Error::InvalidFile(what) => Error::InvalidFile(named(what)),
            Error::Truncated(what) => Error::Truncated(named(what)),
            other => other,
        }
    }

    /// An error of the host that gives the model's bytes. A code that is one of [`Error::CODES`] stays.
    pub fn from_host(code: Option<&str>, message: String) -> Error {
        match Error::CODES.iter().find(|known| code == Some(known)) {
            Some(&"aborted") => Error::Aborted,
            Some(code) => Error::Host { code, message },
            None => Error::Source(message),
        }
    }

    /// Every code there is.
    pub const CODES: [&str; 18] = [
        "invalid-file",
        "truncated",
        "unsupported-architecture",
        "unsupported-tensor-type",
        "invalid-model",
        "unsupported-tokenizer",
        "chat-template",
        "invalid-argument",
        "context-overflow",
        "no-gpu",
        "out-of-memory",
        "device-lost",
        "source",
        "integrity",
        "quota",
        "network",
        "aborted",
        "internal",
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_of_the_host_stays() {
        let message = || "said by the host".to_string();
        for code in Error::CODES {
            let error = Error::from_host(Some(code), message());
            assert_eq!(error.code(), code);
            assert!(error == Error::Aborted || error.to_string() == message());
        }
        for code in [None, Some("EACCES")] {
            assert_eq!(Error::from_host(code, message()), Error::Source(message()));
        }
    }
}
