//! Where things are: the one place that knows the layout of the repository.

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// The repository root. Cargo compiles xtask in place, so the parent of its manifest is the root.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// A path inside the repository, without the `xtask/..` detour, so that messages read well.
pub fn path(relative: &str) -> PathBuf {
    let root = root().canonicalize().unwrap_or_else(|_| root().to_path_buf());
    root.join(relative)
}

/// Cargo's build directory.
pub fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => path("").join(dir),
        None => path("target"),
    }
}

/// Where built tools are kept, shared by all checkouts of the user.
pub fn tools() -> Result<PathBuf> {
    let cache = match std::env::var_os("XDG_CACHE_HOME").filter(|dir| !dir.is_empty()) {
        Some(dir) => PathBuf::from(dir),
        None => {
            let home = std::env::var_os("HOME").context("neither XDG_CACHE_HOME nor HOME is set")?;
            PathBuf::from(home).join(".cache")
        }
    };
    Ok(cache.join("lunette/tools"))
}
