//! `synth SHAPE QUANT OUT [LAYERS]` writes a model of random weights, of exactly a published model's shapes and tensor
//! types, so that scale can be measured where its weights are not at hand. `synth check FILE` loads a file on the CPU
//! and looks at the logits of a text. `cargo xtask synth` runs this.
//!
//! Weights are made as blocks, not quantized from floats, and go to the file piece by piece. Their scales keep the
//! activations near 1, so that logits are finite however many layers there are.

#[path = "synth/blocks.rs"]
mod blocks;
#[path = "synth/metadata.rs"]
mod metadata;
#[path = "synth/shape.rs"]
mod shape;
#[path = "synth/vocabulary.rs"]
mod vocabulary;

use blocks::Blocks;
use lunette::Uninterrupted;
use lunette::engine::{Backend, Engine, LoadOptions};
use lunette::quant::BlockType;
use lunette::source::FileModel;
use lunette::tokenizer::Message;
use metadata::metadata;
use shape::{Mix, Shape};
use std::error::Error;
use std::fs::File;
use std::io::BufWriter;
use std::rc::Rc;

/// Bytes of weights in memory at a time.
const PIECE: usize = 4 << 20;

fn main() {
    // Cargo adds its own flag.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    if let Err(error) = run(&arguments) {
        eprintln!("error: {error}");
        std::process::exit(1);
    }
}

fn run(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    if let [command, path] = arguments
        && command == "check"
    {
        return pollster::block_on(check(path));
    }
    let [shape, quant, out, layers @ ..] = arguments else {
        return Err("usage: synth SHAPE QUANT OUT [LAYERS]".into());
    };
    let mut shape = Shape::named(shape).ok_or_else(|| format!("there is no shape \"{shape}\""))?;
    let mix = Mix::named(quant).ok_or_else(|| format!("there is no quantization \"{quant}\""))?;
    if let Some(layers) = layers.first() {
        shape.layers = layers.parse().ok().filter(|n| *n > 0).ok_or("LAYERS is a number above 0")?;
    }
    let tensors = shape.tensors(mix)?;

    let mut header = metadata(&shape, mix, quant);
    for (name, dims, block_type) in &tensors {
        header.tensor(name, dims, *block_type);
    }
    let file = BufWriter::new(File::create(out).map_err(|e| format!("{out}: {e}"))?);
    let mut data = header.start(file)?;
    let mut blocks = Blocks::new();
    for (name, dims, block_type) in &tensors {
        let elements = dims.iter().product::<u64>() as usize;
        let pieces: Box<dyn Iterator<Item = Vec<u8>>> = match &name[..] {
            "rope_freqs.weight" => Box::new(std::iter::once(block_type.quantize(&shape.rope_factors()))),
            _ if dims.len() == 1 => Box::new(std::iter::once(block_type.quantize(&blocks.norm(elements)))),
            _ => Box::new(blocks.matrix(*block_type, dims[0] as usize, elements, PIECE)),
        };
        for piece in pieces {
            data.write(&piece)?;
        }
    }
    data.finish()?.into_inner()?.sync_all()?;
    eprintln!("{out}: {} tensors, {:.2} GB", tensors.len(), std::fs::metadata(out)?.len() as f64 / 1e9);
    Ok(())
}

async fn check(path: &str) -> Result<(), Box<dyn Error>> {
    let options = LoadOptions { backend: Backend::Wasm, ..LoadOptions::default() };
    let model = Rc::new(FileModel::open(path)?);
    let engine = Engine::load(model, &options, &mut |_| (), &Uninterrupted).await?;
    let text = "The moon goes round the earth once in twenty-seven days.";
    let tokens = engine.chat_prompt(&[Message::user(text)], "")?;
    if engine.tokenizer().decode(&engine.tokenizer().encode(text, false)?)? != text {
        return Err("its tokenizer does not give a text back".into());
    }
    let logits = engine.logits(&tokens, &Uninterrupted).await?;
    let mean_square = logits.iter().map(|x| f64::from(x * x)).sum::<f64>() / logits.len() as f64;
    if !mean_square.is_finite() {
        return Err("its logits are not finite".into());
    }
    let (size, deviation) = (logits.len(), mean_square.sqrt());
    eprintln!("{path}: {} tokens of chat, {size} logits with a deviation of {deviation:.2}", tokens.len());
    Ok(())
}

/// Name, dimensions (innermost first), type.
type Tensor = (String, Vec<u64>, BlockType);
