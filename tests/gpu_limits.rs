//! Whole models where buffers are small: weights, the caches of their layers, their logits and what is read back need several
//! each. They give what the CPU gives, whose memory is in one piece.

mod common;
mod gpu_support;

use common::golden::kl;
use common::{fixtures, tiny};
use gpu_support::gpu;
use lunette::cpu::{CpuRunner, CpuStore, Threads};
use lunette::gpu::decide::Kernels;
use lunette::gpu::{Gpu, GpuRunner, GpuStore, KvType};
use lunette::model::{
    Config, Incoming, KvShape, Model, Output, Reading, Row, Runner, Step, WeightStore, load,
};
use lunette::quant::BlockType;
use lunette::source::MemoryModel;
use lunette::{Error, Result, Uninterrupted};
use pollster::block_on;

const BLOCK_LEN: usize = 16;

fn loaded<S: WeightStore>(file: &[u8], store: &mut S) -> Model<S::Weight> {
    let bytes = MemoryModel::new(file.to_vec());
    block_on(async {
        let (header, mut incoming) = Incoming::headers(&bytes).await.unwrap();
        let config = Config::from_header(&header).unwrap();
        load(&header, &config, &mut incoming, store, &mut |_| (), &Uninterrupted).await.unwrap()
    })
}

/// A cache of a model with so many blocks.
fn shape<W>(model: &Model<W>, blocks: usize) -> KvShape {
    let Config { ref layers, kv_heads, head_dim, .. } = model.config;
    KvShape { layers: layers.len(), kv_heads, head_dim, block_len: BLOCK_LEN, blocks }
}

fn on_gpu(gpu: &Gpu, file: &[u8], blocks: usize) -> (GpuRunner, KvShape) {
    let model = loaded(file, &mut GpuStore::new(gpu));
    let kv = shape(&model, blocks);
    (block_on(GpuRunner::new(gpu.clone(), model, kv, &mut |_, _| ())).unwrap(), kv)
}

fn on_cpu(file: &[u8], blocks: usize) -> CpuRunner {
    let model = loaded(file, &mut CpuStore);
    let kv = shape(&model, blocks);
    CpuRunner::new(model, kv, KvType::F32, Threads::new(Some(1)).unwrap())
}

/// The logits of a step's outputs, one behind the other.
fn logits(runner: &mut impl Runner, step: &Step) -> Vec<f32> {
    let readings = block_on(runner.forward(step, &Uninterrupted)).unwrap();
    readings.into_iter().map(Reading::into_logits).collect::<Result<Vec<_>>>().unwrap().concat()
}

/// Two sequences that begin with the same two blocks, then go on side by side; their blocks are from all over the cache.
fn forked(blocks: usize) -> Vec<Step> {
    let far = |i: usize| (i * 5 % 13 * (blocks / 13)) as u32;
    let tables: Vec<Vec<u32>> = vec![(0..5).map(far).collect(), [0, 1, 7, 8, 9].map(far).to_vec()];
    let row = |sequence: usize, position: usize| Row {
        token: ((position * 37 + sequence * 11) % 250) as u32,
        position: position as u32,
        slot: tables[sequence][position / BLOCK_LEN] * BLOCK_LEN as u32 + (position % BLOCK_LEN) as u32,
        sequence: sequence as u32,
    };
    let step = |rows: Vec<Row>, outputs: &[u32]| Step {
        rows,
        tables: tables.clone(),
        outputs: outputs.iter().copied().map(Output::logits).collect(),
        ..Step::default()
    };
    let common = 2 * BLOCK_LEN;
    let mut steps = vec![
        step((0..common).map(|at| row(0, at)).collect(), &[common as u32 - 1]),
        step((0..6).map(|i| row(i % 2, common + i / 2)).collect(), &[5, 4]),
        step((3..23).map(|i| row(1, common + i)).collect(), &[19]),
    ];
    steps.extend((0..4).map(|i| step(vec![row(0, common + 3 + i), row(1, common + 23 + i)], &[0, 1])));
    steps
}

fn kernels(family: Kernels, kv_type: KvType) -> Gpu {
    gpu(Some(family), &[], kv_type)
}

#[test]
fn caches_in_parts_give_the_logits_of_the_cpu() {
    // Bytes that a buffer may have, and blocks of which the two heads of a layer need more.
    let table = [
        ("llama", KvType::F16, 768 << 10, 300),
        ("llama", KvType::F16, 32 << 20, 13_000),
        ("llama", KvType::F32, 768 << 10, 150),
        ("qwen2", KvType::F16, 768 << 10, 300),
        // With windows, and with K and V from one matrix.
        ("gemma3", KvType::F16, 768 << 10, 300),
        ("gemma3", KvType::F32, 768 << 10, 150),
        ("phi3", KvType::F32, 768 << 10, 150),
    ];
    for family in [Kernels::Independent, Kernels::Cooperative] {
        for (fixture, kv_type, limit, blocks) in table {
            let file = fixtures::file(fixture, BlockType::F32);
            let gpu = kernels(family, kv_type).with_buffer_limit(limit);
            let (mut small, kv) = on_gpu(&gpu, &file, blocks);
            assert_eq!(
                gpu.kv_buffers(&kv).0,
                4 * kv.layers,
                "{fixture} {kv_type:?}: two parts of K and of V"
            );
            let mut cpu = on_cpu(&file, blocks);
            let bound = if kv_type == KvType::F32 { 1e-6 } else { 1e-4 };
            for (i, step) in forked(blocks).iter().enumerate() {
                let divergence = kl(&logits(&mut cpu, step), &logits(&mut small, step));
                let what = format!("{fixture} {kv_type:?} {family:?} in {} KiB, step {i}", limit >> 10);
                println!("{what}: KL {divergence:.1e}");
                assert!(divergence <= bound, "{what}: KL {divergence:e}");
            }
        }
    }
}

/// A model with so many rows in its embedding.
fn with_vocabulary(rows: u64) -> Vec<u8> {
    let mut tensors = tiny::tensors(BlockType::F16);
    tensors[0].1[1] = rows;
    tiny::write(tiny::metadata(), &tensors)
}

/// Logits of as many outputs as a step may have are larger than a buffer: fewer are computed at a time, and they come back in
/// several goes.
#[test]
fn logits_that_no_buffer_holds_are_computed_and_read_piecewise() {
    const VOCABULARY: u64 = 13_000;
    const LIMIT: u64 = 768 << 10;
    let file = with_vocabulary(VOCABULARY);
    let tables = vec![vec![3, 1]];
    let rows = (0..24).map(|at| Row {
        token: at * 7,
        position: at,
        slot: tables[0][at as usize / BLOCK_LEN] * BLOCK_LEN as u32 + at % BLOCK_LEN as u32,
        sequence: 0,
    });
    let outputs = (0..24).rev().map(Output::logits).collect();
    let step = Step { rows: rows.collect(), tables: tables.clone(), outputs, ..Step::default() };
    for family in [Kernels::Independent, Kernels::Cooperative] {
        let plenty = kernels(family, KvType::F32);
        let little = plenty.clone().with_buffer_limit(LIMIT);
        let (mut whole, _) = on_gpu(&plenty, &file, 8);
        let (mut pieces, _) = on_gpu(&little, &file, 8);
        assert!(16 * VOCABULARY * 4 > LIMIT && whole.max_ahead() == 16 && pieces.max_ahead() == 8);
        let mut cpu = on_cpu(&file, 8);
        // Once more, with a buffer for the read-back that is there already.
        for _ in 0..2 {
            let [expected, whole, pieces] =
                [logits(&mut cpu, &step), logits(&mut whole, &step), logits(&mut pieces, &step)];
            for (i, row) in pieces.chunks_exact(VOCABULARY as usize).enumerate() {
                let at = i * VOCABULARY as usize..(i + 1) * VOCABULARY as usize;
                let (same, close) = (kl(&whole[at.clone()], row), kl(&expected[at], row));
                assert!(same < 1e-9 && close < 1e-6, "{family:?}, output {i}: KL {same:e} and {close:e}");
            }
            assert_eq!(pieces.len(), 24 * VOCABULARY as usize);
        }
    }
}

/// Where not even eight outputs' logits fit.
#[test]
fn a_vocabulary_that_no_buffer_holds_is_a_typed_error() {
    let gpu = kernels(Kernels::Independent, KvType::F32).with_buffer_limit(768 << 10);
    let model = loaded(&with_vocabulary(25_000), &mut GpuStore::new(&gpu));
    let kv = shape(&model, 8);
    let refused = block_on(GpuRunner::new(gpu.clone(), model, kv, &mut |_, _| ())).err();
    let Some(Error::OutOfMemory(why)) = refused else { panic!("{refused:?}") };
    assert!(why.contains("logits") && why.contains("has no place in this adapter's buffers"), "{why}");
}
