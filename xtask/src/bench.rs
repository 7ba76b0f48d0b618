//! Benchmarks: each part is run by a program of benches/, whose samples are gathered into medians.

use crate::bench_report::{Report, Sample};
use crate::run::{Run, cargo};
use crate::setup::{browser as chrome, drivers, node};
use crate::wasm::Profile;
use crate::{bench_gpu, bench_peers, model, pkg, repo, say};
use anyhow::{Result, bail, ensure};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

#[derive(Args, Clone)]
pub struct Options {
    /// What to measure
    part: Part,
    /// Only on these [default: each that the part knows]
    #[arg(long, value_enum)]
    pub backend: Vec<Backend>,
    /// Repetitions of each measurement
    #[arg(long, default_value_t = 3)]
    pub reps: usize,
    /// Write the measurements to this file as well
    #[arg(long)]
    json: Option<PathBuf>,
    /// Another model than the default one; with peers, than those of three types
    #[arg(long)]
    pub model: Option<PathBuf>,
    /// With a wasm module without link-time optimization
    #[arg(long)]
    dev: bool,
    /// Lengths of prompts, with commas between [default: 512,1024; shorter on a software adapter]
    #[arg(long)]
    prompt: Option<String>,
    /// Sequences that decode together, with commas between [default: 1,4,8,16]
    #[arg(long)]
    batch: Option<String>,
    /// Threads of the CPU, with commas between for one measurement each [default: natively all; with peers one and all; else 1]
    #[arg(long, value_delimiter = ',')]
    pub threads: Vec<usize>,
    /// With gpu: on a software adapter, and with a tiny model in place of large ones
    #[arg(long)]
    pub software: bool,
    /// With gpu: a table of what its programs printed elsewhere
    #[arg(long)]
    pub samples: Option<PathBuf>,
    /// Only these peers, with commas between [default: each that can be had]
    #[arg(long)]
    pub peers: Option<String>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Part {
    /// Matrix products alone
    Kernels,
    /// Prefill, decode, decode of several sequences at once
    Model,
    /// Rows a minute
    Judge,
    /// Rows a minute of an evaluation, beside those of one call after another
    Evaluate,
    /// Time until ready, time until the first verdict, memory
    Load,
    /// Other engines beside ours, on the same file
    Peers,
    /// Kernels and models on a hardware GPU, natively
    Gpu,
    All,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum Backend {
    /// The CPU, without a browser
    Native,
    /// The GPU, without a browser
    NativeGpu,
    /// WebAssembly in Chromium
    Wasm,
    /// WebGPU in Chromium
    Webgpu,
}

impl Backend {
    /// What the programs of benches/ call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Native | Self::Wasm => "wasm",
            Self::NativeGpu | Self::Webgpu => "webgpu",
        }
    }

    fn in_browser(self) -> bool {
        matches!(self, Self::Wasm | Self::Webgpu)
    }
}

impl Options {
    /// The model to measure with.
    pub fn model(&self) -> Result<PathBuf> {
        let Some(path) = &self.model else { return model::fetch() };
        let path = std::path::absolute(path)?;
        ensure!(path.is_file(), "there is no file {}", path.display());
        Ok(path)
    }
}

/// Measures, prints a table, and writes the JSON file.
pub fn bench(options: &Options) -> Result<()> {
    let parts = match options.part {
        Part::All => vec![Part::Kernels, Part::Model, Part::Judge, Part::Evaluate, Part::Load, Part::Peers],
        part => vec![part],
    };
    let mut report = Report::default();
    let mut failures = Vec::new();
    for part in parts {
        let label = name(part);
        if part == Part::Peers {
            prepare(options)?;
            bench_peers::measure(options, &mut report, &mut failures)?;
            continue;
        }
        if part == Part::Gpu {
            bench_gpu::measure(options, &mut report, &mut failures)?;
            continue;
        }
        for backend in backends(part, &options.backend) {
            say!("bench: {label} on {}", name(backend));
            for threads in threads(part, options) {
                let added =
                    prepare_for(backend, options).and_then(|()| measure(part, backend, threads, options));
                match added {
                    Ok(samples) => report.add(&label, samples),
                    Err(error) => failures.push(format!("{label} on {}: {error:#}", name(backend))),
                }
            }
        }
    }
    report.print(&options.model()?);
    if let Some(path) = &options.json {
        report.write(path, &options.model()?)?;
    }
    for failure in &failures {
        eprintln!("not measured: {failure}");
    }
    if report.is_empty() {
        bail!("nothing was measured");
    }
    Ok(())
}

fn backends(part: Part, asked: &[Backend]) -> Vec<Backend> {
    let known: &[Backend] = match part {
        Part::Kernels => &[Backend::Native, Backend::NativeGpu],
        Part::Model => &[Backend::Native, Backend::NativeGpu, Backend::Wasm, Backend::Webgpu],
        _ => &[Backend::Wasm, Backend::Webgpu],
    };
    known.iter().copied().filter(|backend| asked.is_empty() || asked.contains(backend)).collect()
}

/// The numbers of threads to measure with; `None` leaves it to the program.
fn threads(part: Part, options: &Options) -> Vec<Option<usize>> {
    if part == Part::Model && !options.threads.is_empty() {
        options.threads.iter().copied().map(Some).collect()
    } else {
        vec![None]
    }
}

fn prepare_for(backend: Backend, options: &Options) -> Result<()> {
    if backend.in_browser() { prepare(options) } else { Ok(()) }
}

/// The built package, and what drives a browser.
fn prepare(options: &Options) -> Result<()> {
    pkg::build(if options.dev { Profile::Dev } else { Profile::Release })?;
    node::packages("tests/browser")
}

fn measure(part: Part, backend: Backend, threads: Option<usize>, options: &Options) -> Result<Vec<Sample>> {
    let run = if backend.in_browser() {
        script(&format!("{}.mjs", name(part)), options)?
    } else {
        let run = cargo().args(["bench", "--quiet", "--bench", &name(part), "--", "--model"]);
        let run = run.arg(options.model()?);
        drivers::vulkan()?.into_iter().fold(run, |run, (key, driver)| run.env(key, driver))
    };
    let run = run.args(["--backend", backend.name(), "--reps", &options.reps.to_string()]);
    let run = if part == Part::Model { run.args(lengths(options)) } else { run };
    let run = threads.into_iter().fold(run, |run, threads| run.args(["--threads", &threads.to_string()]));
    samples(&run.output()?)
}

/// What a benchmark of a model is told of lengths and batches.
pub fn lengths(options: &Options) -> Vec<&str> {
    let given = [("--prompt", &options.prompt), ("--batch", &options.batch)];
    given.into_iter().filter_map(|(flag, value)| Some([flag, value.as_deref()?])).flatten().collect()
}

/// A script of benches/browser.
pub fn script(name: &str, options: &Options) -> Result<Run> {
    Ok(Run::new("node")
        .arg(repo::path("benches/browser").join(name))
        .env("CHROME", chrome::chrome()?)
        .env("LUNETTE_MODEL", options.model()?))
}

/// What a program of benches/ printed.
pub fn samples(printed: &str) -> Result<Vec<Sample>> {
    printed.lines().map(Sample::parse).collect()
}

fn name(value: impl ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}
