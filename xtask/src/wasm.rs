//! The engine as a wasm module in pkg/wasm.

use crate::run::{Run, cargo};
use crate::setup::tools;
use crate::stamp::{Stamp, file_hash};
use crate::{repo, say};
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
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

/// Threads, which .cargo/config.toml leaves out: with the published standard library such a module cannot be linked.
const THREADS: [&str; 9] = [
    "-Ctarget-feature=+atomics,+bulk-memory,+mutable-globals",
    "-Clink-arg=--shared-memory",
    "-Clink-arg=--import-memory",
    "-Clink-arg=--initial-memory=16777216",
    "-Clink-arg=--max-memory=4294967296",
    "-Clink-arg=--export=__wasm_init_tls",
    "-Clink-arg=--export=__tls_size",
    "-Clink-arg=--export=__tls_align",
    "-Clink-arg=--export=__tls_base",
];

/// Beside the flags of `.cargo/config.toml`, for Cargo. What the module says in panics of where its sources lay says nothing
/// about the machine that it was built on.
fn flags() -> Result<String> {
    let home = cargo_home().context("neither CARGO_HOME nor HOME is set")?;
    let sources =
        [(home.join("registry/src"), "crates"), (tools::sysroot()?.join("lib/rustlib/src/rust"), "rust")];
    let remap = sources.map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()));
    let flags: Vec<_> = THREADS.into_iter().map(String::from).chain(remap).collect();
    Ok(format!("target.wasm32-unknown-unknown.rustflags = {flags:?}"))
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
    // Apart from other builds: in both, build scripts would find the other's environment and run again.
    let target = repo::target().join("wasm");
    cargo()
        .args(["build", "--package", "lunette", "--lib", "--target", "wasm32-unknown-unknown"])
        .args(["--profile", profile.name(), "--config", &flags()?])
        // The standard library with threads, which takes what Cargo calls unstable.
        .args(["-Z", "build-std=std,panic_abort"])
        .env("RUSTC_BOOTSTRAP", "1")
        .arg("--target-dir")
        .arg(&target)
        .run()?;

    // Cargo knows whether the module changed; the steps after it do not, and take longer than looking.
    let built = target.join("wasm32-unknown-unknown").join(profile.name()).join("lunette.wasm");
    let more = format!("{} {}", file_hash(&built)?, tools.versions);
    let stamp = Stamp::new("wasm", &[], &more)?;
    let out = repo::path("pkg/wasm");
    if stamp.fresh(&[out.join("lunette.js"), out.join("hash.js"), out.join("lunette_bg.wasm")]) {
        return Ok(());
    }

    say!("writing the module's JavaScript side");
    Run::new(&tools.bindgen)
        .arg(&built)
        .args(["--target", "web", "--out-name", "lunette", "--out-dir"])
        .arg(&out)
        .run()?;

    if profile == Profile::Release {
        // After LTO, more than -O1 takes longer and compresses worse.
        let (module, optimized) = (out.join("lunette_bg.wasm"), out.join("lunette_bg.optimized.wasm"));
        let start = Instant::now();
        let before = fs::metadata(&module).context("wasm-bindgen wrote no module")?.len();
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
    unshare(&out)?;
    // Beside the module, so that the package can tell a file of another version.
    let hash = file_hash(&out.join("lunette_bg.wasm"))?;
    fs::write(out.join("hash.js"), format!("export const SHA256 = \"{hash}\";\n"))?;
    fs::write(out.join("hash.d.ts"), "export const SHA256: string;\n")?;
    stamp.set()
}

/// Lets the module take a memory of its own, and its JavaScript make one, instead of a shared one, which pages without
/// cross-origin isolation do not have. The package undoes this where there are threads (worker/memory.ts).
fn unshare(out: &Path) -> Result<()> {
    let (module, script) = (out.join("lunette_bg.wasm"), out.join("lunette.js"));
    let failed = || format!("{} is not what wasm-bindgen makes of a module with threads", out.display());
    // The end of an import: a name with its length, the kind of a memory, and its flags.
    const SHARED: &[u8] = b"\x06memory\x02\x03";
    let mut bytes = fs::read(&module)?;
    let found = bytes.windows(SHARED.len()).position(|window| window == SHARED);
    let flags = found.with_context(failed)? + SHARED.len() - 1;
    bytes[flags] = 1;
    fs::write(&module, bytes)?;
    let text = fs::read_to_string(&script)?;
    let (before, after) = text.split_once(",shared:true}").with_context(failed)?;
    Ok(fs::write(script, format!("{before}}}{after}"))?)
}
