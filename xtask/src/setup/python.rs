//! Python, which installs what comes from its package index.

use crate::run::{Run, which};
use crate::stamp::file_hash;
use crate::{repo, say};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::PathBuf;

/// A Python 3 with pip.
pub fn python() -> Result<PathBuf> {
    let Some(python) = which(&["python3", "python"]) else {
        bail!("this needs Python 3 with pip: `apt-get install python3-pip`");
    };
    if Run::new(&python).args(["-m", "pip", "--version"]).probe().is_none() {
        bail!(
            "{} has no pip: `apt-get install python3-pip`, or `python3 -m ensurepip --user`",
            python.display()
        );
    }
    Ok(python)
}

/// A program that a wheel carries, at one version, in a folder of its own. Installs it once.
pub fn program(package: &str, version: &str) -> Result<PathBuf> {
    let folder = repo::tools()?.join(format!("{package}-{version}"));
    let program = folder.join("bin").join(format!("{package}{}", std::env::consts::EXE_SUFFIX));
    if Run::new(&program).arg("--version").probe().is_none() {
        say!("installing {package} {version} into {}", folder.display());
        Run::new(python()?)
            .args(["-m", "pip", "install", "--no-deps", "--upgrade", "--disable-pip-version-check"])
            .args(["--quiet", &format!("{package}=={version}"), "--target"])
            .arg(&folder)
            .run()
            .with_context(|| format!("{package} {version} could not be installed"))?;
    }
    Ok(program)
}

/// Python with the packages of a requirements file, which lie in a folder that all checkouts share.
pub fn with(requirements: &str) -> Result<Run> {
    let requirements = repo::path(requirements);
    let hash = file_hash(&requirements)?;
    let folder = repo::tools()?.join("python").join(&hash[..12]);
    let ready = folder.join("ready");
    if !ready.exists() {
        say!("installing the Python packages of {}", requirements.display());
        Run::new(python()?)
            .args(["-m", "pip", "install", "--disable-pip-version-check", "--quiet", "--upgrade", "--target"])
            .arg(&folder)
            .arg("--requirement")
            .arg(&requirements)
            .run()
            .with_context(|| format!("the packages of {} could not be installed", requirements.display()))?;
        fs::write(&ready, "").with_context(|| format!("writing {}", ready.display()))?;
    }
    Ok(Run::new(python()?).env("PYTHONPATH", &folder))
}
