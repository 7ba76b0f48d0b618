//! llama.cpp, which our values are compared with: its prebuilt libraries and its repository, out of npm's `node-llama-cpp`.

use super::node;
use crate::run::Run;
use crate::stamp::file_hash;
use crate::{repo, say};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};

const VERSION: &str = "3.22.1";

/// npm packages with the SHA-256 of their tarballs. The first carries llama.cpp's repository as a git bundle.
const SOURCE: (&str, &str) =
    ("node-llama-cpp", "a0d9dd80eacd2ab1cfe71aee57ac8a806487fd70b3d2a38fbec637752d9e5c5f");
const LINUX: (&str, &str) =
    ("@node-llama-cpp/linux-x64", "0d953e1503d5ab4608d8ed5b739132308c81ac05ffeb760d2a7f30e08a9f90e0");

/// llama.cpp's repository, at the commit that the libraries were built from.
pub fn repository() -> Result<PathBuf> {
    let clone = folder()?.join("llama.cpp");
    if !clone.exists() {
        let bundle = package(SOURCE)?.join("llama/gitRelease.bundle");
        let part = clone.with_extension("part");
        let _ = fs::remove_dir_all(&part);
        Run::new("git").args(["clone", "--quiet"]).arg(bundle).arg(&part).run()?;
        fs::rename(&part, &clone).with_context(|| format!("renaming {}", part.display()))?;
    }
    Ok(clone)
}

/// The folder of the prebuilt libraries.
pub fn libraries() -> Result<PathBuf> {
    Ok(package(LINUX)?.join("bins/linux-x64"))
}

/// Compiles a C++ program against llama.cpp, when its source has changed. It loads its backends from [`backends`].
pub fn program(source: &str) -> Result<PathBuf> {
    let source = repo::path(source);
    let name = source.file_stem().context("a source file has a name")?;
    let hash = file_hash(&source)?;
    let out = folder()?.join("bin").join(format!("{}-{}", name.display(), &hash[..12]));
    if out.exists() {
        return Ok(out);
    }
    let (libraries, repository) = (libraries()?, repository()?);
    fs::create_dir_all(out.with_file_name(""))?;
    let path = |flag: &str, path: &Path| format!("{flag}{}", path.display());
    say!("compiling {}", source.display());
    Run::new("g++")
        .args(["-O2", "-std=c++17", &path("-I", &repository.join("include"))])
        .args([path("-I", &repository.join("ggml/include")), path("-L", &libraries)])
        .arg(&source)
        .arg("-o")
        .arg(&out)
        .args(["-l:libllama.v0.5.0.so", "-l:libggml.v0.5.0.so", "-l:libggml-base.so"])
        .args([path("-Wl,-rpath,", &libraries), path("-Wl,-rpath-link,", &libraries)])
        .run()
        .context("llama.cpp's program could not be compiled; it needs g++")?;
    Ok(out)
}

/// A folder with the AVX2 backend alone. The others may keep the weights in another order (AMX), which changes the sums.
pub fn backends() -> Result<PathBuf> {
    let (folder, libraries) = (folder()?.join("haswell"), libraries()?);
    fs::create_dir_all(&folder)?;
    for name in ["libggml-base.so", "libggml-cpu-haswell.so"] {
        if !folder.join(name).exists() {
            fs::copy(libraries.join(name), folder.join(name)).with_context(|| format!("copying {name}"))?;
        }
    }
    Ok(folder)
}

fn folder() -> Result<PathBuf> {
    Ok(repo::tools()?.join(format!("node-llama-cpp-{VERSION}")))
}

/// An npm package, unpacked once. Its own dependencies are not needed.
fn package((name, sha256): (&str, &str)) -> Result<PathBuf> {
    node::node()?;
    let folder = folder()?.join(name);
    if folder.exists() {
        return Ok(folder);
    }
    say!("fetching {name} {VERSION} from npm");
    let temporary = folder.with_extension("part");
    let _ = fs::remove_dir_all(&temporary);
    fs::create_dir_all(&temporary).with_context(|| format!("creating {}", temporary.display()))?;
    let packed = Run::new("npm")
        .args(["pack", "--silent", &format!("{name}@{VERSION}"), "--pack-destination"])
        .arg(&temporary)
        .dir(std::env::temp_dir())
        .output()
        .with_context(|| format!("{name} could not be fetched from npm"))?;
    let tarball = temporary.join(packed.trim());
    let found = file_hash(&tarball)?;
    ensure!(found == sha256, "{name} {VERSION} has the sha256 {found}, but should have {sha256}");
    Run::new("tar").arg("-xzf").arg(&tarball).arg("-C").arg(&temporary).run()?;
    fs::rename(temporary.join("package"), &folder).with_context(|| format!("moving {name}"))?;
    let _ = fs::remove_dir_all(&temporary);
    Ok(folder)
}
