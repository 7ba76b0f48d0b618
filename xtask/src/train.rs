//! The tests of `train/`, the Python package that trains judges.

use crate::run::{Run, cargo};
use crate::setup::python::{self, python};
use crate::{model, repo};
use anyhow::{Context, Result};
use std::fs;

/// Prints what the package needs, with the versions that it pins, as a requirements file.
const REQUIREMENTS: &str = r"
import sys, tomllib
with open(sys.argv[1], 'rb') as file:
    project = tomllib.load(file)['project']
print('\n'.join(project['dependencies'] + project['optional-dependencies']['test']))
";

/// pytest over the package, with the program and the model that its tests ask.
pub fn tests() -> Result<Run> {
    let package = repo::path("train");
    let pins = Run::new(python()?)
        .args(["-c", REQUIREMENTS])
        .arg(package.join("pyproject.toml"))
        .probe()
        .context("train/pyproject.toml could not be read; is this Python 3.11 or later?")?;
    let requirements = repo::target().join("train-requirements.txt");
    fs::create_dir_all(repo::target()).context("creating the target folder")?;
    fs::write(&requirements, pins).with_context(|| format!("writing {}", requirements.display()))?;
    cargo().args(["build", "--package", "lunette-cli"]).run()?;
    let program = repo::target().join("debug").join(format!("lunette{}", std::env::consts::EXE_SUFFIX));
    let run =
        python::with(&requirements.to_string_lossy())?.args(["-m", "pytest", "-q", "-p", "no:cacheprovider"]);
    Ok(run.dir(package).env("LUNETTE", program).env("LUNETTE_MODEL", model::fetch()?))
}
