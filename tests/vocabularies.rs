//! llama.cpp's own test texts: what its vocabularies make of each, against our tokenizer. `LUNETTE_LLAMA_CPP` names its
//! repository, which `cargo xtask test` fetches.

mod common;

use common::peers::{is_in_the_docs, peers};
use lunette::gguf::Header;
use lunette::tokenizer::{TextStream, Tokenizer};
use std::path::{Path, PathBuf};

const SEPARATOR: &str = "\n__ggml_vocab_test__\n";

/// The vocabulary that is not read. It is refused by the name of its kind.
const REFUSED: &str = "bert-bge";

#[test]
fn texts_have_the_tokens_of_llama_cpp() {
    let folder = PathBuf::from(String::from_utf8(peers("LUNETTE_LLAMA_CPP")).unwrap()).join("models");
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .filter_map(|file| file.unwrap().file_name().into_string().ok())
        .filter_map(|name| Some(name.strip_prefix("ggml-vocab-")?.strip_suffix(".gguf.inp")?.to_string()))
        .collect();
    names.sort();
    assert!(names.len() >= 15, "only {names:?}");
    let results: Vec<(String, Option<(usize, usize)>)> =
        names.into_iter().map(|name| (name.clone(), right(&folder, &name))).collect();
    let row = |(name, result): &(String, Option<(usize, usize)>)| match result {
        Some((right, all)) => format!("| {name} | {right} of {all} |"),
        None => format!("| {name} | not read |"),
    };
    let rows: Vec<String> = results.iter().map(row).collect();
    println!("{}", rows.join("\n"));
    for (name, result) in &results {
        match result {
            Some((right, all)) => assert_eq!(right, all, "{name}"),
            None => assert_eq!(name, REFUSED, "{name} is refused"),
        }
    }
    is_in_the_docs(&rows);
}

/// Every text comes back from its tokens, whole and as it is streamed.
#[test]
fn texts_come_back() {
    let folder = PathBuf::from(String::from_utf8(peers("LUNETTE_LLAMA_CPP")).unwrap()).join("models");
    for name in ["gpt-2", "llama-bpe", "qwen2", "llama-spm", "phi-3", "gemma-4"] {
        let read =
            |ending: &str| std::fs::read(folder.join(format!("ggml-vocab-{name}.gguf{ending}"))).unwrap();
        let header = Header::parse(&read("")).unwrap().unwrap();
        let tokenizer = Tokenizer::from_metadata(&header.metadata).unwrap();
        assert!(tokenizer.warnings().is_empty(), "{name}");
        let texts = String::from_utf8(read(".inp")).unwrap();
        for text in texts.split(SEPARATOR) {
            let tokens = tokenizer.encode(text, false).unwrap();
            assert_eq!(tokenizer.decode(&tokens).unwrap(), text, "{name}");
            let mut stream = TextStream::default();
            let mut last = None;
            let mut streamed = String::new();
            for &token in &tokens {
                streamed += &stream.push(tokenizer.bytes_behind(last, token));
                last = Some(token);
            }
            assert_eq!(streamed + &stream.finish(), text, "{name}");
            // Within another text, the bytes of the tokens are the text's.
            let within = tokenizer.encode_within(text).unwrap();
            let bytes: Vec<u8> = within.iter().flat_map(|token| tokenizer.bytes(*token)).copied().collect();
            assert_eq!(String::from_utf8(bytes).unwrap(), text, "{name}");
        }
    }
}

/// Texts that have the tokens that they should, of how many; `None` where the vocabulary is refused.
fn right(folder: &Path, name: &str) -> Option<(usize, usize)> {
    let read = |ending: &str| std::fs::read(folder.join(format!("ggml-vocab-{name}.gguf{ending}"))).unwrap();
    let header = Header::parse(&read("")).unwrap().unwrap();
    let tokenizer = Tokenizer::from_metadata(&header.metadata).ok()?;
    let (texts, tokens) =
        (String::from_utf8(read(".inp")).unwrap(), String::from_utf8(read(".out")).unwrap());
    let texts: Vec<&str> = texts.split(SEPARATOR).collect();
    let tokens: Vec<Vec<u32>> =
        tokens.lines().map(|line| line.split_whitespace().map(|id| id.parse().unwrap()).collect()).collect();
    // Behind the last text there is another separator, or a line break.
    assert!(
        (tokens.len()..=tokens.len() + 1).contains(&texts.len()),
        "{name}: {} {}",
        texts.len(),
        tokens.len()
    );
    let same = |(text, tokens): &(&&str, &Vec<u32>)| {
        let ours = tokenizer.encode(text, false).unwrap();
        if ours != **tokens {
            println!("{name}: {text:?} is {ours:?}, where llama.cpp has {tokens:?}");
        }
        ours == **tokens
    };
    Some((texts.iter().zip(&tokens).filter(same).count(), tokens.len()))
}
