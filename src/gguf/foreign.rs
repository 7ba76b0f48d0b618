//! Files that people take for a GGUF model: what each is, by its first bytes, and where the right one is.

/// What the start of a file says that it is, and what to do; `None` where it says nothing.
pub(super) fn describe(start: &[u8]) -> Option<&'static str> {
    let text = start.trim_ascii_start().strip_prefix(b"\xef\xbb\xbf").unwrap_or(start.trim_ascii_start());
    let begins = |word: &str| text.get(..word.len()).is_some_and(|t| t.eq_ignore_ascii_case(word.as_bytes()));
    let holds = |word: &[u8]| start[..start.len().min(512)].windows(word.len()).any(|w| w == word);
    Some(match start {
        _ if begins("version https://git-lfs.github.com/spec/") => {
            "it is a Git LFS pointer, a few lines that stand for the model. Fetch the model itself: on a hub its address has /resolve/ in place of /raw/; in a clone run `git lfs pull`"
        }
        _ if begins("<!doctype html") || begins("<html") || begins("<?xml") => {
            "it is a web page. On a hub a file's page has /blob/ in its address; the file itself is at the same address with /resolve/ in place of /blob/. A private model needs a signed address"
        }
        [b'P', b'K', 3, 4, ..] if holds(b"data.pkl") || holds(b"archive/") => {
            "it is a PyTorch checkpoint. Take the model's GGUF file, or convert it with llama.cpp's convert_hf_to_gguf.py"
        }
        [b'P', b'K', 3, 4, ..] => "it is a zip archive. Unpack it, and load the .gguf file in it",
        [0x80, 2..=5, ..] => {
            "it is a Python pickle, probably of PyTorch. Take the model's GGUF file, or convert it with llama.cpp's convert_hf_to_gguf.py"
        }
        [0x1f, 0x8b, ..]
        | [0x28, 0xb5, 0x2f, 0xfd, ..]
        | [b'B', b'Z', b'h', ..]
        | [0xfd, b'7', b'z', b'X', b'Z', ..] => "it is compressed. Unpack it first",
        // Little-endian magic numbers of ggml's formats before GGUF: ggml, ggmf, ggjt, ggla.
        [b'l' | b'f', b'm', b'g', b'g', ..] | [b't', b'j', b'g', b'g', ..] | [b'a', b'l', b'g', b'g', ..] => {
            "it is in one of ggml's formats before GGUF. Take a current GGUF file of the model"
        }
        [b'F', b'U', b'G', b'G', ..] => BIG_ENDIAN,
        // The length of a JSON header, then the header.
        [_, _, _, _, 0, 0, 0, 0, b'{', ..] => {
            "it is a safetensors file. Take the model's GGUF file, or convert it with llama.cpp's convert_hf_to_gguf.py"
        }
        // Protocol buffers: the field of the IR version, then the producer's name or the graph.
        [0x08, 3..=20, 0x12 | 0x3a, ..] => "it is an ONNX model. Take the model's GGUF file",
        _ if begins("{") || begins("[") => {
            "it is JSON text, perhaps a server's error message. Check the address"
        }
        _ => return None,
    })
}

pub(super) const BIG_ENDIAN: &str =
    "it is a big-endian GGUF file, for other processors. Take the usual little-endian one";

#[cfg(test)]
mod tests {
    use crate::Error;
    use crate::gguf::Header;

    #[test]
    fn what_is_taken_for_a_model_is_named() {
        let onnx = b"\x08\x0a\x12\x07pytorch\x1a\x05";
        let safetensors = b"\x40\x1f\x00\x00\x00\x00\x00\x00{\"__metadata__\"";
        let big = [b"GGUF".as_slice(), &[0, 0, 0, 3], &[0; 16]].concat();
        for (start, what) in [
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 5\n".as_slice(), "/resolve/"),
            (b"\n<!DOCTYPE html><html>", "/blob/"),
            (b"PK\x03\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x0f\0\0\0archive/data.pkl", "PyTorch"),
            (b"PK\x03\x04\0\0\0\0\0\0\0\0", "zip"),
            (b"\x80\x02}q\0", "pickle"),
            (b"\x1f\x8b\x08\0\0\0\0\0", "compressed"),
            (b"lmgg\x01\0\0\0", "before GGUF"),
            (b"tjgg\x03\0\0\0", "before GGUF"),
            (safetensors, "safetensors"),
            (onnx, "ONNX"),
            (b"{\"error\": \"not found\"}", "JSON"),
            (&big, "big-endian"),
            (b"something else entirely", "GGUF"),
        ] {
            let error = Header::parse(start).unwrap_err();
            assert!(matches!(error, Error::InvalidFile(_) | Error::ForeignFile(_)), "{error}");
            assert!(error.to_string().contains(what), "{what}: {error}");
        }
    }
}
