//! `lunette inspect`: what a file says of itself, from its header alone.

mod support;

use lunette::quant::BlockType;
use serde_json::Value;
use std::fs;
use support::{Workplace, default_model, split, tiny};

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
fn a_file_without_a_pre_tokenizer_runs_with_a_warning() {
    let place = Workplace::new("inspect-warning");
    let mut bytes = tiny::file(BlockType::F16);
    let key = b"tokenizer.ggml.pre";
    let at = bytes.windows(key.len()).position(|window| window == key).unwrap();
    bytes[at + key.len() - 1] = b'x';
    fs::write(place.path("tiny.gguf"), bytes).unwrap();
    let run = place.run(&["inspect", "tiny.gguf"], "");
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    assert!(run.stdout.contains("warning        The file names no pre-tokenizer"), "{}", run.stdout);
    let run = place.run(&["inspect", "tiny.gguf", "--json"], "");
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["warnings"].as_array().map(Vec::len), Some(1), "{report}");
}

#[test]
fn a_plan_says_whether_it_fits() {
    let place = Workplace::new("inspect-plan");
    fs::write(place.path("tiny.gguf"), tiny::file(BlockType::F16)).unwrap();
    let run =
        place.run(&["inspect", "tiny.gguf", "--plan", "--backend", "cpu", "--context", "64", "--json"], "");
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    let plan = &serde_json::from_str::<Value>(&run.stdout).unwrap()["plan"];
    assert_eq!((&plan["verdict"], &plan["contextLength"]), (&"fits".into(), &64.into()));
    // K and V of two layers of two heads of 64 elements, in half precision.
    assert!(plan["memory"]["kvCache"].as_u64().unwrap() >= 64 * 2 * 2 * 2 * 64 * 2);
    let people = place.run(&["inspect", "tiny.gguf", "--plan", "--backend", "cpu"], "");
    assert!(people.stdout.contains("4096 positions = 4.0 MiB"), "{}", people.stdout);
}

#[test]
fn a_split_model_is_named_by_its_first_part() {
    let place = Workplace::new("inspect-split");
    let whole = tiny::file(BlockType::F16);
    let parts = split::split(&whole, &[4, 9]);
    let names: Vec<String> = (0..3).map(|part| split::name("tiny", part, 3)).collect();
    names.iter().zip(&parts).for_each(|(name, part)| fs::write(place.path(name), part).unwrap());
    let run = place.run(&["inspect", "--json", &names[0]], "");
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    let bytes: usize = parts.iter().map(Vec::len).sum();
    assert_eq!((&report["parts"], &report["fileBytes"]), (&3.into(), &bytes.into()));
    let run = place.run(&["inspect", &names[2]], "");
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("part 3 of 3") && run.stderr.contains(&names[0]), "{}", run.stderr);
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
