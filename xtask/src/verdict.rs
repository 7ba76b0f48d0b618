//! The main job, end to end: one verdict, from the built package, in a real browser.

use crate::browser;
use crate::wasm::Profile;
use anyhow::{Context, Result};
use clap::ValueEnum;
use serde_json::Value;

#[derive(Clone, Copy, ValueEnum)]
pub enum Backend {
    Webgpu,
    Wasm,
}

/// Judges the built-in example and prints the verdict on stdout; all else goes to stderr.
pub fn verdict(backend: Backend, json: bool) -> Result<()> {
    browser::prepare(Profile::Release, false)?;
    let backend = match backend {
        Backend::Webgpu => "webgpu",
        Backend::Wasm => "wasm",
    };
    let printed = browser::script("verdict.mjs")?.arg(backend).output().context("no verdict was reached")?;
    if json {
        print!("{printed}");
        return Ok(());
    }
    let verdict = serde_json::from_str(&printed).context("the verdict is not the JSON that it should be")?;
    print(&verdict).context("the verdict lacks a field")
}

fn print(verdict: &Value) -> Option<()> {
    println!("score {}   expected {:.2}", verdict["score"], verdict["expected"].as_f64()?);
    for (level, p) in verdict["distribution"].as_object()? {
        let p = p.as_f64()?;
        println!("{level:>5}  {:<40}  {p:.4}", "█".repeat((p * 40.0).round() as usize));
    }
    println!("outside the scale {:.4}", verdict["outside"].as_f64()?);
    println!("{} on {}", verdict["backend"].as_str()?, verdict["adapter"].as_str().unwrap_or("the CPU"));
    println!("{:.0} ms", verdict["timing"]["totalMs"].as_f64()?);
    Some(())
}
