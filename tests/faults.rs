//! Damaged, lying and unknown files: each is a typed error that a person understands; none panics or hangs.

mod common;

use common::tiny;
use lunette::engine::{Backend, Engine, LoadOptions};
use lunette::gguf::{Header, Value};
use lunette::quant::BlockType;
use lunette::source::MemoryModel;
use lunette::tokenizer::Tokenizer;
use lunette::{Error, Result, Uninterrupted};
use proptest::prelude::*;
use std::rc::Rc;

fn load(bytes: Vec<u8>) -> Result<Engine> {
    let model = Rc::new(MemoryModel::new(bytes).with_chunk(64 << 10));
    let options = LoadOptions { backend: Backend::Wasm, ..Default::default() };
    pollster::block_on(Engine::load(model, &options, &mut |_| (), &Uninterrupted))
}

/// The error of a load that must fail, with its message checked for `words`.
fn refused(bytes: Vec<u8>, words: &[&str]) -> Error {
    let error = load(bytes).err().expect("the file should be refused");
    let message = error.to_string();
    for word in words {
        assert!(message.contains(word), "{message:?} should say {word:?}");
    }
    error
}

#[test]
fn a_good_file_loads_and_runs_in_every_block_type() {
    for block_type in BlockType::ALL {
        let engine = load(tiny::file(block_type)).unwrap();
        let tokens = engine.tokenizer().encode("the moon", false).unwrap();
        let logits = pollster::block_on(engine.logits(&tokens, &Uninterrupted)).unwrap();
        assert!(logits.iter().all(|l| l.is_finite()), "{block_type:?}");
    }
}

#[test]
fn truncated() {
    let whole = tiny::file(BlockType::Q8_0);
    for len in [10, 100, 5000, whole.len() / 2, whole.len() - 40] {
        let error = refused(whole[..len].to_vec(), &["early"]);
        assert_eq!(error.code(), "truncated");
    }
    assert_eq!(refused(Vec::new(), &[]).code(), "truncated");
}

#[test]
fn wrong_magic() {
    let mut bytes = tiny::file(BlockType::F32);
    bytes[..4].copy_from_slice(b"GGML");
    assert_eq!(refused(bytes, &["GGUF"]).code(), "invalid-file");
}

#[test]
fn counts_beyond_reason() {
    for at in [8, 16] {
        let mut bytes = tiny::file(BlockType::F32);
        bytes[at..at + 8].copy_from_slice(&u64::MAX.to_le_bytes());
        assert_eq!(refused(bytes, &["18446744073709551615"]).code(), "invalid-file");
    }
}

#[test]
fn a_tensor_past_the_end() {
    let mut header = tiny::metadata();
    for (name, dims, block_type) in tiny::tensors(BlockType::F32) {
        header.tensor(&name, &dims, block_type);
    }
    header.tensor("far.weight", &[1 << 20, 1 << 20], BlockType::F32);
    assert_eq!(refused(header.header(), &["should end at byte"]).code(), "truncated");
}

#[test]
fn an_unknown_architecture() {
    let bytes = tiny::file(BlockType::F32);
    let at = bytes.windows(5).position(|w| w == b"llama").unwrap();
    let mut bytes = bytes;
    bytes[at..at + 5].copy_from_slice(b"bloom");
    assert_eq!(refused(bytes, &["bloom", "llama"]).code(), "unsupported-architecture");
}

#[test]
fn an_unsupported_block_type() {
    let mut bytes = tiny::file(BlockType::F32);
    let name = b"blk.0.attn_q.weight";
    let at = bytes.windows(name.len()).position(|w| w == name).unwrap() + name.len() + 4 + 16;
    bytes[at..at + 4].copy_from_slice(&40u32.to_le_bytes());
    assert_eq!(refused(bytes, &["blk.0.attn_q.weight", "NVFP4", "Q4_K"]).code(), "unsupported-tensor-type");
}

#[test]
fn a_missing_tensor_one_too_many_and_a_wrong_shape() {
    let mut tensors = tiny::tensors(BlockType::F32);
    tensors.retain(|t| t.0 != "blk.1.ffn_up.weight");
    assert_eq!(
        refused(tiny::write(tiny::metadata(), &tensors), &["blk.1.ffn_up.weight"]).code(),
        "invalid-model"
    );

    // What is not computed would be missing from every answer.
    for name in ["blk.0.attn_q_norm.weight", "blk.1.attn_k.bias"] {
        let mut tensors = tiny::tensors(BlockType::F32);
        tensors.push((name.into(), vec![64], BlockType::F32));
        assert_eq!(
            refused(tiny::write(tiny::metadata(), &tensors), &[name, "llama"]).code(),
            "invalid-model"
        );
    }

    let mut tensors = tiny::tensors(BlockType::F32);
    tensors[5].1 = vec![128, 32];
    assert_eq!(refused(tiny::write(tiny::metadata(), &tensors), &["128"]).code(), "invalid-model");
}

#[test]
fn metadata_that_change_a_model_and_are_not_applied() {
    for key in ["logit_scale", "residual_scale", "attn_logit_softcapping", "expert_count"] {
        let mut header = tiny::metadata();
        header.set(&format!("llama.{key}"), Value::Unsigned(8));
        let bytes = tiny::write(header, &tiny::tensors(BlockType::F32));
        assert_eq!(refused(bytes, &[key, "not supported"]).code(), "invalid-model");
        // Zero says that there is none.
        let mut header = tiny::metadata();
        header.set(&format!("llama.{key}"), Value::Unsigned(0));
        load(tiny::write(header, &tiny::tensors(BlockType::F32))).unwrap();
    }
    let mut header = tiny::metadata();
    header.set("llama.rope.scaling.type", Value::String("dynamic".into()));
    refused(tiny::write(header, &tiny::tensors(BlockType::F32)), &["dynamic"]);
}

#[test]
fn a_bad_tokenizer_and_a_bad_template() {
    let mut header = tiny::metadata();
    header.set("tokenizer.ggml.merges.extra", Value::Bool(true));
    let bytes = tiny::write(header, &tiny::tensors(BlockType::F32));
    let mut bytes = bytes;
    let at = bytes.windows(4).position(|w| w == b"gpt2").unwrap();
    bytes[at..at + 4].copy_from_slice(b"bert");
    assert_eq!(refused(bytes, &["bert"]).code(), "unsupported-tokenizer");

    let mut bytes = tiny::file(BlockType::F32);
    let at = bytes.windows(6).position(|w| w == b"{% for").unwrap();
    bytes[at..at + 6].copy_from_slice(b"{% far");
    assert_eq!(refused(bytes, &["chat template"]).code(), "chat-template");
}

/// What a header says before its first tensor, in bytes that no writer would write.
fn one_key(name: &[u8], rest: &[u8]) -> Vec<u8> {
    let len = (name.len() as u64).to_le_bytes();
    [b"GGUF\x03\0\0\0", &[0; 8][..], &1u64.to_le_bytes(), &len, name, rest].concat()
}

#[test]
fn claims_are_refused_before_they_are_believed() {
    let array =
        |kind: u32, count: u64| [&9u32.to_le_bytes()[..], &kind.to_le_bytes(), &count.to_le_bytes()].concat();
    for (header, word) in [
        (one_key(b"list", &array(0, 5_000_000)), "5000000 array elements"),
        (one_key(b"list", &array(9, 1)), "an array of arrays"),
        (one_key(&[b'a'; 70_000], &[]), "70000 bytes of a name"),
    ] {
        let error = Header::parse(&header).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
}

const NORMAL: i64 = 1;
const CONTROL: i64 = 3;

/// The tokenizer of the tiny model with one token more, of this kind, and these merges.
fn tokenizer(name: &str, kind: i64, merges: &[&str]) -> Result<Tokenizer> {
    let text = |text: &str| Value::String(text.into());
    let keys = tiny::keys().into_iter().map(|(key, mut value)| {
        if let Value::Array(values) = &mut value {
            match key.as_str() {
                "tokenizer.ggml.tokens" => values.push(text(name)),
                "tokenizer.ggml.token_type" => values.push(Value::Signed(kind)),
                _ => values.extend(merges.iter().map(|merge| text(merge))),
            }
        }
        (key, value)
    });
    Tokenizer::from_metadata(&keys.collect())
}

#[test]
fn vocabularies_that_nobody_can_mean() {
    for (name, kind, merges, word) in [
        ("th", NORMAL, &["q z"][..], "do not fit"),
        ("th", NORMAL, &["th"], "is not a pair"),
        ("th", NORMAL, &["th th"], "\"thth\""),
        (&"x".repeat(300), CONTROL, &[], "300"),
    ] {
        let error = tokenizer(name, kind, merges).err().expect(word);
        assert_eq!(error.code(), "unsupported-tokenizer");
        assert!(error.to_string().contains(word), "{error}");
    }
    let sound = tokenizer("th", NORMAL, &["t h"]).unwrap();
    assert_eq!(sound.encode("th", false).unwrap().len(), 1);
}

/// Nothing could be put into its name to tell a user's text from it.
#[test]
fn a_control_token_of_one_character_is_not_looked_for() {
    for (name, found) in [("x", false), ("xy", true)] {
        let tokenizer = tokenizer(name, CONTROL, &[]).unwrap();
        let tokens = tokenizer.encode(name, true).unwrap();
        assert_eq!(tokens.iter().any(|token| tokenizer.is_control(*token)), found, "{name}");
    }
}

proptest! {
    /// Any bytes: an answer, never a panic.
    #[test]
    fn noise_is_refused(bytes in proptest::collection::vec(any::<u8>(), 0..4096)) {
        let _ = Header::parse(&bytes);
        let mut prefixed = b"GGUF\x03\0\0\0".to_vec();
        prefixed.extend(bytes);
        let _ = Header::parse(&prefixed);
    }

    /// A real header with some bytes changed: parsed, refused or waiting for more, and never past its claims.
    #[test]
    fn damaged_headers_do_no_harm(changes in proptest::collection::vec((0usize..9000, any::<u8>()), 1..8)) {
        let mut bytes = tiny::file(BlockType::Q4_0);
        for (at, value) in changes {
            let at = at % bytes.len();
            bytes[at] = value;
        }
        let _ = load(bytes);
    }

    /// However a file is cut, its prefix asks for more and the whole is read.
    #[test]
    fn every_prefix_of_a_header_waits(cut in 0usize..9000) {
        let bytes = tiny::file(BlockType::F32);
        let whole = Header::parse(&bytes).unwrap().unwrap();
        let cut = cut % whole.data_start as usize;
        let fine = match Header::parse(&bytes[..cut]) {
            Ok(None) => true,
            // The padding behind the last entry is not needed.
            Ok(Some(_)) => whole.data_start as usize - cut < 32,
            Err(_) => false,
        };
        prop_assert!(fine);
    }
}
