//! The GPU kit: everything that a bare machine with a GPU needs to check and measure Lunette, in pieces of a size that
//! can be sent.
//!
//! What it does there is in kit/.

mod content;
mod pieces;

use crate::run::Run;
use crate::setup::apt;
use crate::{repo, say};
use anyhow::{Context, Result};
use clap::Args;
use pieces::{Pieces, archive};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

#[derive(Args)]
pub struct Options {
    /// Run every stage here, in a bare root, on a software adapter and without a network, and say how long each took
    #[arg(long)]
    rehearse: bool,
    /// Take the pieces that were built before
    #[arg(long)]
    keep: bool,
    /// Only these archives: programs, model, peers, node, browser
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
}

/// Bytes of a piece.
const PIECE: usize = 56 << 20;
const STAGES: [&str; 6] = ["check", "kernels", "model", "peer", "node", "browser"];

/// Builds everything, and packs it into `target/gpu-kit/pieces/NN`.
pub fn kit(options: &Options) -> Result<()> {
    let folder = repo::target().join("gpu-kit");
    if !options.keep {
        pack(&folder, &options.only)?;
    }
    if options.rehearse { rehearse(&folder) } else { Ok(()) }
}

fn pack(folder: &Path, only: &[String]) -> Result<()> {
    let _ = fs::remove_dir_all(folder.join("pieces"));
    let mut pieces = Pieces::new(folder.join("pieces"), PIECE);
    let wanted = |name: &str| only.is_empty() || only.iter().any(|wanted| wanted == name);
    for (name, fill) in content::ARCHIVES.into_iter().filter(|(name, _)| wanted(name)) {
        say!("gpu-kit: {name}");
        let content = folder.join("whole").join(name);
        let _ = fs::remove_dir_all(&content);
        fs::create_dir_all(&content)?;
        fill(&content)?;
        pieces.add(&archive(&content)?)?;
    }
    let count = pieces.finish()?;
    say!("gpu-kit: {count} pieces in {}", folder.join("pieces").display());
    Ok(())
}

/// Takes the pieces and runs every stage as on another machine: in a bare root with Python and a software adapter,
/// without a network.
fn rehearse(folder: &Path) -> Result<()> {
    let root = folder.join("root");
    bare_root(&root)?;
    for (from, to) in [("pieces", "pieces"), ("out", "out"), ("there", "tmp/lunette-kit")] {
        fs::create_dir_all(folder.join(from))?;
        fs::create_dir_all(root.join(to))?;
    }
    let _ = fs::remove_dir_all(root.join("pieces"));
    Run::new("cp").args(["-al"]).args([folder.join("pieces"), root.join("pieces")]).run()?;
    let run = |arguments: &[&str]| {
        let script = format!(
            "ip link set lo up && mount --bind {root} {root} && mount -t proc proc {root}/proc && mount --rbind /dev {root}/dev && \
             exec chroot {root} /usr/bin/env -i PATH=/usr/bin:/bin HOME=/tmp OUT=/out KIT_REHEARSAL=1 \
             VK_ICD_FILENAMES=/usr/share/vulkan/icd.d/lvp_icd.json sh {arguments}",
            root = root.display(),
            arguments = arguments.join(" "),
        );
        Run::new("unshare").args(["--net", "--mount", "--pid", "--fork", "sh", "-c", &script]).run()
    };
    let mut pieces: Vec<PathBuf> =
        fs::read_dir(folder.join("pieces"))?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    pieces.sort();
    for piece in &pieces {
        let name = piece.file_name().context("a piece has a number")?.to_string_lossy();
        run(&[&format!("/pieces/{name}/run.sh"), "take", &format!("/pieces/{name}")])?;
    }
    for stage in STAGES {
        let start = Instant::now();
        run(&["/tmp/lunette-kit/run.sh", stage])?;
        say!("gpu-kit: {stage} took {:.0} s", start.elapsed().as_secs_f64());
    }
    Ok(())
}

/// Debian with Python and Mesa's drivers, made once.
fn bare_root(root: &Path) -> Result<()> {
    if root.join("etc/debian_version").exists() {
        return Ok(());
    }
    apt::install(&["debootstrap"], "debootstrap, for a bare root")?;
    let include = "--include=python3,mesa-vulkan-drivers";
    Run::new("debootstrap").args(["--variant=minbase", include, "trixie"]).arg(root).run()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stages_are_those_of_the_kit_and_of_its_guide() {
        let kit = fs::read_to_string(repo::path("kit/kit.py")).unwrap();
        let guide = fs::read_to_string(repo::path("docs/GPU.md")).unwrap();
        for stage in STAGES {
            assert!(kit.contains(&format!("\"{stage}\": {stage}")), "kit.py has no {stage}");
            assert!(guide.contains(&format!("| `{stage}` |")), "docs/GPU.md has no {stage}");
        }
    }
}
