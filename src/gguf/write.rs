use super::metadata::{ARRAY, Metadata, Value};
use crate::quant::BlockType;
use std::collections::VecDeque;
use std::io;

/// Writes GGUF files, version 3. It is told all that the header says; the tensors' data follow piece by piece
/// ([`Writer::start`]), so that no more than a piece need be in memory.
#[derive(Debug, Clone, Default)]
pub struct Writer {
    /// Key, value, and the number of its type (of an array, of its elements').
    metadata: Vec<(String, Value, u32)>,
    tensors: Vec<Announced>,
    end: u64,
}

#[derive(Debug, Clone)]
struct Announced {
    name: String,
    dims: Vec<u64>,
    block_type: BlockType,
    offset: u64,
    bytes: u64,
}

/// The format's default.
const ALIGNMENT: u64 = 32;

/// Keys that tell of the file that they are in.
const OWN: [&str; 4] = ["general.alignment", "split.no", "split.count", "split.tensors.count"];

impl Writer {
    /// Numbers become as wide as llama.cpp's readers ask for: 32 bits, unless they need more.
    pub fn set(&mut self, key: &str, value: Value) -> &mut Writer {
        let kind = value.kind();
        self.metadata.push((key.into(), value, kind));
        self
    }

    /// As [`Writer::set`], for a key that is there already.
    pub fn replace(&mut self, key: &str, value: Value) -> &mut Writer {
        self.metadata.retain(|(known, ..)| known != key);
        self.set(key, value)
    }

    /// All that a file says of itself, with numbers as wide as they are there; but not how its data are aligned, nor that it is
    /// a part of a split model: what is written is whole, and aligned by default.
    pub fn copy(&mut self, metadata: &Metadata) -> &mut Writer {
        let entries = metadata.entries().filter(|(key, ..)| !OWN.contains(key));
        self.metadata.extend(entries.map(|(key, value, kind)| (key.to_string(), value.clone(), kind)));
        self
    }

    /// Announces a tensor of whole rows of blocks; `dims` are innermost first. Data follow the header in the order of these
    /// calls, each padded with [`Writer::padding`].
    pub fn tensor(&mut self, name: &str, dims: &[u64], block_type: BlockType) -> &mut Writer {
        let elements: u64 = dims.iter().product();
        let bytes = elements / block_type.block_len() as u64 * block_type.block_bytes() as u64;
        let (name, dims, offset) = (name.to_string(), dims.to_vec(), self.end);
        self.tensors.push(Announced { name, dims, block_type, offset, bytes });
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
        for (key, value, kind) in &self.metadata {
            string(&mut out, key);
            write(&mut out, value, *kind);
        }
        for Announced { name, dims, block_type, offset, .. } in &self.tensors {
            string(&mut out, name);
            out.extend((dims.len() as u32).to_le_bytes());
            dims.iter().for_each(|d| out.extend(d.to_le_bytes()));
            out.extend(block_type.ggml().to_le_bytes());
            out.extend(offset.to_le_bytes());
        }
        out.resize(out.len().next_multiple_of(ALIGNMENT as usize), 0);
        out
    }

    /// Writes the header. The data of the tensors follow, in the order in which they were announced.
    pub fn start<W: io::Write>(self, mut out: W) -> io::Result<Data<W>> {
        out.write_all(&self.header())?;
        let mut data = Data { out, tensors: self.tensors.into(), written: 0 };
        data.pass()?;
        Ok(data)
    }
}

/// A file whose header is written.
pub struct Data<W> {
    out: W,
    /// Those whose data are still to come, or not yet all there.
    tensors: VecDeque<Announced>,
    /// Bytes of the first of them.
    written: u64,
}

impl<W: io::Write> Data<W> {
    /// The tensor whose data come next.
    pub fn next(&self) -> Option<&str> {
        self.tensors.front().map(|tensor| &tensor.name[..])
    }

    /// The next bytes of this tensor: a piece of any size that does not reach beyond its end. More is an error of the kind
    /// [`io::ErrorKind::InvalidInput`].
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let left = self.tensors.front().map_or(0, |tensor| tensor.bytes - self.written);
        if bytes.len() as u64 > left {
            let whose = self.next().map_or("the file".into(), |name| format!("tensor \"{name}\""));
            return Err(invalid(format!("{} bytes of data, where {whose} has {left} left", bytes.len())));
        }
        self.out.write_all(bytes)?;
        self.written += bytes.len() as u64;
        self.pass()
    }

    /// Pads tensors that are complete, and goes on to the next.
    fn pass(&mut self) -> io::Result<()> {
        while let Some(tensor) = self.tensors.pop_front_if(|tensor| tensor.bytes == self.written) {
            self.out.write_all(&[0; ALIGNMENT as usize][..Writer::padding(tensor.bytes)])?;
            self.written = 0;
        }
        Ok(())
    }

    /// The file, flushed. It is an error of the kind [`io::ErrorKind::InvalidInput`] if data are missing.
    pub fn finish(mut self) -> io::Result<W> {
        if let Some(tensor) = self.tensors.front() {
            let Announced { name, bytes, .. } = tensor;
            return Err(invalid(format!(
                "{} of the {bytes} bytes of tensor \"{name}\" are there",
                self.written
            )));
        }
        self.out.flush()?;
        Ok(self.out)
    }
}

fn invalid(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

fn string(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

/// The number of the type, and the value.
fn write(out: &mut Vec<u8>, value: &Value, kind: u32) {
    let Value::Array(values) = value else {
        out.extend(kind.to_le_bytes());
        return scalar(out, value, kind);
    };
    out.extend(ARRAY.to_le_bytes());
    out.extend(kind.to_le_bytes());
    out.extend((values.len() as u64).to_le_bytes());
    values.iter().for_each(|value| scalar(out, value, kind));
}

/// A value in the width of its type.
fn scalar(out: &mut Vec<u8>, value: &Value, kind: u32) {
    match value {
        Value::Unsigned(n) => out.extend(&n.to_le_bytes()[..width(kind)]),
        Value::Signed(n) => out.extend(&n.to_le_bytes()[..width(kind)]),
        Value::Float(x) if kind == 12 => out.extend(x.to_le_bytes()),
        Value::Float(x) => out.extend((*x as f32).to_le_bytes()),
        Value::Bool(b) => out.push(u8::from(*b)),
        Value::String(text) => string(out, text),
        // No array is within another (see `Metadata`).
        Value::Array(_) => {}
    }
}

/// Bytes of a whole number of this type.
fn width(kind: u32) -> usize {
    match kind {
        0 | 1 => 1,
        2 | 3 => 2,
        4 | 5 => 4,
        _ => 8,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Header;
    use super::*;

    /// A header with a value of each type, and arrays of them; keys are in order.
    fn of_all_types() -> Vec<u8> {
        let text = |text: &str| [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat();
        let scalars: [(u32, Vec<u8>); 12] = [
            (0, vec![200]),
            (1, vec![200]),
            (2, 60_000u16.to_le_bytes().into()),
            (3, (-3i16).to_le_bytes().into()),
            (4, 7u32.to_le_bytes().into()),
            (5, (-7i32).to_le_bytes().into()),
            (6, 0.1f32.to_le_bytes().into()),
            (7, vec![1]),
            (8, text("moon")),
            (10, 5u64.to_le_bytes().into()),
            (11, (-5i64).to_le_bytes().into()),
            (12, 0.1f64.to_le_bytes().into()),
        ];
        let mut out = [&b"GGUF"[..], &3u32.to_le_bytes(), &0u64.to_le_bytes(), &25u64.to_le_bytes()].concat();
        for (i, (kind, value)) in scalars.iter().enumerate() {
            out.extend([text(&format!("a.{i:02}")), kind.to_le_bytes().to_vec(), value.clone()].concat());
        }
        for (i, (kind, value)) in scalars.iter().enumerate() {
            let counted = [&ARRAY.to_le_bytes()[..], &kind.to_le_bytes(), &2u64.to_le_bytes()].concat();
            out.extend([text(&format!("b.{i:02}")), counted, value.clone(), value.clone()].concat());
        }
        // An empty list has a type too.
        out.extend(text("c"));
        out.extend([&ARRAY.to_le_bytes()[..], &8u32.to_le_bytes(), &0u64.to_le_bytes()].concat());
        out.resize(out.len().next_multiple_of(32), 0);
        out
    }

    #[test]
    fn what_is_copied_is_as_wide_as_it_was() {
        let original = of_all_types();
        let header = Header::parse(&original).unwrap().unwrap();
        let mut writer = Writer::default();
        assert!(writer.copy(&header.metadata).header() == original);
    }

    #[test]
    fn a_copy_is_whole_and_aligned_by_default() {
        let mut part = Writer::default();
        for key in OWN {
            part.set(key, Value::Unsigned(64));
        }
        part.set("general.name", Value::String("moon".into()));
        let read = |writer: &Writer| Header::parse(&writer.header()).unwrap().unwrap().metadata;
        let mut writer = Writer::default();
        writer.copy(&read(&part)).replace("general.name", Value::String("sun".into()));
        let copied = read(&writer);
        let expected = Value::String("sun".into());
        assert!(copied.iter().eq([("general.name", &expected)]), "{copied:?}");
    }

    fn three() -> Writer {
        let mut writer = Writer::default();
        writer.tensor("a", &[32, 3], BlockType::Q8_0);
        writer.tensor("b", &[5], BlockType::F32).tensor("c", &[64], BlockType::F16);
        writer
    }

    #[test]
    fn data_arrive_in_pieces_of_any_size() {
        let sizes = [102, 20, 128];
        let contents: Vec<Vec<u8>> =
            sizes.iter().enumerate().map(|(i, &size)| vec![i as u8 + 1; size]).collect();
        let mut expected = three().header();
        for data in &contents {
            expected.extend(data);
            expected.resize(expected.len().next_multiple_of(32), 0);
        }
        for piece in [1, 7, 34, 1000] {
            let mut data = three().start(Vec::new()).unwrap();
            for (name, content) in ["a", "b", "c"].iter().zip(&contents) {
                assert_eq!(data.next(), Some(*name));
                content.chunks(piece).for_each(|bytes| data.write(bytes).unwrap());
            }
            assert_eq!(data.next(), None);
            let file = data.finish().unwrap();
            assert!(file == expected);
            let header = Header::parse(&file).unwrap().unwrap();
            header.check(Some(file.len() as u64)).unwrap();
            for (tensor, content) in header.tensors.iter().zip(&contents) {
                assert_eq!(&file[tensor.offset as usize..][..content.len()], content, "{}", tensor.name);
            }
        }
    }

    #[test]
    fn too_much_and_too_little_are_refused() {
        let mut data = three().start(Vec::new()).unwrap();
        data.write(&[0; 100]).unwrap();
        let refused = data.write(&[0; 3]).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
        assert_eq!(refused.to_string(), "3 bytes of data, where tensor \"a\" has 2 left");
        data.write(&[0; 2]).unwrap();
        data.write(&[0; 8]).unwrap();
        let refused = data.finish().err().unwrap();
        assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
        assert_eq!(refused.to_string(), "8 of the 20 bytes of tensor \"b\" are there");
        let refused = Writer::default().start(Vec::new()).unwrap().write(&[0]).unwrap_err();
        assert_eq!(refused.to_string(), "1 bytes of data, where the file has 0 left");
    }
}
