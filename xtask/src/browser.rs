//! Scripts of tests/browser, which drive the built package and page in headless Chromium.

use crate::run::Run;
use crate::setup::{browser, node};
use crate::wasm::Profile;
use crate::{model, pkg, repo};
use anyhow::Result;

/// Everything that a script may use, set up; whether the page is needed too is for the script to say.
pub fn prepare(profile: Profile, page: bool) -> Result<()> {
    pkg::build(profile)?;
    if page {
        pkg::page()?;
    }
    model::fetch()?;
    node::packages("tests/browser")
}

/// A script, told where the browser and the model are.
pub fn script(name: &str) -> Result<Run> {
    Ok(Run::new("node")
        // Only the tests heed it; without it, output that is not a terminal gets a format for machines.
        .arg("--test-reporter=spec")
        .arg(repo::path("tests/browser").join(name))
        .env("CHROME", browser::chrome()?)
        .env("LUNETTE_MODEL", model::fetch()?))
}
