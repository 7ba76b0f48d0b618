//! The values that tests compare ours with, computed anew by llama.cpp, and statistics by Python's packages.

use crate::run::{Run, cargo};
use crate::setup::{llama, python};
use crate::{model, repo, say};
use anyhow::{Context, Result};
use clap::Args;
use std::fs;
use std::path::{Path, PathBuf};

#[derive(Args)]
pub struct Options {
    /// Write them into this folder, not over those of the repository
    #[arg(long)]
    out: Option<PathBuf>,
    /// Only those of the tiny models of each architecture
    #[arg(long)]
    architectures: bool,
    /// Only those of the statistics of evaluations
    #[arg(long, conflicts_with_all = ["architectures", "check"])]
    statistics: bool,
    /// Compare a real model with llama.cpp instead, by its name in `fetch-model`: logits of three prompts, and perplexity
    #[arg(long, conflicts_with_all = ["out", "architectures"])]
    check: Option<String>,
    /// Also compare its verdicts of the golden tasks, each with both templates
    #[arg(long, requires = "check")]
    verdicts: bool,
}

/// Computes the golden values of the default model, of each architecture, and the golden verdicts.
pub fn generate(options: &Options) -> Result<()> {
    if options.statistics {
        return statistics(&folder(options, "golden")?.join("statistics.json"));
    }
    let program = llama::program("tests/golden/reference.cpp", &llama::CPU)?;
    let backends = llama::backends()?;
    if let Some(name) = &options.check {
        return check(name, options.verdicts, &program, &backends);
    }
    let work = repo::target().join("golden");
    fs::create_dir_all(&work)?;
    let folder = |name| folder(options, name);
    architectures(&work, &program, &folder("architectures")?.join("golden.json"))?;
    if options.architectures {
        return Ok(());
    }
    let model = model::fetch()?;
    let exact = work.join("f32.gguf");
    say!("golden: dequantizing the model");
    Run::new(&program).arg("dequantize").arg(&model).arg(&exact).env("LLAMA_LIBS", &backends).run()?;

    say!("golden: tokens, logits and perplexity");
    llama("tests/golden/generate.mjs", &[&program, &exact, &model, &folder("golden")?])?;

    say!("golden: verdicts");
    let prompts = work.join("prompts.json");
    cargo()
        .args(["test", "--quiet", "--test", "verdicts", "every_task_has_its_prompts"])
        .env("LUNETTE_PROMPTS", &prompts)
        .run()?;
    llama(
        "tests/verdicts/generate.mjs",
        &[&program, &exact, &prompts, &folder("verdicts")?.join("golden.json")],
    )
}

/// The folder that a kind of values is written to.
fn folder(options: &Options, name: &str) -> Result<PathBuf> {
    let folder = match &options.out {
        Some(out) => std::env::current_dir()?.join(out).join(name),
        None => repo::path("tests").join(name),
    };
    fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    Ok(folder)
}

/// What scipy and others make of numbers, which no model is needed for.
fn statistics(out: &Path) -> Result<()> {
    say!("golden: statistics");
    let script = repo::path("tests/golden/statistics.py");
    python::with("tests/golden/requirements.txt")?.arg(script).arg(out).run()
}

/// Those of a tiny model of each architecture, which the tests make.
fn architectures(work: &Path, program: &Path, out: &Path) -> Result<()> {
    say!("golden: architectures");
    let tiny = tiny_models(work)?;
    llama("tests/architectures/generate.mjs", &[program, &tiny, out])
}

/// Writes the tiny models of all architectures, which a test makes, into a folder in `work`.
pub fn tiny_models(work: &Path) -> Result<PathBuf> {
    let folder = work.join("architectures");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    cargo()
        .args(["test", "--quiet", "--test", "architectures", "every_architecture_has_a_model"])
        .env("LUNETTE_ARCHITECTURES", &folder)
        .run()?;
    Ok(folder)
}

/// A script that asks llama.cpp.
fn llama(script: &str, arguments: &[&Path]) -> Result<()> {
    Run::new("node").arg(repo::path(script)).args(arguments).env("LLAMA_LIBS", llama::backends()?).run()
}

/// Holds a real model to llama.cpp's values, which are computed for it and not kept.
fn check(name: &str, verdicts: bool, program: &Path, backends: &Path) -> Result<()> {
    let model = model::fetch_named(name)?;
    let work = repo::target().join("golden");
    fs::create_dir_all(&work)?;
    let (exact, values) = (work.join("real.gguf"), work.join("real.json"));
    say!("golden: dequantizing {name}");
    Run::new(program).arg("dequantize").arg(&model).arg(&exact).env("LLAMA_LIBS", backends).run()?;
    say!("golden: llama.cpp's logits");
    llama("tests/architectures/real.mjs", &[program, &exact, &values])?;
    let (prompts, golden) = (work.join("real-prompts.json"), work.join("real-verdicts.json"));
    let test = |which: &[&str]| {
        let test = cargo().args(["test", "--quiet", "--test", "verdicts", "--", "--nocapture"]).args(which);
        test.env("LUNETTE_OTHER_MODEL", &model)
    };
    if verdicts {
        say!("golden: llama.cpp's verdicts");
        test(&["every_task_has_its_prompts"]).env("LUNETTE_PROMPTS", &prompts).run()?;
        llama("tests/verdicts/generate.mjs", &[program, &exact, &prompts, &golden])?;
    }
    fs::remove_file(&exact).with_context(|| format!("removing {}", exact.display()))?;
    if verdicts {
        say!("golden: our verdicts");
        test(&["prompts_have_the_tokens", "verdicts_are_those"]).env("LUNETTE_GOLDEN", &golden).run()?;
    }
    say!("golden: ours");
    cargo()
        .args(["bench", "--quiet", "--bench", "agree", "--", "--model"])
        .arg(&model)
        .arg("--golden")
        .arg(&values)
        .run()
}
