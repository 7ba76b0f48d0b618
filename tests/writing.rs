//! Files that are written anew from a file, tensor by tensor: the same model, or the same weights in other types.

mod common;

use common::tiny;
use lunette::Uninterrupted;
use lunette::engine::{Backend, Engine, LoadOptions};
use lunette::gguf::{Header, TensorInfo, Value, Writer};
use lunette::quant::BlockType;
use lunette::source::{FileModel, MemoryModel, ModelBytes};
use pollster::block_on;
use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Cursor, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::rc::Rc;

/// Bytes, or weights, that are in memory at a time.
const PIECE: usize = 1 << 20;

/// Writes a file anew: every tensor as it is, or its weights in the type that `choose` gives.
fn rewrite<W: Write>(
    mut from: impl Read + Seek,
    header: &Header,
    choose: impl Fn(&TensorInfo) -> Option<BlockType>,
    to: W,
) -> W {
    let mut writer = Writer::default();
    writer.copy(&header.metadata);
    for tensor in &header.tensors {
        let block_type = choose(tensor).unwrap_or(tensor.block_type().unwrap());
        writer.tensor(&tensor.name, &tensor.dims, block_type);
    }
    let mut data = writer.start(to).unwrap();
    for tensor in &header.tensors {
        from.seek(SeekFrom::Start(tensor.offset)).unwrap();
        let stored = tensor.block_type().unwrap();
        let (_, cols) = tensor.matrix();
        let size = (PIECE / stored.bytes_of(cols)).max(1) * stored.bytes_of(cols);
        let mut left = tensor.bytes().unwrap() as usize;
        while left > 0 {
            let mut bytes = vec![0; size.min(left)];
            from.read_exact(&mut bytes).unwrap();
            left -= bytes.len();
            if let Some(block_type) = choose(tensor) {
                let mut values = vec![0.0; bytes.len() / stored.block_bytes() * stored.block_len()];
                stored.dequantize(&bytes, &mut values);
                bytes = block_type.quantize(&values);
            }
            data.write(&bytes).unwrap();
        }
    }
    data.finish().unwrap()
}

fn parsed(file: &[u8]) -> Header {
    Header::parse(file).unwrap().unwrap()
}

fn logits(model: Rc<dyn ModelBytes>) -> Vec<f32> {
    let options = LoadOptions { backend: Backend::Wasm, context_length: Some(64), ..Default::default() };
    let engine = block_on(Engine::load(model, &options, &mut |_| (), &Uninterrupted)).unwrap();
    let tokens = engine.tokenizer().encode("the moon goes round", false).unwrap();
    block_on(engine.logits(&tokens, &Uninterrupted)).unwrap()
}

/// A file that is gone with the test.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn a_model_that_is_copied_is_the_same() {
    let mut from = BufReader::new(File::open(common::model_path()).unwrap());
    let mut start = vec![0; 16 << 20];
    from.read_exact(&mut start).unwrap();
    let header = parsed(&start);
    let copy = Temporary(std::env::temp_dir().join(format!("lunette-copy-{}.gguf", std::process::id())));
    let to = BufWriter::new(File::create(&copy.0).unwrap());
    drop(rewrite(&mut from, &header, |_| None, to));

    let mut file = File::open(&copy.0).unwrap();
    let length = file.metadata().unwrap().len();
    file.read_exact(&mut start).unwrap();
    let copied = parsed(&start);
    copied.check(Some(length)).unwrap();
    assert!(copied.metadata.iter().eq(header.metadata.iter()));
    assert_eq!(copied.tensors.len(), header.tensors.len());
    let model = |path: &PathBuf| Rc::new(FileModel::open(path).unwrap());
    assert!(logits(model(&copy.0)) == logits(model(&common::model_path())));
}

/// Weights that are rounded piece by piece are those that are rounded at once.
#[test]
fn a_model_can_be_written_in_other_types() {
    let file = tiny::file(BlockType::F32);
    let header = parsed(&file);
    let is_matrix = |tensor: &TensorInfo| tensor.dims.len() > 1;
    for block_type in [BlockType::Q8_0, BlockType::Q4_K, BlockType::Q6_K] {
        let got = rewrite(Cursor::new(&file), &header, |t| is_matrix(t).then_some(block_type), Vec::new());
        let expected = tiny::file(block_type);
        let (a, b) = (parsed(&got), parsed(&expected));
        assert!(a.metadata.iter().eq(b.metadata.iter()));
        assert!(got[a.data_start as usize..] == expected[b.data_start as usize..], "{block_type:?}");
        let [got, expected] = [got, expected].map(|file| logits(Rc::new(MemoryModel::new(file))));
        assert!(got == expected, "{block_type:?}");
    }
}

/// What a tool changes of a file before it writes it.
#[test]
fn metadata_can_be_replaced() {
    let header = parsed(&tiny::file(BlockType::F16));
    let mut writer = Writer::default();
    writer.copy(&header.metadata).replace("llama.context_length", Value::Unsigned(77));
    let changed = parsed(&writer.header());
    assert_eq!(changed.metadata.u64("llama.context_length"), Some(77));
    assert_eq!(changed.metadata.iter().count(), header.metadata.iter().count());
}
