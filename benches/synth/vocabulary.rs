//! A byte-level vocabulary of any size that tokenizes English at about three characters a token: the bytes, then all
//! pairs and triples of small letters, with and without a space before, and whole words of four letters.

use lunette::gguf::{Value, Writer};

/// Control tokens stand at the end, as in Llama 3.
const CONTROL: [&str; 6] = [
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eom_id|>",
    "<|eot_id|>",
];
/// With these names Llama 3's 256 are complete.
const RESERVED: &str = "<|reserved_special_token_";

const TEMPLATE: &str = "{{ bos_token }}{% for message in messages %}{{ '<|start_header_id|>' + message['role'] + \
    '<|end_header_id|>\n\n' + message['content'] | trim + '<|eot_id|>' }}{% endfor %}{% if add_generation_prompt %}\
    {{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}";

/// GPT-2's character for a space.
const SPACE: char = 'Ġ';

/// Adds the tokenizer and the chat template to a header.
pub fn describe(w: &mut Writer, size: usize) {
    let special = if size < 4096 { 16 } else { 256 };
    let (mut tokens, merges) = plain(size - special);
    let first = tokens.len();
    tokens.extend(CONTROL.iter().map(|name| name.to_string()));
    tokens.extend((CONTROL.len()..special).map(|i| format!("{RESERVED}{}|>", i - CONTROL.len())));
    let kinds = (0..tokens.len()).map(|i| Value::Signed(if i < first { 1 } else { 3 })).collect();
    let texts = |all: Vec<String>| Value::Array(all.into_iter().map(Value::String).collect());
    let id = |i: usize| Value::Unsigned((first + i) as u64);
    w.set("tokenizer.ggml.model", Value::String("gpt2".into()));
    w.set("tokenizer.ggml.pre", Value::String("llama-bpe".into()));
    w.set("tokenizer.ggml.tokens", texts(tokens));
    w.set("tokenizer.ggml.token_type", Value::Array(kinds));
    w.set("tokenizer.ggml.merges", texts(merges));
    w.set("tokenizer.ggml.bos_token_id", id(0));
    w.set("tokenizer.ggml.eos_token_id", id(5));
    w.set("tokenizer.chat_template", Value::String(TEMPLATE.into()));
}

/// `size` tokens, and the merges that make them.
fn plain(size: usize) -> (Vec<String>, Vec<String>) {
    let mut tokens: Vec<String> = alphabet().map(String::from).collect();
    let mut merges = Vec::new();
    let mut merge = |a: &str, b: &str| {
        if tokens.len() < size {
            tokens.push(format!("{a}{b}"));
            merges.push(format!("{a} {b}"));
        }
    };
    let space = SPACE.to_string();
    for a in words(1) {
        merge(&space, &a);
    }
    for start in ["".to_string(), space.clone()] {
        for len in 1..3 {
            for word in words(len) {
                for b in words(1) {
                    merge(&format!("{start}{word}"), &b);
                }
            }
        }
    }
    let missing = size.saturating_sub(tokens.len());
    tokens.extend(words(4).take(missing).map(|word| format!("{SPACE}{word}")));
    (tokens, merges)
}

/// All words of `len` small letters, in an order in which the letters that English uses most come first.
fn words(len: u32) -> impl Iterator<Item = String> {
    const LETTERS: &[u8; 26] = b"etaoinshrdlcumwfgypbvkjxqz";
    (0..26usize.pow(len))
        .map(move |n| (0..len).rev().map(|place| LETTERS[n / 26usize.pow(place) % 26] as char).collect())
}

/// GPT-2's character for each byte.
fn alphabet() -> impl Iterator<Item = char> {
    (0..=255u8).scan(0x100, |next, byte| {
        let printable = matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
        let code = if printable { u32::from(byte) } else { *next };
        *next += u32::from(!printable);
        char::from_u32(code)
    })
}
