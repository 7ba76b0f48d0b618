//! The GPU kit: all that a machine with a card and little else needs to check and measure Lunette, in pieces that travel.
//!
//! What it does there is in kit/. Pieces come in the order of the stages that need them.

use crate::run::{Run, cargo};
use crate::setup::{drivers, llama, node};
use crate::stamp::file_hash;
use crate::wasm::Profile;
use crate::{model, pkg, repo, say};
use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::{Value, json};
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

#[derive(Args)]
pub struct Options {
    /// Run every stage here, on a software adapter and without a network, and say how long each took
    #[arg(long)]
    rehearse: bool,
}

/// Puts the content of an archive into a folder.
type Fill = fn(&Path) -> Result<()>;

/// Bytes of a piece.
const PIECE: usize = 56 << 20;
const STAGES: [&str; 5] = ["check", "kernels", "model", "peer", "node"];

/// Builds everything, and cuts it into `target/gpu-kit/pieces/NN`.
pub fn kit(options: &Options) -> Result<()> {
    let folder = repo::target().join("gpu-kit");
    let _ = fs::remove_dir_all(&folder);
    let whole = folder.join("whole");
    let archives: [(&str, Fill); 4] =
        [("programs", programs), ("model", default_model), ("peers", peers), ("node", package)];
    let mut number = 0;
    for (name, fill) in archives {
        say!("gpu-kit: {name}");
        let content = whole.join(name);
        fs::create_dir_all(&content)?;
        fill(&content)?;
        cut(name, &content, &folder.join("pieces"), &mut number)?;
    }
    say!("gpu-kit: {number} pieces in {}", folder.join("pieces").display());
    if options.rehearse { rehearse(&folder.join("pieces")) } else { Ok(()) }
}

/// Native programs, the golden values, and the Vulkan loader.
fn programs(content: &Path) -> Result<()> {
    let bin = content.join("bin");
    fs::create_dir_all(&bin)?;
    let benches = ["adapter", "kernels", "model", "synth"].into_iter().flat_map(|name| ["--bench", name]);
    built(cargo().args(["bench", "--no-run", "--message-format", "json"]).args(benches), &bin)?;
    let tests = ["gpu_ops", "gpu_readout", "gpu_model"].into_iter().flat_map(|name| ["--test", name]);
    // Without link-time optimization, as the benchmarks.
    let command = cargo().args(["test", "--profile", "bench", "--no-run", "--message-format", "json"]);
    built(command.args(tests), &bin)?;
    copy(&repo::path("tests/golden"), &content.join("tests/golden"))?;
    let debs = content.join("debs");
    fs::create_dir_all(&debs)?;
    Run::new("apt-get").args(["download", "--quiet=2", "libvulkan1"]).dir(&debs).run().context(
        "the Vulkan loader could not be fetched: it comes from Debian's or Ubuntu's packages (`apt-get update`?)",
    )
}

fn default_model(content: &Path) -> Result<()> {
    let path = model::fetch()?;
    let models = content.join("models");
    fs::create_dir_all(&models)?;
    let name = path.file_name().context("a model has a name")?;
    fs::copy(&path, models.join(name)).context("copying the model").map(drop)
}

/// llama.cpp for CUDA and for Vulkan.
fn peers(content: &Path) -> Result<()> {
    fs::create_dir_all(content.join("bin"))?;
    for (name, build) in [("cuda", llama::CUDA), ("vulkan", llama::VULKAN)] {
        let program = llama::program("benches/peers/native.cpp", &build)?;
        fs::copy(program, content.join("bin").join(format!("native.{name}")))?;
        copy(&llama::libraries(&build)?, &content.join("llama").join(name))?;
    }
    Ok(())
}

/// Node, Dawn, and the package as npm packs it.
fn package(content: &Path) -> Result<()> {
    pkg::build(Profile::Release)?;
    node::packages("tests/browser")?;
    let modules = content.join("node/node_modules");
    fs::create_dir_all(content.join("node/bin"))?;
    let program = Run::new("node").args(["-p", "process.execPath"]).output()?;
    fs::copy(program.trim(), content.join("node/bin/node")).context("copying Node")?;
    let packed =
        Run::new("npm").args(["pack", "--silent", "--pack-destination"]).arg(content).dir(repo::path("pkg"));
    let tarball = content.join(packed.output()?.trim());
    fs::create_dir_all(modules.join("lunette"))?;
    Run::new("tar")
        .arg("-xzf")
        .arg(&tarball)
        .args(["--strip-components=1", "-C"])
        .arg(modules.join("lunette"))
        .run()?;
    fs::remove_file(tarball)?;
    copy(&repo::path("tests/browser/node_modules/webgpu"), &modules.join("webgpu"))?;
    fs::copy(repo::path("kit/node.mjs"), content.join("node/kit.mjs")).map(drop)?;
    Ok(())
}

/// Puts the programs that cargo built into a folder, by their names.
fn built(command: Run, folder: &Path) -> Result<()> {
    let mut count = 0;
    for message in command.output()?.lines() {
        let message: Value = serde_json::from_str(message).context("cargo said what is no JSON")?;
        let (name, program) = (message["target"]["name"].as_str(), message["executable"].as_str());
        if let (Some(name), Some(program)) = (name, program) {
            fs::copy(program, folder.join(name)).with_context(|| format!("copying {program}"))?;
            count += 1;
        }
    }
    ensure!(count > 0, "cargo built no program");
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    Run::new("cp").arg("-RL").arg(from.join(".")).arg(to).run()
}

/// An archive of a folder, in pieces that each know what they belong to.
fn cut(name: &str, content: &Path, pieces: &Path, number: &mut usize) -> Result<()> {
    let archive = content.with_extension("tar.gz");
    Run::new("tar").args(["-C"]).arg(content).arg("-czf").arg(&archive).arg(".").run()?;
    let file = format!("{name}.tar.gz");
    let hash = file_hash(&archive)?;
    let parts = (fs::metadata(&archive)?.len() as usize).div_ceil(PIECE);
    let mut reader = fs::File::open(&archive)?;
    for part in 0..parts {
        *number += 1;
        let folder = pieces.join(format!("{number:02}"));
        fs::create_dir_all(&folder)?;
        let part_file = format!("{file}.{part:03}");
        let mut bytes = Vec::new();
        (&mut reader).take(PIECE as u64).read_to_end(&mut bytes)?;
        fs::File::create(folder.join(&part_file))?.write_all(&bytes)?;
        let about = json!({ "archive": file, "file": part_file, "parts": parts, "sha256": hash });
        fs::write(folder.join("piece.json"), about.to_string())?;
        for script in ["run.sh", "kit.py"] {
            fs::copy(repo::path("kit").join(script), folder.join(script))?;
        }
    }
    fs::remove_file(&archive)?;
    Ok(())
}

/// Takes the pieces and runs the stages as on a strange machine: another folder, no network, a software adapter.
fn rehearse(pieces: &Path) -> Result<()> {
    let kit = repo::target().join("gpu-kit/there");
    let out = repo::target().join("gpu-kit/out");
    fs::create_dir_all(&out)?;
    let driver = drivers::vulkan()?;
    let run = |arguments: &[&str], folder: &Path| {
        let run = Run::new("unshare").args(["--net", "--map-root-user", "sh"]).arg(folder.join("run.sh"));
        let run = run.args(arguments).env("KIT", &kit).env("OUT", &out).env("KIT_REHEARSAL", "1").dir("/");
        driver.iter().fold(run, |run, (key, path)| run.env(key, path)).run()
    };
    let mut folders: Vec<PathBuf> =
        fs::read_dir(pieces)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    folders.sort();
    for folder in &folders {
        run(&["take", &folder.to_string_lossy()], folder)?;
    }
    for stage in STAGES {
        let start = Instant::now();
        run(&[stage], &kit)?;
        say!("gpu-kit: {stage} took {:.0} s", start.elapsed().as_secs_f64());
    }
    Ok(())
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

    #[test]
    fn an_archive_is_cut_and_taken_together_again() {
        let folder = repo::target().join("tmp/gpu-kit-test");
        let _ = fs::remove_dir_all(&folder);
        let content = folder.join("content");
        fs::create_dir_all(&content).unwrap();
        fs::write(content.join("a.txt"), "moon").unwrap();
        let mut number = 0;
        cut("test", &content, &folder.join("pieces"), &mut number).unwrap();
        assert_eq!(number, 1);
        let piece = folder.join("pieces/01");
        let take = |expected: &str| {
            let run = Run::new("sh").arg(piece.join("run.sh")).arg("take").arg(&piece);
            let printed = run.env("KIT", folder.join("there")).output();
            assert!(
                printed.as_ref().map_or_else(|e| e.to_string(), Clone::clone).contains(expected),
                "{printed:?}"
            );
        };
        take("unpacked");
        assert_eq!(fs::read_to_string(folder.join("there/a.txt")).unwrap(), "moon");
        fs::write(piece.join("test.tar.gz.000"), "broken on its way").unwrap();
        take("failed");
    }
}
