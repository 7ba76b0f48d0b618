//! The npm package and the demo page, on top of the wasm module.

use crate::setup::node;
use crate::stamp::Stamp;
use crate::wasm::{self, Profile};
use crate::{repo, say};
use anyhow::Result;

/// Builds pkg/: the wasm module, then TypeScript into pkg/dist.
pub fn build(profile: Profile) -> Result<()> {
    node::node()?;
    wasm::build(profile)?;
    typescript()
}

/// Builds pkg/dist, which does not need the wasm module to be there yet.
pub fn typescript() -> Result<()> {
    node::packages("pkg")?;
    npm_build("pkg", &["pkg"])
}

/// Writes the API reference out of the package's sources.
pub fn reference() -> Result<()> {
    node::node()?;
    node::packages("pkg")?;
    node::npm("pkg").args(["run", "docs"]).run()?;
    println!("{}", repo::path("target/docs/index.html").display());
    Ok(())
}

/// Builds www/dist over the package that is there.
pub fn page() -> Result<()> {
    node::packages("www")?;
    npm_build("www", &["www", "pkg/package.json", "pkg/dist", "pkg/wasm"])
}

fn npm_build(folder: &str, inputs: &[&str]) -> Result<()> {
    let inputs: Vec<_> = inputs.iter().map(|input| repo::path(input)).collect();
    let stamp = Stamp::new(folder, &inputs, "")?;
    if stamp.fresh(&[repo::path(folder).join("dist")]) {
        return Ok(());
    }
    say!("building {folder}/dist");
    node::npm(folder).args(["run", "build"]).run()?;
    stamp.set()
}
