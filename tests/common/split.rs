//! Splitting a file as llama.cpp's `gguf-split` does.

#![allow(dead_code)]

use lunette::gguf::{Header, Value, Writer};

/// The parts of a file: of its tensors, in the order of the file, each part but the last ends before one of `cuts`.
pub fn split(file: &[u8], cuts: &[usize]) -> Vec<Vec<u8>> {
    let header = Header::parse(file).unwrap().unwrap();
    let all = header.tensors.len();
    let bounds: Vec<usize> = [0].iter().chain(cuts).copied().chain([all]).collect();
    let count = bounds.len() - 1;
    let part = |number: usize| {
        let mut writer = Writer::default();
        if number == 0 {
            header.metadata.iter().for_each(|(key, value)| {
                writer.set(key, value.clone());
            });
        }
        writer.set("split.no", Value::Unsigned(number as u64));
        writer.set("split.count", Value::Unsigned(count as u64));
        writer.set("split.tensors.count", Value::Signed(all as i64));
        let tensors = &header.tensors[bounds[number]..bounds[number + 1]];
        for tensor in tensors {
            writer.tensor(&tensor.name, &tensor.dims, tensor.block_type().unwrap());
        }
        let mut out = writer.header();
        for tensor in tensors {
            let bytes = tensor.bytes().unwrap();
            out.extend_from_slice(&file[tensor.offset as usize..][..bytes as usize]);
            out.resize(out.len() + Writer::padding(bytes), 0);
        }
        out
    };
    (0..count).map(part).collect()
}

/// The name of a part, counted from 0.
pub fn name(stem: &str, part: usize, count: usize) -> String {
    format!("{stem}-{:05}-of-{count:05}.gguf", part + 1)
}
