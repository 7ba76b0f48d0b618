//! Faults planted on purpose, one at a time: the tests that should notice them must fail.

use crate::wasm::Profile;
use crate::{browser, golden, repo, say};
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::path::PathBuf;

struct Fault {
    name: &'static str,
    file: &'static str,
    /// What stands there once, and what comes in its place.
    right: &'static str,
    wrong: &'static str,
    /// The tests that should notice it.
    tests: &'static str,
}

const FAULTS: [Fault; 5] = [
    Fault {
        name: "GPU buffers are never destroyed",
        file: "src/gpu/buffer.rs",
        right: "        self.raw.destroy();\n",
        wrong: "",
        tests: "memory.test.mjs",
    },
    Fault {
        name: "a lock file in Node is kept",
        file: "pkg/src/node/store.ts",
        right: "        fs.rmSync(path, { force: true });\n",
        wrong: "",
        tests: "soak.test.mjs",
    },
    Fault {
        name: "a cached chunk is not compared with its hash",
        file: "pkg/src/worker/cache/chunks.ts",
        right: "if (bytes.length !== length || found !== (await expected)) {",
        wrong: "if (bytes.length !== length || found === (await expected).slice(1)) {",
        tests: "storage.test.mjs",
    },
    Fault {
        name: "the verdict is read one token too early",
        file: "src/judge/reading.rs",
        right: "label_probabilities(self.engine, &mut sequence, &prompt, &paths,",
        wrong: "label_probabilities(self.engine, &mut sequence, &prompt[..prompt.len() - 1], &paths,",
        tests: "score.test.mjs",
    },
    Fault {
        name: "the hash of a downloaded file is not compared",
        file: "pkg/src/worker/cache/chunks.ts",
        right: "compareHashes(what, pinned ?? this.record.sha256, found);",
        wrong: "compareHashes(what, undefined, found);",
        tests: "arrival.test.mjs",
    },
];

/// Plants each fault, and fails where one goes unnoticed. The files are as before when it ends.
pub fn drill() -> Result<()> {
    let mut missed = Vec::new();
    for fault in &FAULTS {
        say!("planting: {} ({})", fault.name, fault.file);
        let planted = Planted::new(fault)?;
        browser::prepare(Profile::Dev, false)?;
        let models = golden::tiny_models(&repo::target())?;
        let noticed = browser::script(fault.tests)?.env("LUNETTE_ARCHITECTURES", models).run().is_err();
        drop(planted);
        say!("{}: {}", if noticed { "noticed" } else { "NOT NOTICED" }, fault.name);
        if !noticed {
            missed.push(fault.name);
        }
    }
    browser::prepare(Profile::Dev, false)?;
    match &missed[..] {
        [] => Ok(()),
        missed => bail!("not noticed: {}", missed.join("; ")),
    }
}

/// A file with a fault in it. Its end puts back what was there.
struct Planted {
    path: PathBuf,
    was: String,
}

impl Planted {
    fn new(fault: &Fault) -> Result<Planted> {
        let path = repo::path(fault.file);
        let was = fs::read_to_string(&path).with_context(|| format!("{} cannot be read", fault.file))?;
        ensure!(was.matches(fault.right).count() == 1, "{} has changed: mend the drill", fault.file);
        fs::write(&path, was.replace(fault.right, fault.wrong))?;
        Ok(Planted { path, was })
    }
}

impl Drop for Planted {
    fn drop(&mut self) {
        if let Err(error) = fs::write(&self.path, &self.was) {
            eprintln!("error: {} still has a planted fault: {error}", self.path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_faults_can_be_planted() {
        for fault in &FAULTS {
            let text = fs::read_to_string(repo::path(fault.file)).unwrap();
            assert_eq!(text.matches(fault.right).count(), 1, "{}: {}", fault.file, fault.name);
            assert!(repo::path("tests/browser").join(fault.tests).exists(), "{}", fault.tests);
        }
    }
}
