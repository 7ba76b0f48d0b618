//! llama.cpp's own test texts: what its vocabularies make of each, against our tokenizer. `LUNETTE_LLAMA_CPP` names its
//! repository, which `cargo xtask test` fetches.

mod common;

use common::peers::{is_in_the_docs, peers};
use lunette::gguf::Header;
use lunette::tokenizer::Tokenizer;
use std::path::{Path, PathBuf};

const SEPARATOR: &str = "\n__ggml_vocab_test__\n";

/// Vocabularies that are read. The others are refused by name.
const READ: [&str; 3] = ["gpt-2", "llama-bpe", "qwen2"];

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
            None => assert!(!READ.contains(&name.as_str()), "{name} is refused"),
        }
    }
    is_in_the_docs(&rows);
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
