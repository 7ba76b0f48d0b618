//! A whole file, from its first byte to a token of text: sound but for some lies, with any bytes for weights.

use crate::file::{self, File};
use crate::limits::within;
use lunette::engine::{Backend, Constraint, Engine, GenerateOptions, LoadOptions, Prompt};
use lunette::source::MemoryModel;
use lunette::tokenizer::Message;
use lunette::{Result, Uninterrupted};
use pollster::block_on;
use std::rc::Rc;

pub fn run(data: &[u8]) {
    let Ok((file, rest)) = file::lying(File::sound(), data) else { return };
    let bytes = file.bytes(rest);
    within(128 << 20, 5.0, || {
        if let Ok(engine) = load(bytes, LoadOptions::default()) {
            let _ = use_it(&engine);
        }
    });
}

pub(crate) fn load(bytes: Vec<u8>, options: LoadOptions) -> Result<Engine> {
    // One thread: what a target allocates is counted on its own.
    let options = LoadOptions { backend: Backend::Wasm, threads: Some(1), ..options };
    block_on(Engine::load(Rc::new(MemoryModel::new(bytes)), &options, &mut |_| (), &Uninterrupted))
}

/// What a judge does with a model: reads logits, draws tokens, follows a constraint.
fn use_it(engine: &Engine) -> Result<()> {
    let tokens = engine.tokenizer().encode("a <|im_end|> b", true)?;
    block_on(engine.logits(&tokens, &Uninterrupted))?;
    let messages = vec![Message::user("Is it?")];
    let prompt = engine.chat_prompt(&messages, "So")?;
    let options = GenerateOptions {
        max_tokens: 3,
        temperature: 0.7,
        top_logprobs: 2,
        constraint: Some(Constraint::Regex("[a-c ]{0,4}".into())),
        ..Default::default()
    };
    block_on(engine.generate(Prompt::Tokens(prompt), &options, &mut |_| (), &Uninterrupted))?;
    Ok(())
}
