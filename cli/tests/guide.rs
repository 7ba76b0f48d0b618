//! The commands of the guides, run as they stand there.

#![cfg(unix)]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;
use support::Workplace;

/// Runs a guide's blocks one behind the other, and returns what they said on stderr.
fn run(guide: &str, name: &str) -> String {
    let blocks: Vec<&str> =
        guide.split("```sh\n").skip(1).filter_map(|rest| Some(rest.split_once("```")?.0)).collect();
    assert!(blocks.len() >= 4, "{} blocks", blocks.len());
    let place = Workplace::new(name);
    fs::write(place.path("adapter.gguf"), support::adapters::file("llama", "wide")).unwrap();
    fs::write(place.path("head.gguf"), support::heads::usual()).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_lunette")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let output = Command::new("sh")
        .args(["-eu", "-c", &blocks.concat()])
        .current_dir(place.path("."))
        .env("PATH", path)
        .env("LUNETTE_MODEL", place.path("tiny.gguf"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{:?}: {said}", output.status.code());
    said
}

#[test]
fn the_terminal_s_commands_run() {
    let said = run(include_str!("../../docs/guides/terminal.md"), "guide");
    assert!(said.contains("2 rows judged, 1 failed, 3 answered before"), "{said}");
}

#[test]
fn the_evaluation_s_commands_run() {
    let said = run(include_str!("../../docs/guides/evaluating.md"), "guide-evaluating");
    assert!(said.contains("3 rows judged, 3 answered before"), "{said}");
    assert!(said.contains("pearson of rubric"), "{said}");
}
