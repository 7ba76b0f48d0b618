//! Blocks of every type against the values that llama.cpp's Python package reads in them (`data/blocks.py`), and what weights
//! are rounded to against what it and ggml's library make of them (`data/quantized.py`).

mod gpu_support;

use gpu_support::{NO_KV, assert_close, devices, rows, trial, written};
use lunette::gguf::Header;
use lunette::gpu::{GpuStore, KvType};
use lunette::model::Ops;
use lunette::quant::BlockType;
use pollster::block_on;
use std::path::Path;

/// A file of reference values.
struct References {
    file: Vec<u8>,
    header: Header,
}

impl References {
    fn open(name: &str) -> References {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
        let file = std::fs::read(path).unwrap();
        let header = Header::parse(&file).unwrap().unwrap();
        References { file, header }
    }

    fn blocks(&self, name: &str, block_type: BlockType) -> Vec<u8> {
        let tensor = self.header.tensor(name).unwrap_or_else(|| panic!("no {name}"));
        assert_eq!(tensor.block_type().unwrap(), block_type, "{name}");
        let start = tensor.offset as usize;
        self.file[start..start + tensor.bytes().unwrap() as usize].to_vec()
    }

    fn values(&self, name: &str) -> Vec<f32> {
        let raw = self.blocks(name, BlockType::F32);
        raw.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
    }
}

/// A type, its blocks and their values.
fn references() -> Vec<(BlockType, Vec<u8>, Vec<f32>)> {
    let file = References::open("blocks.gguf");
    let of = |block_type: BlockType| {
        let name = block_type.name();
        let (blocks, values) =
            (file.blocks(&format!("{name}.blocks"), block_type), file.values(&format!("{name}.values")));
        (block_type, blocks, values)
    };
    BlockType::ALL.into_iter().map(of).collect()
}

#[test]
fn blocks_hold_what_llama_cpp_reads_in_them() {
    for (block_type, blocks, expected) in references() {
        let mut got = vec![0.0; expected.len()];
        block_type.dequantize(&blocks, &mut got);
        // A difference of two products may be rounded once or twice.
        let most = expected.iter().fold(0.0f32, |most, v| most.max(v.abs()));
        for (e, (got, expected)) in got.iter().zip(&expected).enumerate() {
            let same = (got - expected).abs() <= 1e-7 * most;
            assert!(same, "{block_type:?} {e}: {got}, where llama.cpp reads {expected}");
        }
    }
}

/// Blocks of any bits, which a quantizer would not make all of, as rows of an embedding.
#[test]
fn the_gpu_reads_the_same() {
    const COLS: usize = 256;
    for (family, gpu) in devices(KvType::F32) {
        for (block_type, blocks, expected) in references() {
            let count = expected.len() / COLS;
            let table = written(GpuStore::new(&gpu), block_type, count, COLS, &blocks);
            let mut trial = trial(&gpu, NO_KV, count, &[], |o, _| o.embed(&table));
            let got = block_on(trial.run(&rows(count), &[])).unwrap();
            assert_close(&got, &expected, 1e-6, &format!("{family} {block_type:?}"));
        }
    }
}

/// Whatever bytes a file has, they are values: no index reaches beyond a table.
#[test]
fn any_bytes_are_blocks() {
    let mut state = 1u32;
    let mut random = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    for block_type in BlockType::ALL {
        let mut out = vec![0.0; 64 * block_type.block_len()];
        for fill in [0, 0xff] {
            block_type.dequantize(&vec![fill; 64 * block_type.block_bytes()], &mut out);
        }
        for _ in 0..100 {
            let bytes: Vec<u8> = (0..64 * block_type.block_bytes()).map(|_| random()).collect();
            block_type.dequantize(&bytes, &mut out);
        }
    }
}

const KINDS: [&str; 4] = ["normal", "uneven", "shifted", "special"];

#[test]
fn q8_0_is_what_llama_cpp_s_package_writes() {
    let file = References::open("quantized.gguf");
    for kind in KINDS {
        let got = BlockType::Q8_0.quantize(&file.values(&format!("{kind}.values")));
        assert!(got == file.blocks(&format!("{kind}.Q8_0"), BlockType::Q8_0), "{kind}");
    }
}

/// The root mean square of what rounding changes, as by ggml's reference quantizers, within half a percent.
#[test]
fn k_types_lose_no_more_than_by_ggml() {
    let file = References::open("quantized.gguf");
    for block_type in [BlockType::Q4_K, BlockType::Q6_K] {
        for kind in KINDS {
            let values = file.values(&format!("{kind}.values"));
            let loss = |blocks: &[u8]| {
                let mut back = vec![0.0; values.len()];
                block_type.dequantize(blocks, &mut back);
                let squares = values.iter().zip(&back).map(|(a, b)| f64::from(a - b).powi(2));
                (squares.sum::<f64>() / values.len() as f64).sqrt()
            };
            let ours = loss(&block_type.quantize(&values));
            let theirs = loss(&file.blocks(&format!("{kind}.{}", block_type.name()), block_type));
            println!("{kind} {block_type:?}: {ours:.4e}, ggml {theirs:.4e}");
            assert!(
                theirs > 0.0 && ours <= theirs * 1.005,
                "{kind} {block_type:?}: {ours:e}, ggml {theirs:e}"
            );
        }
    }
}

/// Weights of any size, and what is no number, become blocks of the right length without a fault.
#[test]
fn any_values_can_be_rounded() {
    use BlockType::*;
    for block_type in [F32, F16, BF16, Q8_0, Q4_K, Q6_K] {
        for value in [0.0, 1e-40, -1e-12, 1e30, f32::MAX, f32::INFINITY, f32::NEG_INFINITY, f32::NAN] {
            let mut values: Vec<f32> = (0..512).map(|i| (i % 7) as f32 - 3.0).collect();
            values[3] = value;
            values[256..].fill(value);
            assert_eq!(
                block_type.quantize(&values).len(),
                block_type.bytes_of(512),
                "{block_type:?} {value}"
            );
        }
    }
}
