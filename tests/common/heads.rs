//! Heads of reward models for the tiny model of the architecture llama, as the package that trains them writes them.

use super::adapters;
use super::tiny::WIDTH;
use lunette::gguf::{Value, Writer};
use lunette::quant::BlockType;

const RANK: u64 = 4;

/// The element of a state that [`usual`] returns twice.
pub const PLACE: usize = 7;

pub fn wave(count: u64, step: f32) -> Vec<f32> {
    (0..count).map(|i| (i as f32 * step).sin() * 0.3).collect()
}

/// A head of these layers, `[rows, cols]` with their values, and its goals.
pub fn file(layers: &[(u64, u64, Vec<f32>)], goals: &[(&str, Vec<f32>)]) -> Vec<u8> {
    let mut header = adapters::metadata("llama", "head");
    header.set("lunette.reward.layers", Value::Unsigned(layers.len() as u64));
    let q = "blk.1.attn_q.weight";
    let mut tensors = vec![
        (format!("{q}.lora_a"), vec![WIDTH, RANK], wave(WIDTH * RANK, 0.7)),
        (format!("{q}.lora_b"), vec![RANK, WIDTH], wave(WIDTH * RANK, 0.9)),
    ];
    for (i, (rows, cols, values)) in layers.iter().enumerate() {
        tensors.push((format!("reward.{i}.weight"), vec![*cols, *rows], values.clone()));
    }
    for (name, state) in goals {
        tensors.push((format!("goal.{name}"), vec![state.len() as u64, 1], state.clone()));
    }
    written(header, &tensors)
}

pub fn written(mut header: Writer, tensors: &[(String, Vec<u64>, Vec<f32>)]) -> Vec<u8> {
    for (name, dims, _) in tensors {
        header.tensor(name, dims, BlockType::F32);
    }
    let mut data = header.start(Vec::new()).unwrap();
    for (_, _, values) in tensors {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        data.write(&bytes).unwrap();
    }
    data.finish().unwrap()
}

/// One layer and two goals.
pub fn usual() -> Vec<u8> {
    let mut row = vec![0.0; WIDTH as usize];
    row[PLACE] = 2.0;
    file(&[(1, WIDTH, row)], &[("kind", wave(WIDTH, 0.4)), ("short", wave(WIDTH, 1.3))])
}
