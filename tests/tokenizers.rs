//! Tokenizers of every kind on small vocabularies: spaces, bytes, special tokens, and text that pretends to be them.

mod common;

use common::tiny;
use lunette::engine::{Backend, Constraint, Engine, GenerateOptions, LoadOptions, Prompt};
use lunette::gguf::{Metadata, Value, Writer};
use lunette::quant::BlockType;
use lunette::source::MemoryModel;
use lunette::tokenizer::{ChatTemplate, Date, Message, TextStream, Tokenizer};
use lunette::{Result, Uninterrupted};
use pollster::block_on;
use proptest::prelude::*;
use std::rc::Rc;
use std::time::Instant;

const NORMAL: i64 = 1;
const UNKNOWN: i64 = 2;
const CONTROL: i64 = 3;
const USER_DEFINED: i64 = 4;
const BYTE: i64 = 6;

fn text(text: &str) -> Value {
    Value::String(text.into())
}

/// A file's keys: these tokens, each with its kind and score, and more.
fn keys(kind: &str, tokens: &[(String, i64, f64)], more: &[(&str, Value)]) -> Metadata {
    let list = |of: &dyn Fn(&(String, i64, f64)) -> Value| Value::Array(tokens.iter().map(of).collect());
    let mut keys = vec![
        ("tokenizer.ggml.model", text(kind)),
        ("tokenizer.ggml.tokens", list(&|token| text(&token.0))),
        ("tokenizer.ggml.token_type", list(&|token| Value::Signed(token.1))),
        ("tokenizer.ggml.scores", list(&|token| Value::Float(token.2))),
    ];
    keys.extend(more.iter().cloned());
    keys.into_iter().map(|(key, value)| (key.to_string(), value)).collect()
}

/// As Llama 2 has them: three special tokens, 256 bytes, then text.
fn llama_tokens() -> Vec<(String, i64, f64)> {
    let special = [("<unk>", UNKNOWN), ("<s>", CONTROL), ("</s>", CONTROL)];
    let special = special.map(|(name, kind)| (name.to_string(), kind, 0.0));
    let bytes = (0..256).map(|byte| (format!("<0x{byte:02X}>"), BYTE, 0.0));
    let words = ["▁a", "ab", "▁ab", "bc", "▁abc", "▁▁", "▁", "a", "b", "c", "<", "s", ">", "s>", "1", "2"];
    let words = (0..).zip(words).map(|(i, name)| (name.to_string(), NORMAL, -f64::from(i)));
    let user =
        [("<|user|>", CONTROL), ("[x]", USER_DEFINED)].map(|(name, kind)| (name.to_string(), kind, 0.0));
    special.into_iter().chain(bytes).chain(words).chain(user).collect()
}

fn llama(more: &[(&str, Value)]) -> Tokenizer {
    Tokenizer::from_metadata(&keys("llama", &llama_tokens(), more)).unwrap()
}

/// The tokens of a text, by their names.
fn names(tokenizer: &Tokenizer, text: &str, special: bool) -> Vec<String> {
    named(&tokenizer.encode(text, special).unwrap())
}

fn named(tokens: &[u32]) -> Vec<String> {
    tokens.iter().map(|id| llama_tokens()[*id as usize].0.clone()).collect()
}

#[test]
fn sentencepiece_merges_by_score() {
    let tokenizer = llama(&[]);
    for (text, expected) in [
        ("", &[][..]),
        ("a", &["▁a"]),
        ("abc", &["▁abc"]),
        ("bc", &["▁", "bc"]),
        (" abc", &["▁", "▁abc"]),
        ("bab", &["▁", "b", "ab"]),
        ("a  a", &["▁a", "▁", "▁a"]),
        ("a   ", &["▁a", "▁▁", "▁"]),
        ("é", &["▁", "<0xC3>", "<0xA9>"]),
        ("\n", &["▁", "<0x0A>"]),
    ] {
        assert_eq!(names(&tokenizer, text, false), expected, "{text:?}");
    }
    assert_eq!(named(&tokenizer.encode_within("abc").unwrap()), ["ab", "c"]);
    let without = llama(&[("tokenizer.ggml.add_space_prefix", Value::Bool(false))]);
    assert_eq!(names(&without, "abc", false), ["ab", "c"]);
    assert_eq!(without.decode(&without.encode(" a", false).unwrap()).unwrap(), " a");
}

#[test]
fn a_space_is_added_behind_special_tokens_and_taken_away_again() {
    let tokenizer = llama(&[]);
    let text = "a<|user|>a [x]a";
    assert_eq!(names(&tokenizer, text, true), ["▁a", "<|user|>", "▁a", "▁", "[x]", "▁a"]);
    assert_eq!(tokenizer.decode(&tokenizer.encode(text, true).unwrap()).unwrap(), text);
    assert_eq!(tokenizer.leading(), Some(1));
    assert!(tokenizer.is_end(2) && tokenizer.is_control(0));
}

/// The special tokens of Phi 3 take the white space behind them, also where a prompt is put together from two parts.
#[test]
fn special_tokens_of_phi_3_take_white_space() {
    let phi = llama(&[("general.architecture", text("phi3"))]);
    assert_eq!(names(&phi, "<|user|>\n  a<s> a", true), ["<|user|>", "▁a", "<s>", "▁", "▁a"]);
    assert_eq!(names(&llama(&[]), "<|user|>\na", true), ["<|user|>", "▁", "<0x0A>", "a"]);
    let template = "{% for m in messages %}<|user|>\n{{ m.content }}{% endfor %}<|user|>\n";
    let chat = ChatTemplate::new(template, Date::default()).unwrap();
    let prompts = chat.prompts(&phi, &[Message::user("b")], &["a"]).unwrap();
    assert_eq!(named(&prompts[0]), ["<s>", "<|user|>", "▁", "b", "<|user|>", "▁a"]);
}

/// The rest of a prompt has a space before it only behind a special token, as the whole has.
#[test]
fn prompts_have_the_spaces_of_one_text() {
    let tokenizer = llama(&[]);
    for (template, expected) in [
        ("{{ messages[0].content }}a", &["<s>", "▁", "b", "a", "a"][..]),
        ("<s>{{ messages[0].content }}<|user|>", &["<s>", "▁", "b", "<|user|>", "▁a"]),
        ("<s>{{ messages[0].content }}<|user|>b", &["<s>", "▁", "b", "<|user|>", "▁", "b", "a"]),
    ] {
        let chat = ChatTemplate::new(template, Date::default()).unwrap();
        let prompts = chat.prompts(&tokenizer, &[Message::user("b")], &["a"]).unwrap();
        assert_eq!(named(&prompts[0]), expected, "{template}");
    }
}

/// Not the first of those that end a turn.
#[test]
fn the_eos_token_of_a_template_is_the_files() {
    let user = llama_tokens().iter().position(|(name, ..)| name == "<|user|>").unwrap() as u64;
    let tokenizer = llama(&[
        ("tokenizer.ggml.eos_token_id", Value::Unsigned(user)),
        ("tokenizer.ggml.eot_token_id", Value::Unsigned(2)),
    ]);
    assert!(tokenizer.is_end(2));
    let chat = ChatTemplate::new("{{ messages[0].content }}{{ eos_token }}", Date::default()).unwrap();
    let prompts = chat.prompts(&tokenizer, &[Message::user("b")], &[""]).unwrap();
    assert_eq!(named(&prompts[0]), ["<s>", "▁", "b", "<|user|>"]);
}

/// The vocabulary has the parts of these names, and of a byte's.
#[test]
fn text_cannot_become_a_control_token_or_a_byte() {
    let tokenizer = llama(&[]);
    for text in ["<s>", "<<s>", "</s>", "<unk>", "<0x0A>", "<|user|>"] {
        let tokens = tokenizer.encode(text, false).unwrap();
        assert!(!tokens.iter().any(|token| tokenizer.is_control(*token)), "{text}");
        assert_eq!(tokenizer.decode(&tokens).unwrap(), text);
        let chat = ChatTemplate::new("<s>{{ messages[0].content }}</s>", Date::default()).unwrap();
        let prompt = chat.prompts(&tokenizer, &[Message::user(text)], &[""]).unwrap().remove(0);
        assert_eq!(tokenizer.control_places(&prompt), [0, prompt.len() as u32 - 1], "{text}");
        assert_eq!(tokenizer.decode(&prompt).unwrap(), format!("<s>{text}</s>"));
    }
}

#[test]
fn what_has_no_byte_is_unknown() {
    let mut tokens = llama_tokens();
    tokens.retain(|token| token.1 != BYTE);
    let tokenizer = Tokenizer::from_metadata(&keys("llama", &tokens, &[])).unwrap();
    let tokens = tokenizer.encode_within("a\u{e9}").unwrap();
    assert_eq!(tokenizer.decode(&tokens).unwrap(), "a<unk><unk>");
}

#[test]
fn a_token_without_bounds_is_refused() {
    let mut tokens = llama_tokens();
    tokens.push(("a".repeat(600), NORMAL, 0.0));
    let error = Tokenizer::from_metadata(&keys("llama", &tokens, &[])).err().unwrap();
    assert!(error.to_string().contains("600"), "{error}");
}

fn gemma() -> Tokenizer {
    let special =
        [("<bos>", CONTROL), ("<turn|>", CONTROL)].map(|(name, kind)| (name.to_string(), kind, 0.0));
    let bytes = (0..256).map(|byte| (format!("<0x{byte:02X}>"), BYTE, 0.0));
    let words = ["a", "b", "▁", "\n", "▁a", "ab", "\n\n", "▁▁"].map(|name| (name.to_string(), NORMAL, 0.0));
    let tokens: Vec<_> = special.into_iter().chain(bytes).chain(words).collect();
    let merges = ["a b", "▁ a", "▁ ▁"].map(text).to_vec();
    let more = [
        ("tokenizer.ggml.merges", Value::Array(merges)),
        ("tokenizer.ggml.bos_token_id", Value::Unsigned(0)),
        ("tokenizer.ggml.add_bos_token", Value::Bool(false)),
    ];
    Tokenizer::from_metadata(&keys("gemma4", &tokens, &more)).unwrap()
}

#[test]
fn gemma_4_merges_characters_and_has_bytes_for_the_rest() {
    let tokenizer = gemma();
    let pieces = |text: &str| -> Vec<String> {
        let tokens = tokenizer.encode(text, false).unwrap();
        tokens.iter().map(|token| String::from_utf8_lossy(tokenizer.bytes(*token)).into_owned()).collect()
    };
    assert_eq!(pieces("a ab"), ["a", " ", "ab"]);
    assert_eq!(pieces("a a"), ["a", " a"]);
    // Two line breaks are a token although no merge makes it.
    assert_eq!(pieces("\n\na"), ["\n\n", "a"]);
    assert_eq!(pieces("\n\n\n"), ["\n", "\n", "\n"]);
    assert_eq!(tokenizer.encode("é", false).unwrap(), [2 + 0xc3, 2 + 0xa9]);
    assert_eq!(tokenizer.leading(), Some(0));
    assert!(tokenizer.is_end(1) && tokenizer.warnings().is_empty());
}

#[test]
fn a_file_without_a_pre_tokenizer_is_read_with_a_warning() {
    let mut keys = tiny::keys();
    keys.retain(|(key, _)| key != "tokenizer.ggml.pre");
    let tokenizer = Tokenizer::from_metadata(&keys.into_iter().collect()).unwrap();
    assert_eq!(tokenizer.decode(&tokenizer.encode("12345 a", false).unwrap()).unwrap(), "12345 a");
    let [warning] = tokenizer.warnings() else { panic!("{:?}", tokenizer.warnings()) };
    assert!(warning.contains("pre-tokenizer"), "{warning}");
}

/// A model that says nothing sensible, with a SentencePiece vocabulary of bytes and a space.
fn engine() -> Engine {
    let bytes = (0..255).map(|byte| text(&format!("<0x{byte:02X}>"))).chain([text("▁")]);
    let kinds = (0..256).map(|byte| Value::Signed(if byte < 255 { BYTE } else { NORMAL }));
    let mut header = Writer::default();
    for (key, value) in tiny::keys() {
        let value = match (key.as_str(), value) {
            ("tokenizer.ggml.model", _) => text("llama"),
            // Behind the special tokens, the tokens of bytes.
            ("tokenizer.ggml.tokens", Value::Array(mut names)) => {
                names.truncate(names.len() - 256);
                Value::Array(names.into_iter().chain(bytes.clone()).collect())
            }
            ("tokenizer.ggml.token_type", Value::Array(mut all)) => {
                all.truncate(all.len() - 256);
                Value::Array(all.into_iter().chain(kinds.clone()).collect())
            }
            (_, value) => value,
        };
        header.set(&key, value);
    }
    let bytes = tiny::write(header, &tiny::tensors(BlockType::Q8_0));
    let options = LoadOptions { backend: Backend::Wasm, ..Default::default() };
    block_on(Engine::load(Rc::new(MemoryModel::new(bytes)), &options, &mut |_| (), &Uninterrupted)).unwrap()
}

fn generate(engine: &Engine, options: &GenerateOptions) -> Result<(String, String, Vec<u32>)> {
    let mut streamed = String::new();
    let prompt = Prompt::Messages(vec![Message::user("a b")]);
    let done = block_on(engine.generate(prompt, options, &mut |text| streamed += text, &Uninterrupted))?;
    Ok((done.text, streamed, done.tokens))
}

#[test]
fn generated_text_has_the_bytes_of_its_tokens_and_obeys_constraints() {
    let engine = engine();
    assert!(engine.info().warnings.is_empty());
    for seed in 0..8 {
        let free = GenerateOptions { max_tokens: 40, temperature: 2.0, seed, ..Default::default() };
        let (text, streamed, tokens) = generate(&engine, &free).unwrap();
        assert_eq!(text, streamed);
        let tokenizer = engine.tokenizer();
        let tokens: Vec<u32> = tokens.into_iter().filter(|token| !tokenizer.is_control(*token)).collect();
        assert_eq!(text, tokenizer.decode(&tokens).unwrap());

        let pattern = "[a-e]{3} [é€]{2} [0-9]{3}";
        let constraint = Some(Constraint::Regex(pattern.into()));
        let options = GenerateOptions { max_tokens: 100, constraint, ..free };
        let (text, streamed, _) = generate(&engine, &options).unwrap();
        assert_eq!(text, streamed);
        let (letters, rest) = text.split_once(' ').unwrap();
        let (signs, digits) = rest.split_once(' ').unwrap();
        assert!(letters.len() == 3 && letters.bytes().all(|b| (b'a'..=b'e').contains(&b)), "{text:?}");
        assert!(signs.chars().count() == 2 && signs.chars().all(|c| "é€".contains(c)), "{text:?}");
        assert!(digits.len() == 3 && digits.bytes().all(|b| b.is_ascii_digit()), "{text:?}");
    }
}

/// A queue of merges: looking at all pairs again for each would take minutes.
#[test]
fn long_texts_without_spaces_take_little_time() {
    let mut tokens = llama_tokens();
    tokens.extend((1..=9).map(|n| ("a".repeat(1 << n), NORMAL, f64::from(n))));
    let merges = (0..9).map(|n| text(&format!("{0} {0}", "a".repeat(1 << n)))).collect();
    let more = [("tokenizer.ggml.merges", Value::Array(merges))];
    let start = Instant::now();
    for kind in ["llama", "gemma4", "gpt2"] {
        let tokenizer = Tokenizer::from_metadata(&keys(kind, &tokens, &more)).unwrap();
        for part in ["a", "aab", "é", " ", "ab c", "\n"] {
            let text = part.repeat((1 << 18) / part.len());
            let tokens = tokenizer.encode(&text, false).unwrap();
            if kind != "gpt2" {
                assert_eq!(tokenizer.decode(&tokens).unwrap(), text, "{kind} {part:?}");
            }
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("{seconds:.1} s");
    assert!(seconds < 60.0, "{seconds} s");
}

proptest! {
    /// Any text comes back from its tokens, whole and streamed; but for U+2581, which stands for a space.
    #[test]
    fn texts_come_back(text in "[ abc\n<s>|é🌙1x\\[\\]]{0,40}") {
        for tokenizer in [llama(&[]), gemma()] {
            let tokens = tokenizer.encode(&text, false).unwrap();
            prop_assert_eq!(tokenizer.decode(&tokens).unwrap(), text.clone());
            let (mut stream, mut streamed, mut last) = (TextStream::default(), String::new(), None);
            for &token in &tokens {
                streamed += &stream.push(tokenizer.bytes_behind(last, token));
                last = Some(token);
            }
            prop_assert_eq!(streamed + &stream.finish(), text.clone());
        }
    }
}
