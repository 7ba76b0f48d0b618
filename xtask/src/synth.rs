//! Models of random weights, for measuring at a scale whose real weights are not at hand.

use crate::run::cargo;
use crate::{repo, say};
use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use std::fs;
use std::path::PathBuf;

#[derive(Args)]
pub struct Options {
    /// Whose shapes
    #[arg(long)]
    shape: Shape,
    /// Which quantization, as llama.cpp mixes it
    #[arg(long)]
    quant: Quant,
    /// Only this many layers [default: the shape's own]
    #[arg(long)]
    layers: Option<usize>,
    /// Where to; `models/synthetic-SHAPE-QUANT.gguf` unless given
    #[arg(long)]
    out: Option<PathBuf>,
    /// Load the file afterwards, on the CPU, and see that its logits are finite
    #[arg(long)]
    check: bool,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Shape {
    #[value(name = "llama-3.1-8b")]
    Llama31,
    #[value(name = "llama-3.2-1b")]
    Llama32,
    #[value(name = "smollm2-135m")]
    Smol,
    Tiny,
}

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Quant {
    Q4_0,
    Q4_1,
    Q5_0,
    Q8_0,
    #[value(name = "q2_k")]
    Q2K,
    #[value(name = "q3_k_m")]
    Q3KM,
    #[value(name = "q4_k_m")]
    Q4KM,
    #[value(name = "q5_k_m")]
    Q5KM,
    #[value(name = "q6_k")]
    Q6K,
    #[value(name = "iq4_nl")]
    Iq4Nl,
    #[value(name = "iq4_xs")]
    Iq4Xs,
    #[value(name = "iq1_s")]
    Iq1S,
    #[value(name = "iq1_m")]
    Iq1M,
    #[value(name = "iq2_xxs")]
    Iq2Xxs,
    #[value(name = "iq2_xs")]
    Iq2Xs,
    #[value(name = "iq2_m")]
    Iq2M,
    #[value(name = "iq3_xxs")]
    Iq3Xxs,
    #[value(name = "iq3_s")]
    Iq3S,
    #[value(name = "tq1_0")]
    Tq1,
    #[value(name = "tq2_0")]
    Tq2,
    #[value(name = "mxfp4")]
    Mxfp4,
    F16,
    Bf16,
}

/// Writes the file and prints its path.
pub fn synth(options: &Options) -> Result<()> {
    println!("{}", write(options)?.display());
    Ok(())
}

/// The whole of a shape, written unless it is there.
pub fn at_hand(shape: Shape, quant: Quant) -> Result<PathBuf> {
    let path = default_path(&name(shape), &name(quant), "");
    if !path.is_file() {
        // What is interrupted must not look finished the next time.
        let unfinished = path.with_extension("unfinished");
        write(&Options { shape, quant, layers: None, out: Some(unfinished.clone()), check: false })?;
        fs::rename(&unfinished, &path).with_context(|| format!("renaming {}", unfinished.display()))?;
    }
    Ok(path)
}

fn default_path(shape: &str, quant: &str, short: &str) -> PathBuf {
    repo::path("models").join(format!("synthetic-{shape}-{quant}{short}.gguf"))
}

fn write(options: &Options) -> Result<PathBuf> {
    let (shape, quant) = (name(options.shape), name(options.quant));
    let layers = options.layers.map(|n| n.to_string());
    let out = match &options.out {
        // What runs next has another working directory than the caller.
        Some(out) => std::path::absolute(out)?,
        None => {
            let short = layers.as_ref().map(|n| format!("-{n}-layers")).unwrap_or_default();
            default_path(&shape, &quant, &short)
        }
    };
    let folder = out.parent().context("the file needs a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    say!("writing {}", out.display());
    // In the profile of the tests, which is there already; it is the disk that takes the time.
    let program = || cargo().args(["bench", "--quiet", "--profile", "dev", "--bench", "synth", "--"]);
    program().args([&shape, &quant]).arg(&out).args(layers).run()?;
    if options.check {
        program().arg("check").arg(&out).run()?;
    }
    Ok(out)
}

fn name(value: impl ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}
