//! Blocks of every type against the values that llama.cpp's Python package reads in them (`data/blocks.py`).

mod gpu_support;

use gpu_support::{NO_KV, assert_close, devices, rows, trial, written};
use lunette::gguf::Header;
use lunette::gpu::{GpuStore, KvType};
use lunette::model::Ops;
use lunette::quant::BlockType;
use pollster::block_on;
use std::path::Path;

/// A type, its blocks and their values.
fn references() -> Vec<(BlockType, Vec<u8>, Vec<f32>)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/blocks.gguf");
    let file = std::fs::read(path).unwrap();
    let header = Header::parse(&file).unwrap().unwrap();
    let of = |block_type: BlockType| {
        let data = |name: String| {
            let tensor = header.tensor(&name).unwrap_or_else(|| panic!("no {name}"));
            let start = tensor.offset as usize;
            (tensor.block_type().unwrap(), &file[start..start + tensor.bytes().unwrap() as usize])
        };
        let (stored, blocks) = data(format!("{}.blocks", block_type.name()));
        assert_eq!(stored, block_type);
        let (_, raw) = data(format!("{}.values", block_type.name()));
        let values = raw.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
        (block_type, blocks.to_vec(), values)
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
