//! Blocks of every type against the values that llama.cpp's Python package reads in them (`data/blocks.py`).

use lunette::gguf::Header;
use lunette::quant::BlockType;
use std::path::Path;

#[test]
fn blocks_hold_what_llama_cpp_reads_in_them() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/blocks.gguf");
    let file = std::fs::read(path).unwrap();
    let header = Header::parse(&file).unwrap().unwrap();
    for block_type in BlockType::ALL {
        let data = |name: String| {
            let tensor = header.tensor(&name).unwrap_or_else(|| panic!("no {name}"));
            let start = tensor.offset as usize;
            (tensor.block_type().unwrap(), &file[start..start + tensor.bytes().unwrap() as usize])
        };
        let (stored, blocks) = data(format!("{}.blocks", block_type.name()));
        assert_eq!(stored, block_type);
        let (_, raw) = data(format!("{}.values", block_type.name()));
        let expected: Vec<f32> =
            raw.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
        let mut got = vec![0.0; expected.len()];
        block_type.dequantize(blocks, &mut got);
        // A difference of two products may be rounded once or twice.
        let most = expected.iter().fold(0.0f32, |most, v| most.max(v.abs()));
        for (e, (got, expected)) in got.iter().zip(&expected).enumerate() {
            let same = (got - expected).abs() <= 1e-7 * most;
            assert!(same, "{block_type:?} {e}: {got}, where llama.cpp reads {expected}");
        }
    }
}
