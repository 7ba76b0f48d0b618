//! Skipping work whose inputs have not changed, by content hash.

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Folders that builds write: never an input of the build that contains them.
const BUILT: [&str; 3] = ["node_modules", "dist", "wasm"];

/// Remembers, in the build directory, the inputs that a step last succeeded with.
pub struct Stamp {
    file: PathBuf,
    inputs: String,
}

impl Stamp {
    /// `inputs` are files or folders (read whole, save for what builds write); `more` is anything else that counts.
    pub fn new(step: &str, inputs: &[PathBuf], more: &str) -> Result<Self> {
        let mut hash = Sha256::new();
        hash.update(more);
        for input in inputs {
            add(&mut hash, input)?;
        }
        let file = super::repo::target().join("xtask").join(format!("{step}.stamp"));
        Ok(Self { file, inputs: hex(&hash.finalize()) })
    }

    /// Whether the step succeeded with these very inputs and its `outputs` still exist.
    pub fn fresh(&self, outputs: &[PathBuf]) -> bool {
        outputs.iter().all(|output| output.exists())
            && fs::read_to_string(&self.file).is_ok_and(|stamp| stamp == self.inputs)
    }

    /// The step succeeded.
    pub fn set(&self) -> Result<()> {
        let dir = self.file.parent().context("a stamp lies in a folder")?;
        fs::create_dir_all(dir).with_context(|| format!("creating {}", dir.display()))?;
        fs::write(&self.file, &self.inputs).with_context(|| format!("writing {}", self.file.display()))
    }
}

fn add(hash: &mut Sha256, path: &Path) -> Result<()> {
    hash.update(path.as_os_str().as_encoded_bytes());
    if path.is_dir() {
        let entries = fs::read_dir(path).with_context(|| format!("listing {}", path.display()))?;
        let mut entries = entries.collect::<std::io::Result<Vec<_>>>()?;
        entries.sort_by_key(|entry| entry.file_name());
        for entry in entries {
            if !BUILT.iter().any(|name| entry.file_name() == *name) {
                add(hash, &entry.path())?;
            }
        }
    } else if path.exists() {
        hash.update(file_hash(path)?);
    }
    Ok(())
}

/// The sha256 of a file, in lower-case hexadecimal.
pub fn file_hash(path: &Path) -> Result<String> {
    let mut file = fs::File::open(path).with_context(|| format!("opening {}", path.display()))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).with_context(|| format!("reading {}", path.display()))? {
            0 => return Ok(hex(&hash.finalize())),
            n => hash.update(&buffer[..n]),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
