//! The engine as a wasm module in pkg/wasm.

use crate::run::{Run, cargo};
use crate::setup::tools;
use crate::stamp::{Stamp, file_hash};
use crate::{repo, say};
use anyhow::{Context, Result};
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

/// How much time the build may take for a faster, smaller module.
#[derive(Clone, Copy, PartialEq)]
pub enum Profile {
    Release,
    Dev,
}

impl Profile {
    fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Dev => "wasm-dev",
        }
    }
}

/// What the module says of where its sources lay, in panics: nothing about the machine that it was built on. To be given to
/// Cargo beside the flags of `.cargo/config.toml`.
fn flags() -> Result<String> {
    let home = cargo_home().context("neither CARGO_HOME nor HOME is set")?;
    let from = home.join("registry/src");
    let flag = format!("--remap-path-prefix={}=crates", from.display());
    Ok(format!("target.wasm32-unknown-unknown.rustflags = [{flag:?}]"))
}

fn cargo_home() -> Option<PathBuf> {
    let home = || std::env::home_dir().map(|home| home.join(".cargo"));
    std::env::var_os("CARGO_HOME").map(PathBuf::from).or_else(home)
}

/// Builds pkg/wasm, as far as something has changed.
pub fn build(profile: Profile) -> Result<()> {
    let tools = tools::wasm()?;
    let time = if profile == Profile::Release { "; the first time takes several minutes" } else { "" };
    say!("building the wasm module ({} profile{time})", profile.name());
    let flags = flags()?;
    cargo()
        .args(["build", "--package", "lunette", "--lib", "--target", "wasm32-unknown-unknown"])
        .args(["--profile", profile.name(), "--config", &flags])
        .run()?;

    // Cargo knows whether the module changed; the steps after it do not, and take longer than looking.
    let built = repo::target().join("wasm32-unknown-unknown").join(profile.name()).join("lunette.wasm");
    let more = format!("{} {}", file_hash(&built)?, tools.versions);
    let stamp = Stamp::new("wasm", &[], &more)?;
    let out = repo::path("pkg/wasm");
    if stamp.fresh(&[out.join("lunette.js"), out.join("lunette.d.ts"), out.join("lunette_bg.wasm")]) {
        return Ok(());
    }

    say!("writing the module's JavaScript side");
    let flag = match profile {
        Profile::Release => vec!["--release"],
        Profile::Dev => vec!["--profile", profile.name()],
    };
    Run::new("wasm-pack")
        .args(["build", ".", "--target", "web", "--mode", "no-install", "--out-dir", "pkg/wasm"])
        .args(["--no-pack", "--no-gitignore", "--no-opt"])
        .args(flag)
        // To Cargo, which has nothing left to build.
        .args(["--", "--config", &flags])
        .env("PATH", &tools.path)
        .run()?;

    if profile == Profile::Release {
        // After LTO, more than -O1 takes longer and compresses worse.
        let (module, optimized) = (out.join("lunette_bg.wasm"), out.join("lunette_bg.optimized.wasm"));
        let start = Instant::now();
        let before = fs::metadata(&module).context("wasm-pack wrote no module")?.len();
        Run::new("node")
            .arg(&tools.wasm_opt)
            // llguidance's C interface: as exports its functions would be kept, 90 KB of them.
            .args(["--remove-exports", "--pass-arg=remove-exports@llg_*"])
            .arg("-O1")
            .arg(&module)
            .arg("-o")
            .arg(&optimized)
            .run()?;
        fs::rename(&optimized, &module).context("replacing the module by the optimized one")?;
        let after = fs::metadata(&module)?.len();
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let took = start.elapsed().as_secs_f64();
        say!("wasm-opt: {:.2} MiB to {:.2} MiB in {took:.0} s", mib(before), mib(after));
    }
    stamp.set()
}
