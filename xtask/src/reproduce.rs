//! Whether the package can be checked against its source: two builds from two folders are the same to the byte.

use crate::run::{Run, cargo};
use crate::setup::node;
use crate::stamp::file_hash;
use crate::{alone, repo, say};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};

/// Paths of different lengths, which must not show.
const FOLDERS: [&str; 2] = ["reproduce/a", "reproduce/of-another-length/b"];
/// What Rust becomes; the tarball holds them, but says nothing of what differs.
const PARTS: [&str; 3] = ["wasm/lunette_bg.wasm", "wasm/lunette.js", "wasm/hash.js"];

/// Builds what is committed twice, and prints the hashes.
pub fn check() -> Result<()> {
    node::node()?;
    let [first, second] = FOLDERS.map(built);
    let (first, second) = (first?, second?);
    for ((name, one), (_, other)) in first.iter().zip(&second) {
        ensure!(one == other, "two builds of {name} differ: {one} and {other}");
        println!("{one}  {name}");
    }
    fs::remove_dir_all(repo::target().join("reproduce")).context("removing the clones")
}

/// The hashes of what a clone in this folder makes.
fn built(folder: &str) -> Result<Vec<(String, String)>> {
    let clone = repo::target().join(folder);
    alone::clone(&clone)?;
    say!("building in {}", clone.display());
    cargo().args(["xtask", "build"]).env("CARGO_TARGET_DIR", clone.join("target")).dir(&clone).run()?;
    let package = clone.join("pkg");
    let packed = Run::new("npm").args(["pack", "--silent"]).dir(&package).output()?;
    let tarball = packed.trim().lines().last().context("npm packed nothing")?.to_owned();
    let files = PARTS.map(PathBuf::from).into_iter().chain([PathBuf::from(tarball)]);
    files.map(|file| Ok((shown(&file), file_hash(&package.join(&file))?))).collect()
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
