//! Everything native on a GPU. The programs need neither cargo nor this repository once they are built, so that they can be
//! carried to a machine that has little more than a Vulkan driver.

use crate::bench::{self, Options};
use crate::bench_report::Report;
use crate::run::{Run, cargo};
use crate::setup::drivers;
use crate::synth::{self, Quant, Shape};
use crate::{repo, say};
use anyhow::{Context, Result};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

const PROGRAMS: [&str; 2] = ["kernels", "model"];

/// Measured beside the default model, with random weights; one that does not fit is reported as not measured.
const SHAPES: [(Shape, Quant); 2] = [(Shape::Llama32, Quant::Q4KM), (Shape::Llama31, Quant::Q4KM)];
/// In their place where a program on the CPU is the GPU.
const SMALL: [(Shape, Quant); 1] = [(Shape::Tiny, Quant::Q4_0)];

pub fn measure(options: &Options, report: &mut Report, failures: &mut Vec<String>) -> Result<()> {
    if let Some(path) = &options.samples {
        let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        report.add("gpu", bench::samples(&text)?);
        return Ok(());
    }
    let folder = build()?;
    say!("bench: kernels on the GPU");
    let elsewhere = || format!("to measure elsewhere, carry the programs in {} there", folder.display());
    report.add("kernels", bench::samples(&run(&folder, "kernels", None, options).with_context(elsewhere)?)?);
    for model in models(options) {
        let name = model.as_ref().map_or("a model".into(), |path| file_stem(path));
        say!("bench: {name} on the GPU");
        let printed = model.and_then(|path| run(&folder, "model", Some(&path), options));
        match printed.and_then(|text| bench::samples(&text)) {
            Ok(samples) => report.add(&format!("model {name}"), samples),
            Err(error) => failures.push(format!("{name}: {error:#}")),
        }
    }
    Ok(())
}

/// Made one at a time, when their turn comes.
fn models(options: &Options) -> impl Iterator<Item = Result<PathBuf>> {
    let shapes = if options.software { &SMALL[..] } else { &SHAPES[..] };
    [options.model()].into_iter().chain(shapes.iter().map(|(shape, quant)| synth::at_hand(*shape, *quant)))
}

/// Builds the programs and puts them where they are easily found.
fn build() -> Result<PathBuf> {
    let folder = repo::target().join("gpu");
    fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    let benches = PROGRAMS.iter().flat_map(|name| ["--bench", name]);
    let messages = cargo().args(["bench", "--no-run", "--message-format", "json"]).args(benches).output()?;
    for message in messages.lines() {
        let message: Value = serde_json::from_str(message).context("cargo said what is no JSON")?;
        let (name, program) = (message["target"]["name"].as_str(), message["executable"].as_str());
        if let (Some(name), Some(program)) = (name, program) {
            fs::copy(program, folder.join(name)).with_context(|| format!("copying {program}"))?;
        }
    }
    Ok(folder)
}

fn run(folder: &Path, program: &str, model: Option<&Path>, options: &Options) -> Result<String> {
    let run = Run::new(folder.join(program)).args(["--backend", "webgpu"]);
    let run = run.args(["--reps", &options.reps.to_string()]);
    let run = match model {
        Some(path) => run.args(bench::lengths(options)).arg("--model").arg(path),
        None => run,
    };
    if !options.software {
        return run.arg("--hardware").output();
    }
    drivers::vulkan()?.into_iter().fold(run, |run, (key, driver)| run.env(key, driver)).output()
}

fn file_stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}
