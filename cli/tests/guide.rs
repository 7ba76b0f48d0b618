//! The commands of the guide, run as they stand there.

#![cfg(unix)]

mod support;

use std::path::Path;
use std::process::Command;
use support::Workplace;

#[test]
fn the_guide_s_commands_run() {
    let guide = include_str!("../../docs/guides/terminal.md");
    let blocks: Vec<&str> =
        guide.split("```sh\n").skip(1).filter_map(|rest| Some(rest.split_once("```")?.0)).collect();
    assert!(blocks.len() >= 6, "{} blocks", blocks.len());
    let place = Workplace::new("guide");
    let program = Path::new(env!("CARGO_BIN_EXE_lunette")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let output = Command::new("sh")
        .args(["-eu", "-c", &blocks.concat()])
        .current_dir(place.path("."))
        .env("PATH", path)
        .env("LUNETTE_MODEL", place.path("tiny.gguf"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?}: {said}", output.status.code());
    assert!(said.contains("2 rows judged, 1 failed, 3 answered before"), "{said}");
}
