//! The built package under the libraries that its adapters are for.

use crate::model;
use crate::run::Run;
use crate::setup::node;
use anyhow::Result;

/// Where promptfoo's database comes built. Elsewhere its tests are counted as skipped.
const PROMPTFOO: bool = cfg!(all(target_os = "linux", target_arch = "x86_64"));

const FOLDER: &str = "tests/adapters";

/// The libraries; React's older version and promptfoo, whose own dependencies differ, in folders of their own.
pub fn packages() -> Result<()> {
    node::packages(FOLDER)?;
    node::packages("tests/adapters/react18")?;
    if PROMPTFOO {
        node::packages("tests/adapters/promptfoo")?;
    }
    Ok(())
}

/// The tests, told where the model is.
pub fn tests() -> Result<Run> {
    packages()?;
    Ok(node::npm(FOLDER).args(["test"]).env("LUNETTE_MODEL", model::fetch()?))
}
