//! The pictures of the demo page in docs/images.

use crate::wasm::Profile;
use crate::{browser, repo, say};
use anyhow::{Context, Result};

/// Takes them anew.
pub fn take() -> Result<()> {
    let folder = repo::path("docs/images");
    std::fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    browser::prepare(Profile::Release, true)?;
    browser::script("screenshots.mjs")?.arg(&folder).run()?;
    say!("the pictures are in {}", folder.display());
    Ok(())
}
