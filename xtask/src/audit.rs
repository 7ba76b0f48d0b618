//! What the project depends on: licences, sources, known vulnerabilities. And its spelling.

use crate::repo;
use crate::run::{Run, cargo, path_with};
use crate::setup::{node, python, tools};
use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::Value;
use std::fs;

const TYPOS: &str = "1.52.0";
const CARGO_DENY: &str = "0.20.2";

#[derive(Args)]
pub struct Options {
    /// Fail where a database of known vulnerabilities cannot be reached
    #[arg(long)]
    strict: bool,
}

enum Outcome {
    Sound,
    /// Why it could not be looked at.
    Unchecked(String),
}

/// Runs every audit, even after one has failed. Says plainly which ones had no database to look in.
pub fn audit(options: &Options) -> Result<()> {
    let mut unchecked = Vec::new();
    let mut failed = Vec::new();
    let mut note = |name: String, outcome: Result<Outcome>| match outcome {
        Ok(Outcome::Sound) => println!("sound: {name}"),
        Ok(Outcome::Unchecked(why)) => unchecked.push(format!("{name}: {why}")),
        Err(error) => {
            eprintln!("{error:#}");
            failed.push(name);
        }
    };
    note("spelling".into(), spelling().map(|()| Outcome::Sound));
    note("licences and sources of crates".into(), licences().map(|()| Outcome::Sound));
    note("known vulnerabilities of crates".into(), advisories());
    for folder in npm_folders()? {
        note(format!("known vulnerabilities of npm packages, {folder}/"), npm(&folder));
    }
    for line in &unchecked {
        println!("NOT CHECKED: {line}");
    }
    if !failed.is_empty() {
        bail!("not sound: {}", failed.join("; "));
    }
    if options.strict && !unchecked.is_empty() {
        bail!("{} audits were not done", unchecked.len());
    }
    Ok(())
}

/// Finds misspelled words. `typos.toml` says which words are right.
pub fn spelling() -> Result<()> {
    Run::new(python::program("typos", TYPOS)?).run()
}

/// Needs no network. `deny.toml` says what is allowed.
fn licences() -> Result<()> {
    deny()?.args(["check", "bans", "licenses", "sources"]).run()
}

fn advisories() -> Result<Outcome> {
    if !deny()?.args(["fetch", "db"]).outcome()?.0 {
        return Ok(Outcome::Unchecked("the database of RustSec could not be fetched".into()));
    }
    deny()?.args(["check", "advisories"]).run().map(|()| Outcome::Sound)
}

fn deny() -> Result<Run> {
    let time = "about 5 minutes";
    let folder = tools::cargo_tool("cargo-deny", "cargo-deny", CARGO_DENY, &["--locked"], time)?;
    Ok(cargo().env("PATH", path_with(&Vec::from_iter(folder))?).args(["deny", "--locked"]))
}

/// The package, the page, and the examples, which people copy. Tests and build tools run on developers' machines alone.
fn npm_folders() -> Result<Vec<String>> {
    let mut folders = vec!["pkg".to_owned(), "www".to_owned()];
    for entry in fs::read_dir(repo::path("examples")).context("listing examples/")? {
        let entry = entry?;
        if entry.path().join("package-lock.json").exists() {
            folders.push(format!("examples/{}", entry.file_name().display()));
        }
    }
    folders.sort();
    Ok(folders)
}

/// npm asks its registry, which some networks do not let it do.
fn npm(folder: &str) -> Result<Outcome> {
    node::node()?;
    let (success, printed) = node::npm(folder)
        .args(["audit", "--omit=dev", "--json", "--package-lock-only", "--loglevel=error"])
        .outcome()?;
    if success {
        return Ok(Outcome::Sound);
    }
    let report: Value =
        serde_json::from_str(&printed).context("npm audit printed something else than JSON")?;
    let Some(found) = report["vulnerabilities"].as_object() else {
        let why = report["message"].as_str().unwrap_or("npm gave no reason");
        return Ok(Outcome::Unchecked(why.to_owned()));
    };
    let names: Vec<_> = found.keys().map(String::as_str).collect();
    bail!("{folder}/: vulnerable packages: {}. `npm audit` in that folder says more", names.join(", "))
}
