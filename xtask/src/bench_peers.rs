//! Other engines beside ours: on the same file, in the same run, by turns, so that what else the machine does meets all.
//!
//! What measures them is in benches/peers; their versions are pinned there.

use crate::bench::{Backend, Options, samples, script};
use crate::bench_report::{Report, Sample};
use crate::run::Run;
use crate::setup::{browser as chrome, llama, node, python};
use crate::synth::{self, Quant, Shape};
use crate::{repo, say, stamp};
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

struct Peer {
    /// What `--peers` calls it.
    key: &'static str,
    /// In tables, with its threads behind it.
    label: &'static str,
    /// Which of ours stands beside it.
    ours: Backend,
    program: Program,
}

/// How a peer is run.
enum Program {
    /// A page of benches/peers/web, with arguments for peer.mjs.
    Page(&'static [&'static str]),
    /// The same with an ONNX decoder of so many bits, made of the model.
    Onnx(&'static [&'static str], &'static str),
    /// benches/peers/native.cpp.
    Native,
}

const PEERS: [Peer; 4] = [
    Peer { key: "wllama", label: "wllama wasm", ours: Backend::Wasm, program: Program::Page(&["wllama"]) },
    Peer {
        key: "onnxruntime",
        label: "onnxruntime-web wasm int8",
        ours: Backend::Wasm,
        program: Program::Onnx(&["onnxruntime"], "8"),
    },
    Peer { key: "native", label: "llama.cpp native", ours: Backend::Wasm, program: Program::Native },
    Peer {
        key: "onnxruntime-webgpu",
        label: "onnxruntime-web WebGPU int4",
        ours: Backend::Webgpu,
        program: Program::Onnx(&["onnxruntime", "--webgpu"], "4"),
    },
];

/// Tokens of the prompt, tokens decoded: short on the software adapter that this is compared on.
fn lengths(backend: Backend) -> [&'static str; 2] {
    if matches!(backend, Backend::Webgpu) { ["64", "4"] } else { ["512", "64"] }
}

/// Adds measurements and ratios, on the model that is asked for or on those that people run, of three types.
pub fn measure(options: &Options, report: &mut Report, failures: &mut Vec<String>) -> Result<()> {
    node::packages("benches/peers")?;
    if options.model.is_some() {
        return on(options, report, failures);
    }
    let usual = [
        synth::at_hand(Shape::Llama32, Quant::Q4KM)?,
        synth::at_hand(Shape::Smol, Quant::Q8_0)?,
        options.model()?,
    ];
    for model in usual {
        let mut options = options.clone();
        options.model = Some(model);
        on(&options, report, failures)?;
    }
    Ok(())
}

/// One model. A peer that cannot be had is a failure that the others outlive.
fn on(options: &Options, report: &mut Report, failures: &mut Vec<String>) -> Result<()> {
    let model = options.model()?;
    let model = model.file_stem().unwrap_or_default().to_string_lossy();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let usual = if cores > 1 { vec![1, cores] } else { vec![1] };
    let threads = if options.threads.is_empty() { &usual } else { &options.threads };
    let runs = threads.iter().map(|threads| (Backend::Wasm, *threads)).chain([(Backend::Webgpu, 1)]);
    for (backend, threads) in runs {
        for rep in 1..=options.reps {
            let mut beside =
                PEERS.iter().filter(|peer| peer.ours == backend && options.wants(peer)).peekable();
            if beside.peek().is_none() {
                break;
            }
            say!("bench: peers of {} on {model}, repetition {rep}", backend.name());
            let ours = match ours(backend, threads, options) {
                Ok(ours) => ours,
                Err(error) => {
                    failures.push(format!("ours on {}: {error:#}", backend.name()));
                    break;
                }
            };
            report.add(&format!("peers, {model}"), ours.clone());
            for peer in beside {
                match theirs(peer, threads, options) {
                    Ok(theirs) => {
                        report.add(&format!("peers, {model}"), theirs.clone());
                        report.add(
                            &format!("peers, {model}, ratios"),
                            ratios(&peer.label(threads), &ours, &theirs),
                        );
                    }
                    Err(error) => failures.push(format!("{}: {error:#}", peer.label(threads))),
                }
            }
        }
    }
    Ok(())
}

impl Peer {
    fn label(&self, threads: usize) -> String {
        match (self.ours, threads) {
            (Backend::Webgpu, _) => self.label.into(),
            (_, 1) => format!("{}, 1 thread", self.label),
            (_, n) => format!("{}, {n} threads", self.label),
        }
    }
}

impl Options {
    fn wants(&self, peer: &Peer) -> bool {
        let named = self.peers.as_ref().is_none_or(|list| list.split(',').any(|key| key == peer.key));
        named && (self.backend.is_empty() || self.backend.contains(&peer.ours))
    }
}

fn ours(backend: Backend, threads: usize, options: &Options) -> Result<Vec<Sample>> {
    let [prompt, decode] = lengths(backend);
    let run =
        script("model.mjs", options)?.args(["--backend", backend.name(), "--reps", "1", "--batch", "1"]);
    let run = run.args(["--threads", &threads.to_string()]);
    samples(&run.args(["--prompt", prompt, "--decode", decode]).output()?)
}

fn theirs(peer: &Peer, threads: usize, options: &Options) -> Result<Vec<Sample>> {
    let [prompt, decode] = lengths(peer.ours);
    let (label, threads) = (peer.label(threads), &threads.to_string());
    let model = options.model()?;
    let page = |arguments: &[&str]| -> Result<Run> {
        let run = Run::new("node").arg(repo::path("benches/peers/peer.mjs")).args(arguments);
        let run = run.args(["--threads", threads, "--prompt", prompt, "--decode", decode]);
        Ok(run.env("CHROME", chrome::chrome()?).env("LUNETTE_MODEL", &model))
    };
    let run = match peer.program {
        Program::Page(arguments) => page(arguments)?,
        Program::Onnx(arguments, bits) => page(arguments)?.arg("--onnx").arg(onnx(&model, bits)?),
        Program::Native => Run::new(llama::program("benches/peers/native.cpp", &llama::CPU)?)
            .arg(&model)
            .args([threads, prompt, decode])
            .env("LLAMA_LIBS", llama::libraries(&llama::CPU)?),
    };
    let named = |sample: Sample| Sample { backend: label.clone(), adapter: String::new(), ..sample };
    Ok(samples(&run.output()?)?.into_iter().map(named).collect())
}

/// How many times as fast, or as much, ours is.
fn ratios(label: &str, ours: &[Sample], theirs: &[Sample]) -> Vec<Sample> {
    let ratio = |their: &Sample| {
        let our = ours.iter().find(|our| (&our.name, &our.unit) == (&their.name, &their.unit))?;
        Some(Sample {
            name: format!("{}, ours / {label}", their.name),
            unit: format!("× in {}", their.unit),
            value: our.value / their.value,
            ..our.clone()
        })
    };
    theirs.iter().filter_map(ratio).filter(|ratio| ratio.value.is_finite()).collect()
}

/// onnxruntime's version of the model, made once.
fn onnx(model: &Path, bits: &str) -> Result<PathBuf> {
    const BUILDER: &str = "benches/peers/onnx_decoder.py";
    let hashes = [stamp::file_hash(model)?, stamp::file_hash(&repo::path(BUILDER))?];
    let folder = cache()?;
    let file = folder.join(format!("{}-{}-{bits}bit.onnx", &hashes[0][..12], &hashes[1][..6]));
    if !file.exists() {
        let part = file.with_extension("part");
        say!("making {}", file.display());
        python::with("benches/peers/requirements.txt")?
            .arg(repo::path(BUILDER))
            .arg(model)
            .arg(&part)
            .arg(bits)
            .run()?;
        fs::rename(&part, &file).with_context(|| format!("there is no {}", part.display()))?;
    }
    Ok(file)
}

fn cache() -> Result<PathBuf> {
    let folder = repo::tools()?.with_file_name("peers");
    fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    Ok(folder)
}
