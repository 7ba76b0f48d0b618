//! WebKit for the tests: WebKitGTK's driver and its MiniBrowser, and a display that nobody sees.

use super::apt;
use crate::run::which;
use anyhow::{Result, ensure};

const PROGRAMS: [&str; 2] = ["WebKitWebDriver", "Xvfb"];

/// Installs what is missing.
pub fn webkit() -> Result<()> {
    let all = || PROGRAMS.iter().all(|program| which(&[program]).is_some());
    if !all() {
        apt::install(&["webkit2gtk-driver", "xvfb"], "WebKit")?;
    }
    ensure!(all(), "WebKit was installed, but {} are not on PATH", PROGRAMS.join(" and "));
    Ok(())
}
