//! Fuzzing: libFuzzer feeds each target with hostile inputs, guided by coverage, until its time is up. The stable
//! compiler can build what it needs.

use crate::run::{Run, cargo, which};
use crate::setup::apt;
use crate::{repo, say};
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

#[derive(Args)]
pub struct Options {
    /// Only these targets
    targets: Vec<String>,
    /// For each target
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Executions of each target after which it ends earlier [default: no limit]
    #[arg(long)]
    runs: Option<u64>,
}

/// Seconds for each target where all are tests among others: about a minute in all.
const SMOKE: u64 = 6;
/// Seconds that one input may take on a busy machine. The targets themselves count the processor's time.
const TIMEOUT: u64 = 60;
const MAX_MIB: u64 = 3072;
const MAX_INPUT: u64 = 16 << 10;
/// KiB of stack: less than browsers give WebAssembly.
const STACK: u64 = 768;
/// Counters for the branches of all code, and a word to the engine at each comparison.
const FLAGS: [&str; 5] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

pub fn fuzz(options: &Options) -> Result<()> {
    let known = targets()?;
    if let Some(unknown) = options.targets.iter().find(|name| !known.contains(name)) {
        bail!("there is no target {unknown}; there are {}", known.join(", "));
    }
    let chosen = if options.targets.is_empty() { &known } else { &options.targets };
    let runs = options.runs.map(|runs| format!("-runs={runs}"));
    each(chosen, options.seconds, &runs.as_deref().into_iter().collect::<Vec<_>>(), &mut |_| ())
}

/// All targets for a short time; whether each held is told to `held`.
pub fn smoke(held: &mut dyn FnMut(bool)) -> Result<()> {
    // The same inputs every time: what passed once must not fail by chance where nothing has changed.
    each(&targets()?, SMOKE, &["-seed=1"], held)
}

fn each(targets: &[String], seconds: u64, more: &[&str], held: &mut dyn FnMut(bool)) -> Result<()> {
    let programs = build()?;
    let mut broken = Vec::new();
    for target in targets {
        say!("fuzz: {target}, {seconds} s");
        let result = run(&programs.join(target), target, seconds, more);
        held(result.is_ok());
        if let Err(error) = result {
            eprintln!("{error:#}");
            broken.push(target.as_str());
        }
    }
    if !broken.is_empty() {
        bail!(
            "broken: {}. `target/fuzz/artifacts` has the inputs; the target's program in {} takes one as its argument. \
             Keep it in fuzz/regressions, where tests replay it",
            broken.join(", "),
            programs.display()
        );
    }
    Ok(())
}

/// Each has a program of its own.
fn targets() -> Result<Vec<String>> {
    let folder = repo::path("fuzz/fuzz_targets");
    let entries = fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))?;
    let names =
        entries.map(|entry| Ok(entry?.path().file_stem().unwrap_or_default().to_string_lossy().into_owned()));
    let mut names = names.collect::<Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

/// Builds the targets apart from everything else, since their flags are not those of other builds. Returns the folder
/// with the programs.
fn build() -> Result<PathBuf> {
    if std::env::var_os("CXX").is_none() && which(&["c++", "g++", "clang++"]).is_none() {
        apt::install(&["g++"], "a C++ compiler, for the fuzzing engine,")?;
    }
    let version = Run::new("rustc").arg("-vV").output()?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.context("rustc does not say what it runs on")?;
    let folder = folder();
    // With a target named, the flags are not for build scripts.
    cargo()
        .args(["build", "--package", "lunette-fuzz", "--features", "engine", "--bins"])
        .args(["--profile", "fuzz", "--target", host, "--target-dir"])
        .arg(&folder)
        .env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\x1f"))
        .run()?;
    Ok(folder.join(host).join("fuzz"))
}

fn folder() -> PathBuf {
    repo::target().join("fuzz")
}

fn run(program: &Path, target: &str, seconds: u64, more: &[&str]) -> Result<()> {
    let corpus = folder().join("corpus").join(target);
    let artifacts = folder().join("artifacts");
    for folder in [&corpus, &artifacts] {
        fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    }
    let mut command = Run::new("sh")
        .args(["-c", &format!("ulimit -s {STACK} && exec \"$0\" \"$@\" 2>&1")])
        .arg(program)
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-timeout={TIMEOUT}"))
        .arg(format!("-rss_limit_mb={MAX_MIB}"))
        .arg(format!("-max_len={MAX_INPUT}"))
        .arg(format!("-artifact_prefix={}/{target}-", artifacts.display()))
        .arg("-print_funcs=0")
        .args(more);
    let words = repo::path("fuzz/dict").join(format!("{target}.dict"));
    if words.is_file() {
        command = command.arg(format!("-dict={}", words.display()));
    }
    // What it finds goes to the first folder.
    let kept = ["corpus", "regressions"].map(|kind| repo::path("fuzz").join(kind).join(target));
    let (start, mut last) = (Instant::now(), String::new());
    let sound = command.arg(corpus).args(kept.iter().filter(|folder| folder.is_dir())).filtered(|line| {
        let progress = line.starts_with('#') || line.starts_with("INFO: ");
        if line.starts_with('#') && line.contains("cov: ") {
            last = line.into();
        }
        !progress
    })?;
    ensure!(sound, "{target} is broken");
    say!("fuzz: {target}: {} in {} s", figures(&last).unwrap_or(last), start.elapsed().as_secs());
    Ok(())
}

/// What the engine's last line of progress says.
fn figures(line: &str) -> Option<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let behind = |name: &str| words.iter().position(|word| *word == name).and_then(|at| words.get(at + 1));
    let (count, branches, corpus) = (words.first()?.strip_prefix('#')?, behind("cov:")?, behind("corp:")?);
    let inputs = corpus.split('/').next()?;
    Some(format!("{count} executions, {branches} branches reached, {inputs} inputs kept"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_read() {
        let line = "#1716\tDONE   cov: 4012 ft: 9000 corp: 321/88Kb lim: 16384 exec/s: 572 rss: 90Mb";
        assert_eq!(figures(line).unwrap(), "1716 executions, 4012 branches reached, 321 inputs kept");
        assert_eq!(figures("INFO: nothing"), None);
    }
}
