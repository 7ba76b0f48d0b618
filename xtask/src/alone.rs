//! Whether the repository needs nothing outside itself: what is committed is cloned into an empty folder, and looked at.

use crate::repo;
use crate::run::Run;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::Path;

/// Files without which tests would have nothing to compare with.
const NEEDED: [&str; 7] = [
    "tests/golden/golden.json",
    "tests/golden/short.f32",
    "tests/golden/short2.f32",
    "tests/golden/judge.f32",
    "tests/golden/long.f32",
    "tests/verdicts/golden.json",
    "benches/peers/package-lock.json",
];

/// Each thing that holds is told to `held`.
pub fn check(held: &mut dyn FnMut()) -> Result<()> {
    let clone = repo::target().join("alone/lunette");
    self::clone(&clone)?;
    for needed in NEEDED {
        let size = fs::metadata(clone.join(needed)).map_or(0, |file| file.len());
        ensure!(size > 0, "a clone has no {needed}: is it committed?");
        held();
    }
    let neighbour = ["..", "shared"].join("/");
    let naming = naming(&clone, &neighbour)?;
    ensure!(naming.is_empty(), "these files name a folder beside the repository: {}", naming.join(", "));
    held();
    fs::remove_dir_all(&clone).context("removing the clone")
}

/// Clones what is committed into a folder, in place of what is there.
pub fn clone(folder: &Path) -> Result<()> {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder.with_file_name("")).context("creating a folder for the clone")?;
    Run::new("git").args(["clone", "--quiet", "--no-hardlinks"]).arg(repo::path("")).arg(folder).run()
}

/// Tracked files of a clone that hold `text`.
fn naming(clone: &Path, text: &str) -> Result<Vec<String>> {
    let listed = Run::new("git").args(["ls-files", "-z"]).dir(clone).output()?;
    let holds = |name: &&str| {
        fs::read(clone.join(name)).is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(text))
    };
    Ok(listed.split('\0').filter(|name| !name.is_empty()).filter(holds).map(str::to_owned).collect())
}
