//! A Vulkan driver for WebGPU in Node, whose package `webgpu` is Dawn.
//!
//! Dawn takes lavapipe from Mesa 25 on. Debian 12 has that in its backports only; it is unpacked into the user's cache
//! from there, and not installed, so that the native GPU tests keep the driver that they were measured with.

use super::drivers;
use crate::run::{Run, which};
use crate::{repo, say};
use anyhow::{Context, Result, bail};
use serde_json::json;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

const OLDEST_MESA: u32 = 25;
const PACKAGE: &str = "mesa-vulkan-drivers";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// What `LUNETTE_DAWN_DRIVER` is to be: a driver's manifest, or nothing where the machine's own drivers will do.
/// `None` where no driver is to be had: the tests then say that they were skipped.
pub fn driver() -> Result<Option<OsString>> {
    if drivers::vulkan()?.is_empty() {
        return Ok(Some(OsString::new()));
    }
    let installed = Run::new("dpkg-query").args(["--show", "--showformat=${Version}", PACKAGE]).probe();
    if installed.as_deref().and_then(major).is_some_and(|version| version >= OLDEST_MESA) {
        return Ok(Some(OsString::new()));
    }
    let Some(release) = debian() else {
        say!("NOT TESTED: WebGPU in Node, which needs a GPU or Mesa {OLDEST_MESA} with lavapipe");
        return Ok(None);
    };
    Ok(Some(from_backports(&release)?.into()))
}

/// The code name of a Debian that has apt.
fn debian() -> Option<String> {
    which(&["apt-get"])?;
    let about = fs::read_to_string("/etc/os-release").ok()?;
    let value = |key: &str| about.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    (value("ID")? == "debian").then(|| value("VERSION_CODENAME").map(str::to_owned))?
}

/// Unpacks lavapipe, once; returns the manifest that names it.
fn from_backports(release: &str) -> Result<PathBuf> {
    let folder = repo::tools()?.join("lavapipe");
    let manifest = folder.join("lvp_icd.json");
    // It is written last, so that what an interrupted run left behind is not taken for a whole.
    if manifest.exists() {
        return Ok(manifest);
    }
    say!("fetching lavapipe from {release}-backports, for WebGPU in Node (11 MB)");
    let _ = fs::remove_dir_all(&folder);
    for part in ["lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(folder.join(part)).with_context(|| format!("creating {}", folder.display()))?;
    }
    download(&folder, release).context("lavapipe could not be fetched from Debian's backports")?;
    for package in debs(&folder)? {
        Run::new("dpkg-deb").arg("--extract").arg(package).arg(folder.join("root")).run()?;
    }
    let library = library(&folder.join("root/usr/lib")).context("the package holds no lavapipe")?;
    // The one inside the package gives no path, and means the system's.
    let text = json!({
        "file_format_version": "1.0.0",
        "ICD": { "library_path": library, "api_version": "1.3.0" },
    });
    fs::write(&manifest, text.to_string()).with_context(|| format!("writing {}", manifest.display()))?;
    Ok(manifest)
}

/// With lists of its own: the system's stay as they are. Needs no root.
fn download(folder: &Path, release: &str) -> Result<()> {
    let sources = folder.join("backports.sources");
    let key = if Path::new(KEYRING).exists() { format!("Signed-By: {KEYRING}\n") } else { String::new() };
    let mirror = mirror(release)?;
    let text = format!("Types: deb\nURIs: {mirror}\nSuites: {release}-backports\nComponents: main\n{key}");
    fs::write(&sources, text).with_context(|| format!("writing {}", sources.display()))?;
    let apt = || {
        let set = |key: &str, value: &Path| format!("-o{key}={}", value.display());
        Run::new("apt-get").dir(folder).args([
            set("Dir::Etc::sourcelist", &sources),
            set("Dir::Etc::sourceparts", Path::new("/nonexistent")),
            set("Dir::State::lists", &folder.join("lists")),
            set("Dir::Cache", &folder.join("cache")),
            // The folder is the user's, which apt's own user may not enter.
            set("APT::Sandbox::User", Path::new("root")),
        ])
    };
    apt().arg("update").run()?;
    apt().arg("download").arg(format!("{PACKAGE}/{release}-backports")).run()
}

/// Where apt gets this release from.
fn mirror(release: &str) -> Result<String> {
    let targets =
        Run::new("apt-get").args(["indextargets", "--format", "$(RELEASE) $(REPO_URI)"]).output()?;
    let found = targets.lines().find_map(|line| line.strip_prefix(release)?.strip_prefix(' '));
    match found {
        Some(mirror) => Ok(mirror.to_owned()),
        None => bail!("apt has no source of {release}"),
    }
}

fn debs(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("listing {}", folder.display()))?;
    let paths = entries.flatten().map(|entry| entry.path());
    Ok(paths.filter(|path| path.extension().is_some_and(|end| end == "deb")).collect())
}

/// lavapipe's library, in the folder of this machine's architecture.
fn library(folder: &Path) -> Option<PathBuf> {
    let folders = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    folders.map(|folder| folder.join("libvulkan_lvp.so")).find(|file| file.exists())
}

/// `25` of `25.0.7-2~bpo12+1`.
fn major(version: &str) -> Option<u32> {
    version.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn reads_versions() {
        for (text, version) in
            [("25.0.7-2~bpo12+1", Some(25)), ("22.3.6-1+deb12u1", Some(22)), ("", None), ("unknown", None)]
        {
            assert_eq!(super::major(text), version, "{text}");
        }
    }
}
