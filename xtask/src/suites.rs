//! The test suites of other projects that ours must agree with: llama.cpp's vocabularies, and published chat templates.

use crate::setup::{llama, python};
use crate::{repo, say};
use anyhow::Result;
use std::path::PathBuf;

/// What the tests find them by: environment variables.
pub fn variables() -> Result<[(&'static str, PathBuf); 2]> {
    let repository = llama::repository()?;
    let rendered = repo::target().join("templates.json");
    say!("rendering chat templates with Jinja2");
    python::with("tests/templates/requirements.txt")?
        .arg(repo::path("tests/templates/render.py"))
        .arg(repository.join("models/templates"))
        .arg(&rendered)
        .run()?;
    Ok([("LUNETTE_LLAMA_CPP", repository), ("LUNETTE_TEMPLATES", rendered)])
}
