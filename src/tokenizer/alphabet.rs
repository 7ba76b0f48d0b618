//! How vocabularies write bytes as text.

use std::collections::HashMap;
use std::sync::LazyLock;

/// What the characters of a vocabulary stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Letters {
    /// GPT-2's: each for a byte.
    Bytes,
    /// Each for itself.
    Characters,
    /// Each for itself, except U+2581 for a space.
    Spaced,
}

/// GPT-2's alphabet: every byte has a printable character. Printable bytes stand for themselves; the others are numbered
/// from U+0100 on.
static CHARACTERS: LazyLock<[char; 256]> = LazyLock::new(|| {
    let mut next = 0x100;
    std::array::from_fn(|byte| {
        let printable = matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
        let code = if printable {
            byte as u32
        } else {
            next += 1;
            next - 1
        };
        char::from_u32(code).unwrap_or_default()
    })
});

static BYTES: LazyLock<HashMap<char, u8>> =
    LazyLock::new(|| CHARACTERS.iter().copied().zip(0..=255).collect());

/// What SentencePiece writes for a space: U+2581.
pub(super) const SPACE: &str = "▁";

/// The character of a byte.
pub(super) fn character(byte: u8) -> char {
    CHARACTERS[usize::from(byte)]
}

/// The bytes that a token's characters stand for; a character outside the alphabet stands for itself.
pub(super) fn bytes(token: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(token.len());
    for c in token.chars() {
        match BYTES.get(&c) {
            Some(byte) => bytes.push(*byte),
            None => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}

/// The byte that `<0x0A>` and the like stand for.
pub(super) fn byte(token: &str) -> Option<u8> {
    let digits = token.strip_prefix("<0x")?.strip_suffix('>')?;
    let sound = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    sound.then(|| u8::from_str_radix(digits, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_stand_for_bytes() {
        assert_eq!(bytes("ĠtheĊ"), b" the\n");
        assert_eq!(bytes("Ã©"), "é".as_bytes());
        for b in 0..=255 {
            assert_eq!(bytes(&character(b).to_string()), [b]);
        }
    }

    #[test]
    fn hexadecimal_names_stand_for_bytes() {
        assert_eq!(byte("<0x0A>"), Some(b'\n'));
        assert_eq!(byte("<0xfF>"), Some(255));
        for other in ["<0x+A>", "<0x0>", "<0x0AB>", "0x0A", "<0x0A", "\u{e9}"] {
            assert_eq!(byte(other), None, "{other}");
        }
    }
}
