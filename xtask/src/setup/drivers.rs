//! A Vulkan driver for the native GPU tests.
//!
//! The rule: a driver that the environment names is respected; a machine with a GPU device uses its own drivers;
//! any other machine gets Mesa's lavapipe, which computes on the CPU, and the tests are told to use that one only.

use super::apt;
use crate::say;
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

const NAMED_BY_USER: [&str; 2] = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"];
const MANIFESTS: [&str; 3] =
    ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d", "/usr/local/share/vulkan/icd.d"];

/// The environment variables that make the Vulkan loader choose a driver that works here.
pub fn vulkan() -> Result<Vec<(&'static str, PathBuf)>> {
    let named = NAMED_BY_USER.iter().any(|key| std::env::var_os(key).is_some());
    if named || !cfg!(target_os = "linux") {
        return Ok(Vec::new());
    }
    if manifests().next().is_none() {
        apt::install(&["mesa-vulkan-drivers", "libvulkan1"], "a Vulkan driver")?;
    }
    if has_gpu() {
        return Ok(Vec::new());
    }
    let driver = match lavapipe() {
        Some(driver) => driver,
        None => {
            apt::install(&["mesa-vulkan-drivers", "libvulkan1"], "a Vulkan software driver (lavapipe)")?;
            lavapipe()
                .context("mesa-vulkan-drivers is installed, but has no lavapipe driver for this machine")?
        }
    };
    say!("no GPU here: the native GPU tests run on lavapipe ({})", driver.display());
    // Loaders older than 1.3.207 know only the second name.
    Ok(NAMED_BY_USER.iter().map(|key| (*key, driver.clone())).collect())
}

fn has_gpu() -> bool {
    let render_node = fs::read_dir("/dev/dri").is_ok_and(|entries| {
        entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("renderD"))
    });
    render_node || Path::new("/dev/nvidia0").exists()
}

/// Its manifest is `lvp_icd.x86_64.json` in some versions of Mesa, `lvp_icd.json` in others.
fn lavapipe() -> Option<PathBuf> {
    manifests()
        .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("lvp_icd")))
}

/// What tells the Vulkan loader of the installed drivers.
fn manifests() -> impl Iterator<Item = PathBuf> {
    let entries = MANIFESTS.iter().filter_map(|dir| fs::read_dir(dir).ok()).flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "json"))
}
