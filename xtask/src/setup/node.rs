//! Node and the npm packages of the three JavaScript folders.

use crate::run::{Run, which};
use crate::{repo, say};
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::time::SystemTime;

/// What the TypeScript tools ask for. (Using the package needs no more than Node 20.)
const OLDEST: (u32, u32) = (20, 19);

/// Makes sure that Node and npm are here, and new enough.
pub fn node() -> Result<()> {
    let (major, minor) = OLDEST;
    let how = "Install a current Node from your system's packages or https://nodejs.org, then run this again";
    let Some(version) = Run::new("node").arg("--version").probe() else {
        bail!("Node.js is missing. {how}");
    };
    if parse(&version).is_none_or(|version| version < OLDEST) {
        bail!("Node.js {version} is too old: building Lunette needs {major}.{minor} or newer. {how}");
    }
    if which(&["npm", "npm.cmd"]).is_none() {
        bail!("Node.js {version} is here, but npm is not. On Debian and Ubuntu: `apt-get install npm`");
    }
    Ok(())
}

/// Installs the packages of `folder` as its lock file says, when that file has changed since the last time.
/// No package's install script runs: none is needed, and some fetch from places that a build should not depend on.
pub fn packages(folder: &str) -> Result<()> {
    let dir = repo::path(folder);
    let lock = dir.join("package-lock.json");
    if !lock.exists() {
        bail!("{} is missing; make it with `npm install --ignore-scripts` and commit it", lock.display());
    }
    // npm writes this file last, so an interrupted installation is not mistaken for a whole one.
    let installed = dir.join("node_modules/.package-lock.json");
    if let (Ok(installed), Ok(lock)) = (modified(&installed), modified(&lock))
        && installed >= lock
    {
        return Ok(());
    }
    say!("installing the npm packages of {folder}/");
    npm(folder)
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .run()
        .with_context(|| format!("the npm packages of {folder}/ could not be installed"))
}

fn modified(file: &Path) -> std::io::Result<SystemTime> {
    file.metadata()?.modified()
}

/// npm in one of the JavaScript folders.
pub fn npm(folder: &str) -> Run {
    Run::new("npm").dir(repo::path(folder)).env("npm_config_update_notifier", "false")
}

/// Major and minor of what `node --version` prints.
fn parse(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.strip_prefix('v')?.split('.').map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??))
}

#[cfg(test)]
mod tests {
    #[test]
    fn reads_versions() {
        for (text, version) in [
            ("v20.20.2", Some((20, 20))),
            ("v9.0.0", Some((9, 0))),
            ("v20", None),
            ("22.1.0", None),
            ("", None),
            ("vX.1", None),
        ] {
            assert_eq!(super::parse(text), version, "{text}");
        }
    }
}
