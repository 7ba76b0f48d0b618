//! GPT-2's byte alphabet: every byte has a printable character, so that a vocabulary can be written as text.

use std::collections::HashMap;
use std::sync::LazyLock;

/// Printable bytes stand for themselves; the others are numbered from U+0100 on.
static BYTES: LazyLock<HashMap<char, u8>> = LazyLock::new(|| {
    let mut next = 0x100;
    (0..=255u8)
        .map(|byte| {
            let printable = matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
            let code = if printable {
                u32::from(byte)
            } else {
                next += 1;
                next - 1
            };
            (char::from_u32(code).unwrap_or_default(), byte)
        })
        .collect()
});

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

#[cfg(test)]
mod tests {
    #[test]
    fn characters_stand_for_bytes() {
        assert_eq!(super::bytes("ĠtheĊ"), b" the\n");
        assert_eq!(super::bytes("Ã©"), "é".as_bytes());
    }
}
