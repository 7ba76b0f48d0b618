//! What the tests of the program share: a folder with a small model and rubrics, and the program run in it.

#![allow(dead_code)]

#[path = "../../../tests/common/adapters.rs"]
pub mod adapters;
#[path = "../../../tests/common/heads.rs"]
pub mod heads;
#[path = "../../../tests/common/split.rs"]
pub mod split;
#[path = "../../../tests/common/tiny.rs"]
pub mod tiny;

use lunette::Uninterrupted;
use lunette::engine::{Backend, Engine, LoadOptions};
use lunette::quant::BlockType;
use lunette::source::FileModel;
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::rc::Rc;

/// A folder of a test's own.
pub struct Workplace(PathBuf);

/// What a run came to.
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Workplace {
    pub fn new(name: &str) -> Workplace {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let place = Workplace(folder);
        let scale: String = (1..=5).map(|score| format!("  {score}: Level {score}.\n")).collect();
        let text = |names: &str| format!("user_template: '{names}'\n");
        let files = [
            ("score.yaml", format!("objective: Is it moony?\nscale:\n{scale}")),
            ("class.yaml", "objective: Is it moony?\nlabels: {Yes: It is., No: It is not.}".into()),
            (
                "short.yaml",
                text(
                    "{rubric_objective} {rubric_levels} {user_input} {assistant_response}{#reference_response} {reference_response}{/reference_response}",
                ),
            ),
            ("labels.yaml", text("{rubric_objective} {rubric_labels} {user_input} {assistant_response}")),
            (
                "pair.yaml",
                text("{rubric_objective} {user_input} {assistant_response_a} {assistant_response_b}"),
            ),
        ];
        files.iter().for_each(|(name, text)| fs::write(place.path(name), text).unwrap());
        fs::write(place.path("tiny.gguf"), tiny::file(BlockType::Q8_0)).unwrap();
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The program with the small model, on the CPU, with templates as small, unless `args` say otherwise.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lunette"));
        command.current_dir(&self.0).env("LUNETTE_MODEL", "tiny.gguf").args(args);
        let template = match args.first() {
            Some(&"score") => Some("--template=short.yaml"),
            Some(&"classify") => Some("--template=labels.yaml"),
            Some(&"evaluate") => None,
            _ => return command,
        };
        for (option, default) in [("--template", template), ("--backend", Some("--backend=cpu"))] {
            if !args.iter().any(|arg| arg.starts_with(option)) {
                command.args(default);
            }
        }
        command
    }

    pub fn run(&self, args: &[&str], input: &(impl AsRef<[u8]> + ?Sized)) -> Run {
        let mut command = self.command(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.as_ref().to_vec();
        // A program that refuses its call reads no row.
        let writer = std::thread::spawn(move || stdin.write_all(&input).is_ok());
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        Run {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

pub fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub fn default_model() -> PathBuf {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../models/SmolLM2-135M-Instruct.Q4_1.gguf");
    assert!(path.exists(), "the default model is missing: run `cargo xtask fetch-model`");
    path
}

pub fn default_engine() -> Engine {
    let options = LoadOptions { backend: Backend::Wasm, ..Default::default() };
    let model = Rc::new(FileModel::open(default_model()).unwrap());
    pollster::block_on(Engine::load(model, &options, &mut |_| (), &Uninterrupted)).unwrap()
}
