//! The examples for clusters, run on this machine: two shards must give the report of one process.

use crate::run::{Run, cargo, which};
use crate::setup::{apt, python};
use crate::{model, repo};
use anyhow::Result;

const FOLDER: &str = "tests/cluster";

/// pytest over the examples, with the program and the model that they run.
pub fn tests() -> Result<Run> {
    if which(&["java"]).is_none() {
        apt::install(&["default-jre-headless"], "Java, which Spark runs on")?;
    }
    cargo().args(["build", "--package", "lunette-cli"]).run()?;
    let program = repo::target().join("debug").join(format!("lunette{}", std::env::consts::EXE_SUFFIX));
    let run = python::with(&format!("{FOLDER}/requirements.txt"))?
        .args(["-m", "pytest", "-q", "-p", "no:cacheprovider"])
        .dir(repo::path(FOLDER));
    Ok(run.env("LUNETTE", program).env("LUNETTE_MODEL", model::fetch()?))
}
