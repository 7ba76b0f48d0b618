//! What is in the kit, an archive for each kind of thing.

use crate::run::{Run, cargo};
use crate::setup::{browser, llama, node};
use crate::wasm::Profile;
use crate::{model, pkg, repo};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// Puts the content of an archive into a folder.
type Fill = fn(&Path) -> Result<()>;

/// In the order of the stages that need them.
pub const ARCHIVES: [(&str, Fill); 5] = [
    ("programs", programs),
    ("model", default_model),
    ("peers", peers),
    ("node", package),
    ("browser", chromium),
];

/// Native programs, the golden values, and the Vulkan loader.
fn programs(content: &Path) -> Result<()> {
    let bin = content.join("bin");
    fs::create_dir_all(&bin)?;
    let benches =
        ["adapter", "kernels", "model", "profile", "synth"].into_iter().flat_map(|name| ["--bench", name]);
    built(cargo().args(["bench", "--no-run", "--message-format", "json"]).args(benches), &bin)?;
    let tests = ["gpu_ops", "gpu_attention", "gpu_linear", "gpu_sampler", "gpu_model"]
        .into_iter()
        .flat_map(|name| ["--test", name]);
    // Without link-time optimization, as the benchmarks.
    let command = cargo().args(["test", "--profile", "bench", "--no-run", "--message-format", "json"]);
    built(command.args(tests), &bin)?;
    copy(&repo::path("tests/golden"), &content.join("tests/golden"))?;
    let debs = content.join("debs");
    fs::create_dir_all(&debs)?;
    Run::new("apt-get").args(["download", "--quiet=2"]).args(LOADERS).dir(&debs).run().context(
        "the Vulkan loader could not be fetched: it comes from Debian's or Ubuntu's packages (`apt-get update`?)",
    )
}

/// The Vulkan loader, and what drivers without a display link to all the same.
const LOADERS: [&str; 12] = [
    "libvulkan1",
    "libegl1",
    "libglvnd0",
    "libopengl0",
    "libgl1",
    "libglx0",
    "libgles2",
    "libx11-6",
    "libxext6",
    "libxcb1",
    "libxau6",
    "libxdmcp6",
];

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
        let libraries = content.join("llama").join(name);
        copy(&llama::libraries(&build)?, &libraries)?;
        // A card needs none of the many builds for processors but one; and nothing of Node's.
        for entry in fs::read_dir(&libraries)? {
            let path = entry?.path();
            let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let cpu = file.starts_with("libggml-cpu-") && !file.contains("-haswell");
            if cpu || file.ends_with(".node") || file.contains("common") {
                fs::remove_file(path)?;
            }
        }
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
    let dawn = modules.join("webgpu");
    copy(&repo::path("tests/browser/node_modules/webgpu"), &dawn)?;
    for entry in fs::read_dir(dawn.join("dist"))? {
        let path = entry?.path();
        if path.is_dir() && !path.ends_with("linux-x64") {
            fs::remove_dir_all(path)?;
        }
    }
    fs::copy(repo::path("kit/node.mjs"), content.join("node/kit.mjs")).map(drop)?;
    Ok(())
}

/// Chromium with the libraries that it needs, the benchmarks' pages, and wllama.
fn chromium(content: &Path) -> Result<()> {
    node::packages("benches/peers")?;
    pkg::page()?;
    let root = content.join("browser");
    let program = Path::new("/usr/lib/chromium");
    browser::chrome()?;
    ensure!(
        program.join("chromium").exists(),
        "the kit takes Debian's chromium along: `apt-get install chromium`"
    );
    copy(program, &root.join("chromium"))?;
    for spare in SPARE {
        let _ = fs::remove_file(root.join("chromium").join(spare));
    }
    let libraries = root.join("libraries");
    fs::create_dir_all(&libraries)?;
    for library in needed(&program.join("chromium"))? {
        Run::new("cp").arg("-L").args([Path::new(&library), &libraries]).run()?;
    }
    let fonts = root.join("fonts");
    fs::create_dir_all(&fonts)?;
    for font in Run::new("fc-match").args(["--format", "%{file}", "sans"]).output()?.lines() {
        fs::copy(font, fonts.join(Path::new(font).file_name().context("a font has a name")?))?;
    }
    for (from, files) in PAGES {
        for file in *files {
            let (from, to) = (repo::path(from).join(file), root.join(from).join(file));
            if from.is_dir() {
                copy(&from, &to)?;
            } else {
                fs::create_dir_all(to.parent().context("a file is in a folder")?)?;
                fs::copy(&from, to).with_context(|| format!("copying {}", from.display()))?;
            }
        }
    }
    fs::copy(repo::path("kit/chromium.sh"), root.join("chromium.sh")).map(drop).context("copying chromium.sh")
}

/// Files of Chromium that nobody needs who draws nothing.
const SPARE: [&str; 4] = [
    "libVkLayer_khronos_validation.so",
    "libVkLayer_khronos_validation.so.TOC",
    "libVkICD_mock_icd.so",
    "chrome_200_percent.pak",
];

/// What the browser's stage is made of, beside the browser.
const PAGES: &[(&str, &[&str])] = &[
    ("tests/browser", &["lib.mjs", "tarball.mjs", "demo.mjs", "example.json", "package.json"]),
    ("tests/browser/node_modules", &["playwright-core", "sirv", "@polka", "mrmime", "totalist"]),
    ("benches/browser", &["lib.mjs", "model.mjs"]),
    ("benches/peers", &["peer.mjs", "package.json", "web"]),
    ("benches/peers/node_modules", &["@wllama", "sirv", "@polka", "mrmime", "totalist"]),
    ("pkg", &["package.json"]),
    ("www", &["dist"]),
];

/// The shared libraries of a program, but the C library's own, and those that NSS opens by name.
fn needed(program: &Path) -> Result<Vec<String>> {
    const OWN: [&str; 7] = ["ld-linux", "libc.", "libm.", "libdl.", "librt.", "libpthread.", "libresolv."];
    let listed = Run::new("ldd").arg(program).output()?;
    let paths = listed.lines().filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')));
    let mut paths: Vec<String> = paths
        .filter(|path| !OWN.iter().any(|own| path.contains(&format!("/{own}"))))
        .map(String::from)
        .collect();
    let nss = paths.iter().find(|path| path.contains("/libnss3.so")).context("Chromium has no NSS")?;
    let folder = Path::new(nss).parent().context("a library is in a folder")?.to_path_buf();
    for name in ["libsoftokn3.so", "libfreebl3.so", "libfreeblpriv3.so", "libnssckbi.so"] {
        let places = [folder.join(name), folder.join("nss").join(name)];
        paths.extend(places.into_iter().find(|path| path.exists()).map(|path| path.display().to_string()));
    }
    Ok(paths)
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
