//! Debian's package manager: the last resort, and only as root.

use crate::run::{Run, which};
use crate::say;
use anyhow::{Context, Result, bail};

/// Installs `packages`, which are needed for `purpose`; without apt or root, says what to install by hand.
pub fn install(packages: &[&str], purpose: &str) -> Result<()> {
    let by_hand = format!("apt-get install {}", packages.join(" "));
    if which(&["apt-get"]).is_none() {
        bail!(
            "{purpose} is missing, and there is no apt-get here to install it with. Install what Debian calls `{}`, \
             then run this again",
            packages.join(" ")
        );
    }
    if Run::new("id").arg("-u").probe().as_deref() != Some("0") {
        bail!("{purpose} is missing, and only root may install it. Run `sudo {by_hand}`, then this again");
    }

    say!("{purpose} is missing: {by_hand}");
    let install = || {
        Run::new("apt-get")
            .args(["install", "--yes", "--no-install-recommends"])
            .args(packages)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .run()
    };
    // The lists on a fresh machine are empty or too old for what the mirror still has.
    if install().is_err() {
        say!("refreshing apt's lists, then trying again");
        Run::new("apt-get").arg("update").run().context("apt's lists could not be refreshed")?;
        install().with_context(|| format!("{purpose} could not be installed; try `{by_hand}` by hand"))?;
    }
    Ok(())
}
