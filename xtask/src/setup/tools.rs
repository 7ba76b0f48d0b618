//! The programs that turn Rust into a wasm module: the compiler's target, wasm-bindgen and wasm-opt.

use super::node;
use crate::run::{Run, cargo, which};
use crate::stamp::file_hash;
use crate::{repo, say};
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

const TARGET: &str = "wasm32-unknown-unknown";

/// wasm-opt comes from npm, pinned: Debian 12's (binaryen 108) writes a wrong index where a module exports its second
/// table, and wasm-bindgen's modules do.
const NPM: &str = "xtask/npm";

/// The wasm tools, installed.
pub struct Tools {
    pub bindgen: PathBuf,
    /// To be run by node.
    pub wasm_opt: PathBuf,
    /// What decides, with their input, what they put out.
    pub versions: String,
}

/// Installs what is missing.
pub fn wasm() -> Result<Tools> {
    target()?;
    let bindgen = locked_version("wasm-bindgen")?;
    // Its published lock file does not build everywhere; its own requirements do.
    let dir = cargo_tool("wasm-bindgen-cli", "wasm-bindgen", &bindgen, &[], "about 3 minutes")?;
    node::packages(NPM)?;
    let lock = file_hash(&repo::path(NPM).join("package-lock.json"))?;
    Ok(Tools {
        bindgen: dir.unwrap_or_default().join("wasm-bindgen"),
        wasm_opt: repo::path(NPM).join("node_modules/binaryen/bin/wasm-opt"),
        versions: format!("wasm-bindgen {bindgen}, npm {lock}"),
    })
}

/// What compiles for wasm. rustup adds the target by itself from rust-toolchain.toml in most setups.
pub fn target() -> Result<()> {
    let rustlib = sysroot()?.join("lib/rustlib");
    let there = |what: &str| rustlib.join(what).is_dir();
    rustup("target", TARGET, there(TARGET))?;
    // The published standard library knows no threads in wasm.
    rustup("component", "rust-src", there("src/rust/library"))
}

pub fn sysroot() -> Result<PathBuf> {
    Ok(PathBuf::from(Run::new("rustc").args(["--print", "sysroot"]).output()?.trim()))
}

fn rustup(kind: &str, name: &str, there: bool) -> Result<()> {
    if there {
        return Ok(());
    }
    say!("adding the Rust {kind} {name}");
    let add = Run::new("rustup").args([kind, "add", name]).run();
    add.with_context(|| format!("the Rust {kind} {name} is missing, and rustup could not add it"))
}

/// A tool that cargo builds, at one version, in its own folder. Returns that folder, or `None` where PATH has it.
pub fn cargo_tool(
    package: &str,
    program: &str,
    version: &str,
    flags: &[&str],
    time: &str,
) -> Result<Option<PathBuf>> {
    let has_version = |program: &Path| {
        let printed = Run::new(program).arg("--version").probe();
        printed.is_some_and(|text| text.split_whitespace().last() == Some(version))
    };
    if which(&[program]).is_some_and(|found| has_version(&found)) {
        return Ok(None);
    }
    let root = repo::tools()?.join(format!("{package}-{version}"));
    let bin = root.join("bin");
    if !has_version(&bin.join(program)) {
        say!("installing {package} {version} into {} ({time} on two cores)", root.display());
        cargo()
            .args(["install", package, "--version", &format!("={version}"), "--force"])
            .args(flags)
            .arg("--root")
            .arg(&root)
            // Away from the repository's cargo configuration, which is for the engine.
            .dir(std::env::temp_dir())
            .run()
            .with_context(|| format!("{package} {version} could not be installed"))?;
    }
    Ok(Some(bin))
}

/// The version of a crate in Cargo.lock: the wasm-bindgen program must match its library exactly.
fn locked_version(name: &str) -> Result<String> {
    let lock = fs::read_to_string(repo::path("Cargo.lock")).context("reading Cargo.lock")?;
    let entry = lock.split("[[package]]").find(|entry| quoted_after(entry, "name").as_deref() == Some(name));
    entry
        .and_then(|entry| quoted_after(entry, "version"))
        .with_context(|| format!("Cargo.lock has no {name}"))
}

/// The value of the first line `key = "value"`.
fn quoted_after(text: &str, key: &str) -> Option<String> {
    let line = text.lines().find(|line| line.split('=').next().map(str::trim) == Some(key))?;
    Some(line.split('"').nth(1)?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::quoted_after;

    #[test]
    fn reads_a_lock_entry() {
        let entry = "\nname = \"wasm-bindgen\"\nversion = \"0.2.130\"\nsource = \"registry\"\n";
        for (key, value) in [("name", Some("wasm-bindgen")), ("version", Some("0.2.130")), ("checksum", None)]
        {
            assert_eq!(quoted_after(entry, key).as_deref(), value, "{key}");
        }
    }
}
