//! Other engines beside ours: on the same file, in the same run, by turns, so that what else the machine does meets all.
//!
//! The programs that measure them lie in a folder of their own (`LUNETTE_PEERS`, else ../shared/peers), which is copied
//! to the user's cache and set up there.

use crate::bench::{Backend, Options, samples, script};
use crate::bench_report::{Report, Sample};
use crate::run::{Run, which};
use crate::setup::browser as chrome;
use crate::{repo, say, stamp};
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

struct Peer {
    /// As the peers' program calls it.
    key: &'static str,
    label: &'static str,
    /// Which of ours stands beside it.
    ours: Backend,
    /// What makes its model out of a GGUF file.
    builder: Option<&'static str>,
}

const PEERS: [Peer; 4] = [
    Peer { key: "wllama-cpu1", label: "wllama wasm, 1 thread", ours: Backend::Wasm, builder: None },
    Peer {
        key: "ort-wasm1",
        label: "onnxruntime-web wasm int8, 1 thread",
        ours: Backend::Wasm,
        builder: Some("build_q8.py"),
    },
    Peer { key: "native1", label: "llama.cpp native, 1 thread", ours: Backend::Wasm, builder: None },
    Peer {
        key: "ort-webgpu",
        label: "onnxruntime-web WebGPU int4",
        ours: Backend::Webgpu,
        builder: Some("build_onnx.py"),
    },
];

/// What is compared: the peers' key, our name for it, and the unit. `{p}` and `{d}` are prompt and decode lengths.
const KEYS: [(&str, &str, &str); 6] = [
    ("prefill_tps_512", "prefill {p}", "tok/s"),
    ("cpu_s_tps_512", "prefill {p}", "tok/CPU s"),
    ("decode_tps_64", "decode {d} after {p}", "tok/s"),
    ("cpu_s_decode_tps", "decode {d} after {p}", "tok/CPU s"),
    ("load_ms", "load", "ms"),
    ("memory_mb", "memory", "MiB"),
];

/// Tokens of the prompt, tokens decoded: short on the software adapter that this is compared on.
fn lengths(backend: Backend) -> (usize, usize) {
    if matches!(backend, Backend::Webgpu) { (64, 4) } else { (512, 64) }
}

/// Adds measurements and ratios; a peer that cannot be had is a failure that the others outlive.
pub fn measure(options: &Options, report: &mut Report, failures: &mut Vec<String>) -> Result<()> {
    let home = set_up()?;
    let model = options.model()?;
    let mut peers = Vec::new();
    for peer in PEERS.iter().filter(|peer| options.wants(peer)) {
        match ready(peer, &home, &model) {
            Ok(onnx) => peers.push((peer, onnx)),
            Err(error) => failures.push(format!("{}: {error:#}", peer.label)),
        }
    }
    for backend in [Backend::Wasm, Backend::Webgpu] {
        for rep in 1..=options.reps {
            let mut beside = peers.iter().filter(|(peer, _)| peer.ours == backend).peekable();
            if beside.peek().is_none() {
                break;
            }
            say!("bench: peers of {}, repetition {rep}", backend.name());
            let ours = match ours(backend, options) {
                Ok(ours) => ours,
                Err(error) => {
                    failures.push(format!("ours on {}: {error:#}", backend.name()));
                    break;
                }
            };
            report.add("peers", ours.clone());
            for (peer, onnx) in beside {
                match theirs(peer, onnx.as_deref(), &home, &model) {
                    Ok(theirs) => {
                        report.add("peers", theirs.clone());
                        report.add("peers, ratios", ratios(peer, &ours, &theirs));
                    }
                    Err(error) => failures.push(format!("{}: {error:#}", peer.label)),
                }
            }
        }
    }
    Ok(())
}

impl Options {
    fn wants(&self, peer: &Peer) -> bool {
        let named = self.peers.as_ref().is_none_or(|list| list.split(',').any(|key| key == peer.key));
        named && (self.backend.is_empty() || self.backend.contains(&peer.ours))
    }
}

fn ours(backend: Backend, options: &Options) -> Result<Vec<Sample>> {
    let (prompt, decode) = lengths(backend);
    let run =
        script("model.mjs", options)?.args(["--backend", backend.name(), "--reps", "1", "--batch", "1"]);
    samples(&run.args(["--prompt", &prompt.to_string(), "--decode", &decode.to_string()]).output()?)
}

fn theirs(peer: &Peer, onnx: Option<&Path>, home: &Path, model: &Path) -> Result<Vec<Sample>> {
    let (prompt, decode) = lengths(peer.ours);
    // The second length is not measured, but a context is made for it.
    let prompts = format!("{prompt},{}", 2 * prompt);
    let run = Run::new("node")
        .arg(home.join("run.mjs"))
        .arg(model)
        .args(["--peers", peer.key, "--reps", "1", "--long-reps", "0"])
        .args(["--prompt", &prompts, "--decode", &decode.to_string()])
        .args(["--onnx".as_ref(), onnx.unwrap_or(home).as_os_str()])
        .env("CHROMIUM", chrome::chrome()?)
        .dir(home);
    let printed = run.output()?;
    let first = printed.lines().next().context("it printed nothing")?;
    let record: Value = serde_json::from_str(first).context("it printed something else than JSON")?;
    if let Some(error) = record["error"].as_str() {
        bail!("{error}");
    }
    ensure!(!record["backend"].as_str().unwrap_or_default().contains("fell back"), "it fell back to the CPU");
    let sample = |&(key, name, unit): &(&str, &str, &str)| {
        Some(Sample {
            name: name.replace("{p}", &prompt.to_string()).replace("{d}", &decode.to_string()),
            backend: peer.label.into(),
            adapter: String::new(),
            unit: unit.into(),
            value: record[key].as_f64()?,
        })
    };
    Ok(KEYS.iter().filter_map(sample).collect())
}

/// How many times as fast, or as much, ours is.
fn ratios(peer: &Peer, ours: &[Sample], theirs: &[Sample]) -> Vec<Sample> {
    let ratio = |their: &Sample| {
        let our = ours.iter().find(|our| (&our.name, &our.unit) == (&their.name, &their.unit))?;
        Some(Sample {
            name: format!("{}, ours / {}", their.name, peer.label),
            unit: format!("× in {}", their.unit),
            value: our.value / their.value,
            ..our.clone()
        })
    };
    theirs.iter().filter_map(ratio).filter(|ratio| ratio.value.is_finite()).collect()
}

/// The peers' folder, copied and with its packages installed.
fn set_up() -> Result<PathBuf> {
    let from = match std::env::var_os("LUNETTE_PEERS") {
        Some(dir) => PathBuf::from(dir),
        None => repo::path("../shared/peers"),
    };
    ensure!(
        from.join("run.mjs").is_file(),
        "the programs that measure other engines are not in {}; LUNETTE_PEERS says where they are",
        from.display()
    );
    let home = cache()?;
    copy(&from, &home)?;
    packages(&home)?;
    Ok(home)
}

fn cache() -> Result<PathBuf> {
    Ok(repo::tools()?.with_file_name("peers"))
}

/// Copies what has changed; what was installed into the copy stays.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("creating {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("listing {}", from.display()))? {
        let (source, target) = {
            let entry = entry?;
            (entry.path(), to.join(entry.file_name()))
        };
        if source.is_dir() {
            copy(&source, &target)?;
            continue;
        }
        let bytes = fs::read(&source).with_context(|| format!("reading {}", source.display()))?;
        if fs::read(&target).ok().as_ref() != Some(&bytes) {
            // Written, not copied: the source may be read-only, and its copy would be too.
            fs::write(&target, bytes).with_context(|| format!("writing {}", target.display()))?;
        }
    }
    Ok(())
}

/// Their lock files are npm's as it was when they were made: one that does not fit any more is made anew, not refused.
fn packages(folder: &Path) -> Result<()> {
    if folder.join("node_modules/.package-lock.json").exists() {
        return Ok(());
    }
    say!("installing the npm packages of {}", folder.display());
    Run::new("npm").args(["install", "--ignore-scripts", "--no-audit", "--no-fund"]).dir(folder).run()
}

/// Makes what a peer needs besides the packages; returns the folder of its own model, if it has one.
fn ready(peer: &Peer, home: &Path, model: &Path) -> Result<Option<PathBuf>> {
    if peer.key.starts_with("native") {
        let native = home.join("native");
        packages(&native)?;
        if !native.join("native").exists() {
            Run::new("sh").arg("build.sh").dir(&native).run().context("it needs git and g++")?;
        }
    }
    peer.builder.map(|builder| onnx(builder, home, model)).transpose()
}

/// onnxruntime's version of the model, made once.
fn onnx(builder: &str, home: &Path, model: &Path) -> Result<PathBuf> {
    let hash = stamp::file_hash(model)?;
    let kind = builder.trim_end_matches(".py");
    let folder = home.join(format!("{kind}-{}", &hash[..12]));
    let file = folder.join("model.onnx");
    if file.exists() {
        return Ok(folder);
    }
    let python = python(home)?;
    say!("{builder}: making {}", file.display());
    fs::create_dir_all(&folder)?;
    // Under another ending until it is whole. The int8 builder goes by way of a float file.
    let (float, part) = (home.join("float.onnx"), home.join(format!("{kind}.part")));
    let run = Run::new(python).arg(home.join(builder)).arg(model).dir(home);
    match builder {
        "build_q8.py" => run.arg(&float).arg(&part).run()?,
        _ => run.arg(&part).run()?,
    }
    fs::rename(&part, &file).with_context(|| format!("{builder} wrote no {}", part.display()))?;
    Ok(folder)
}

/// A Python of its own, with what the builders import.
fn python(home: &Path) -> Result<PathBuf> {
    let venv = home.join("venv");
    let python = venv.join("bin/python");
    let ready = || Run::new(&python).args(["-c", "import numpy, gguf, onnx, onnxruntime"]).probe().is_some();
    if !python.exists() || !ready() {
        let system = which(&["python3", "python"]).context("it needs Python 3")?;
        Run::new(system).args(["-m", "venv"]).arg(&venv).run()?;
        Run::new(&python)
            .args(["-m", "pip", "install", "--disable-pip-version-check", "--quiet"])
            .args(["numpy", "gguf", "onnx", "onnxruntime"])
            .run()
            .context("the Python packages that make its model could not be installed")?;
    }
    Ok(python)
}
