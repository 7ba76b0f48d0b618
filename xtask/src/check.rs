//! Checks that spare a reviewer: formatting, spelling, lints, broken links, the direction of imports.

use crate::run::cargo;
use crate::setup::{node, tools};
use crate::{arrows, audit, links, pkg, say};
use anyhow::{Result, bail};

type Check = (&'static str, fn() -> Result<()>);

const CHECKS: [Check; 11] = [
    ("spelling", audit::spelling),
    ("links in documents", links::check),
    ("imports that point one way", arrows::check),
    ("rustfmt", || cargo().args(["fmt", "--all", "--check"]).run()),
    ("clippy, native", || {
        cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]).run()
    }),
    ("clippy, wasm", || {
        tools::target()?;
        cargo()
            .args(["clippy", "--package", "lunette", "--lib", "--target", "wasm32-unknown-unknown"])
            .args(["--", "-D", "warnings"])
            .run()
    }),
    ("rustdoc", || {
        cargo().args(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings").run()
    }),
    ("lint of pkg/", || lint("pkg")),
    ("lint of www/", || {
        // Its types are the package's.
        pkg::typescript()?;
        lint("www")
    }),
    ("lint of tests/browser/", || lint("tests/browser")),
    ("lint of tests/adapters/", || {
        pkg::typescript()?;
        lint("tests/adapters")
    }),
];

/// Runs every check, even after one has failed, and then names those that did.
pub fn check() -> Result<()> {
    node::node()?;
    let mut failed = Vec::new();
    for (name, check) in CHECKS {
        say!("check: {name}");
        if let Err(error) = check() {
            eprintln!("{error:#}");
            failed.push(name);
        }
    }
    if !failed.is_empty() {
        bail!("not clean: {}", failed.join("; "));
    }
    Ok(())
}

fn lint(folder: &str) -> Result<()> {
    node::packages(folder)?;
    node::npm(folder).args(["run", "lint"]).run()
}
