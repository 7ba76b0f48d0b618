//! A Firefox for the tests.

use super::apt;
use crate::run::{Run, which};
use anyhow::{Context, Result, bail};
use std::path::PathBuf;

const NAMES: [&str; 2] = ["firefox-esr", "firefox"];

/// The browser that `FIREFOX` names, else one on PATH, else Debian's, newly installed.
pub fn firefox() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("FIREFOX").filter(|path| !path.is_empty()) {
        let path = PathBuf::from(named);
        if !runs(&path) {
            bail!("FIREFOX is set to {}, which does not run as Firefox", path.display());
        }
        return Ok(path);
    }
    if let Some(found) = find() {
        return Ok(found);
    }
    apt::install(&["firefox-esr"], "Firefox")?;
    find().context("Firefox was installed, but does not run here. Set FIREFOX to the path of one that does")
}

fn find() -> Option<PathBuf> {
    NAMES.iter().filter_map(|name| which(&[name])).find(runs)
}

fn runs(path: &PathBuf) -> bool {
    Run::new(path).arg("--version").probe().is_some_and(|text| text.contains("Firefox"))
}
