//! `lunette inspect`: what a file says of itself, from its header alone.

mod support;

use lunette::quant::BlockType;
use serde_json::Value;
use std::fs;
use support::{Workplace, default_model, tiny};

#[test]
fn the_default_model_runs() {
    let place = Workplace::new("inspect-default");
    let model = default_model();
    let run = place.run(&["inspect", "--json", model.to_str().unwrap()], "");
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["architecture"], "llama");
    assert_eq!(report["parameters"], 134_515_008);
    assert_eq!((&report["chatTemplate"], &report["contextLength"]), (&true.into(), &8192.into()));
    assert_eq!(report["fileBytes"], fs::metadata(&model).unwrap().len());
    // 30 layers × (K and V) × 3 heads × 64 elements × 2 bytes.
    assert_eq!(report["needs"]["kvBytesPerToken"], 30 * 2 * 3 * 64 * 2);
    let people = place.run(&["inspect", model.to_str().unwrap()], "");
    for part in ["llama: 30 layers", "134.5 million", "Q4_1", "8192 tokens", "gpt2, smollm"] {
        assert!(people.stdout.contains(part), "{part}: {}", people.stdout);
    }
}

#[test]
fn what_cannot_run_says_why() {
    let place = Workplace::new("inspect-unfit");
    let whole = tiny::file(BlockType::F16);
    let mut foreign = whole.clone();
    // A GGUF string is its length, then its bytes: this one is the value of `general.architecture`.
    let name = b"\x05\0\0\0\0\0\0\0llama";
    let at = whole.windows(name.len()).position(|bytes| bytes == name).unwrap();
    foreign[at + 8..at + 13].copy_from_slice(b"mamba");
    let cut = whole[..whole.len() - 100].to_vec();
    for (name, bytes, why) in [
        ("foreign.gguf", foreign, "mamba"),
        ("cut.gguf", cut, "ends early"),
        ("bare.gguf", tiny::write(tiny::metadata(), &tiny::tensors(BlockType::F16)[..2]), "is missing"),
    ] {
        fs::write(place.path(name), bytes).unwrap();
        let run = place.run(&["inspect", name], "");
        assert_eq!(run.code, 1, "{name}: {}", run.stderr);
        assert!(run.stdout.contains(why), "{name}: {}", run.stdout);
    }
}

#[test]
fn other_files_end_with_code_2() {
    let place = Workplace::new("inspect-other");
    fs::write(place.path("short.gguf"), &tiny::file(BlockType::F16)[..100]).unwrap();
    for (name, why) in [("score.yaml", "GGUF"), ("short.gguf", "header"), ("absent.gguf", "absent.gguf")] {
        let run = place.run(&["inspect", name], "");
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{name}");
        assert!(run.stderr.contains(why), "{name}: {}", run.stderr);
    }
}
