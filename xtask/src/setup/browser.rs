//! A Chrome or Chromium for the tests, the verdict and the screenshots.

use super::apt;
use crate::run::{Run, which};
use anyhow::{Context, Result, bail};
use std::path::PathBuf;

const NAMES: [&str; 5] =
    ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "google-chrome-beta"];

/// The browser that `CHROME` names, else one on PATH, else Debian's, newly installed.
pub fn chrome() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("CHROME").filter(|path| !path.is_empty()) {
        let path = PathBuf::from(named);
        if !runs(&path) {
            bail!("CHROME is set to {}, which does not run as a browser", path.display());
        }
        return Ok(path);
    }
    if let Some(found) = find() {
        return Ok(found);
    }
    apt::install(&["chromium"], "a Chrome or Chromium browser")?;
    // Ubuntu's `chromium` package is a stub that wants snap, which containers do not have.
    find().context(
        "Chromium was installed, but does not run here. Install Google Chrome, or set CHROME to the path of any \
         Chrome or Chromium of version 134 or newer",
    )
}

fn find() -> Option<PathBuf> {
    NAMES.iter().filter_map(|name| which(&[name])).find(runs)
}

fn runs(path: &PathBuf) -> bool {
    Run::new(path).arg("--version").probe().is_some_and(|text| text.contains("Chrom"))
}
