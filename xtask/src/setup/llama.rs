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

/// A prebuilt llama.cpp.
pub struct Build {
    package: (&'static str, &'static str),
    /// Its folder in the package.
    folder: &'static str,
    /// What its libraries have in their names before the version.
    kind: &'static str,
}

pub const CPU: Build = Build {
    package: (
        "@node-llama-cpp/linux-x64",
        "0d953e1503d5ab4608d8ed5b739132308c81ac05ffeb760d2a7f30e08a9f90e0",
    ),
    folder: "linux-x64",
    kind: "",
};
pub const CUDA: Build = Build {
    package: (
        "@node-llama-cpp/linux-x64-cuda",
        "d6cd3ff39a43b024816952e0bc6452d6711608d26256ff6eb0fe8cf7ff55bb2c",
    ),
    folder: "linux-x64-cuda",
    kind: ".cuda",
};
pub const VULKAN: Build = Build {
    package: (
        "@node-llama-cpp/linux-x64-vulkan",
        "e10577190fc4bd1649d3b655588e5c7a85fc6b6dbf7136fee596cbe9e25521e7",
    ),
    folder: "linux-x64-vulkan",
    kind: ".vulkan",
};

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

/// The folder of a build's libraries.
pub fn libraries(build: &Build) -> Result<PathBuf> {
    Ok(package(build.package)?.join("bins").join(build.folder))
}

/// Compiles a C++ program against a build of llama.cpp, when its source has changed. The program loads its backends from a
/// folder that it is told: that of the libraries, or [`backends`].
pub fn program(source: &str, build: &Build) -> Result<PathBuf> {
    let source = repo::path(source);
    let name = source.file_stem().context("a source file has a name")?;
    let hash = file_hash(&source)?;
    let kind = build.kind;
    let out = folder()?.join("bin").join(format!("{}{kind}-{}", name.display(), &hash[..12]));
    if out.exists() {
        return Ok(out);
    }
    let (libraries, repository) = (libraries(build)?, repository()?);
    fs::create_dir_all(out.with_file_name(""))?;
    let path = |flag: &str, path: &Path| format!("{flag}{}", path.display());
    say!("compiling {}", source.display());
    Run::new("g++")
        .args(["-O2", "-std=c++17", &path("-I", &repository.join("include"))])
        .args([path("-I", &repository.join("ggml/include")), path("-L", &libraries)])
        .arg(&source)
        .arg("-o")
        .arg(&out)
        .args([format!("-l:libllama{kind}.v0.5.0.so"), format!("-l:libggml{kind}.v0.5.0.so")])
        .arg("-l:libggml-base.so")
        .args([path("-Wl,-rpath,", &libraries), path("-Wl,-rpath-link,", &libraries)])
        .run()
        .context("llama.cpp's program could not be compiled; it needs g++")?;
    Ok(out)
}

/// A folder with the AVX2 backend alone. The others may keep the weights in another order (AMX), which changes the sums.
pub fn backends() -> Result<PathBuf> {
    let (folder, libraries) = (folder()?.join("haswell"), libraries(&CPU)?);
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
