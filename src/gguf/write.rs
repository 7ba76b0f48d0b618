use super::Value;
use crate::quant::BlockType;

/// Writes GGUF files, version 3: for tests and synthetic models.
#[derive(Debug, Clone, Default)]
pub struct Writer {
    metadata: Vec<(String, Value)>,
    tensors: Vec<(String, Vec<u64>, u32, u64)>,
    end: u64,
}

const ALIGNMENT: u64 = 32;

impl Writer {
    pub fn set(&mut self, key: &str, value: Value) -> &mut Writer {
        self.metadata.push((key.into(), value));
        self
    }

    /// As [`Writer::set`], for a key that is there already.
    pub fn replace(&mut self, key: &str, value: Value) -> &mut Writer {
        self.metadata.retain(|(known, _)| known != key);
        self.set(key, value)
    }

    /// Announces a tensor; `dims` are innermost first. Data follow the header in the order of these calls, each
    /// padded with [`Writer::padding`].
    pub fn tensor(&mut self, name: &str, dims: &[u64], block_type: BlockType) -> &mut Writer {
        let elements: u64 = dims.iter().product();
        let bytes = elements / block_type.block_len() as u64 * block_type.block_bytes() as u64;
        self.tensors.push((name.into(), dims.to_vec(), block_type.ggml(), self.end));
        self.end = (self.end + bytes).next_multiple_of(ALIGNMENT);
        self
    }

    /// Zero bytes to write behind `len` bytes of data.
    pub fn padding(len: u64) -> usize {
        (len.next_multiple_of(ALIGNMENT) - len) as usize
    }

    /// Everything before the tensors' data.
    pub fn header(&self) -> Vec<u8> {
        let mut out = b"GGUF".to_vec();
        out.extend(3u32.to_le_bytes());
        out.extend((self.tensors.len() as u64).to_le_bytes());
        out.extend((self.metadata.len() as u64).to_le_bytes());
        for (key, value) in &self.metadata {
            string(&mut out, key);
            out.extend(kind(value).to_le_bytes());
            write(&mut out, value, kind(value));
        }
        for (name, dims, type_id, offset) in &self.tensors {
            string(&mut out, name);
            out.extend((dims.len() as u32).to_le_bytes());
            dims.iter().for_each(|d| out.extend(d.to_le_bytes()));
            out.extend(type_id.to_le_bytes());
            out.extend(offset.to_le_bytes());
        }
        out.resize(out.len().next_multiple_of(ALIGNMENT as usize), 0);
        out
    }
}

fn string(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

/// The types that llama.cpp's readers ask for: 32 bits, unless a number needs more.
fn kind(value: &Value) -> u32 {
    match value {
        Value::Unsigned(n) if u32::try_from(*n).is_ok() => 4,
        Value::Unsigned(_) => 10,
        Value::Signed(n) if i32::try_from(*n).is_ok() => 5,
        Value::Signed(_) => 11,
        Value::Float(_) => 6,
        Value::Bool(_) => 7,
        Value::String(_) => 8,
        Value::Array(_) => 9,
    }
}

fn write(out: &mut Vec<u8>, value: &Value, kind: u32) {
    match value {
        Value::Unsigned(n) if kind == 4 => out.extend((*n as u32).to_le_bytes()),
        Value::Unsigned(n) => out.extend(n.to_le_bytes()),
        Value::Signed(n) if kind == 5 => out.extend((*n as i32).to_le_bytes()),
        Value::Signed(n) => out.extend(n.to_le_bytes()),
        Value::Float(x) => out.extend((*x as f32).to_le_bytes()),
        Value::Bool(b) => out.push(u8::from(*b)),
        Value::String(text) => string(out, text),
        Value::Array(values) => {
            // One type for all: the widest that one of them needs.
            let element = values.iter().map(self::kind).max().unwrap_or(4);
            out.extend(element.to_le_bytes());
            out.extend((values.len() as u64).to_le_bytes());
            values.iter().for_each(|value| write(out, value, element));
        }
    }
}
