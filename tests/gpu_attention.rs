//! Attention and what fills its cache on the GPU against the CPU: several sequences over shuffled blocks, and caches in parts.

mod gpu_support;

use gpu_support::*;
use lunette::cpu::{CpuOps, KvCache, ONE_THREAD, Tensor};
use lunette::gpu::{Gpu, KvType};
use lunette::model::{Attention, KvShape, Ops, RopeStyle, Rotation, Row, Step};
use lunette::quant::BlockType;
use pollster::block_on;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Rows that each of three sequences gets, step by step: prefills and decodes by plans for many rows, for few, for one.
const CONVERSATIONS: [&[[u32; 3]]; 5] = [
    &[[1, 0, 0], [5, 3, 0], [0, 17, 20], [1, 1, 1], [2, 0, 1], [16, 0, 8], [1, 1, 1]],
    &[[1, 0, 0], [7, 5, 4], [0, 16, 0], [16, 0, 0], [14, 1, 1], [16, 0, 0], [16, 0, 0], [1, 1, 1]],
    &[[1, 0, 0], [0, 3, 0], [2, 1, 1]],
    &[[1, 0, 0], [1, 0, 0], [0, 0, 1]],
    &[[1, 0, 0]; 19],
];

/// Several sequences over shuffled blocks.
#[test]
fn attention() {
    let table =
        [(4, 4, 64, 16), (9, 3, 64, 16), (8, 1, 128, 32), (6, 2, 20, 8), (4, 2, 96, 16), (8, 1, 256, 16)];
    for (kv_type, bound) in [(KvType::F32, BOUND), (KvType::F16, 2e-3)] {
        for (family, gpu) in devices(kv_type) {
            let cases = table.into_iter().flat_map(|t| CONVERSATIONS.map(|counts| (t, counts)));
            for (i, (shape, counts)) in cases.enumerate() {
                let (heads, kv_heads, head_dim, block_len) = shape;
                let kv = KvShape { layers: 2, kv_heads, head_dim, block_len, blocks: 23 };
                // A window shorter than a block, one of several, and one that never fills.
                let window = Some([5, 3 * block_len + 1, 10_000][i % 3]);
                let other = Attention { scale: 0.15, cap: Some(2.5), window };
                for how in [Attention::plain(head_dim), other] {
                    let what = format!("{family} {kv_type:?} {shape:?} {how:?}");
                    converse(&gpu, kv, heads, &conversation(&kv, counts), &how, bound, &what);
                }
            }
        }
    }
}

/// From a block's input to its attention: Q, K and V from one matrix, from two, and from three; both kinds of rotation.
#[test]
fn projections() {
    use BlockType::{F16, F32};
    let kinds = [([F16, F16, F16], 3), ([F16, F16, F32], 4), ([F32, F16, F32], 5)];
    for (kv_type, bound) in [(KvType::F32, 3e-5), (KvType::F16, 2e-3)] {
        for (family, gpu) in devices(kv_type) {
            for (heads, kv_heads, head_dim, block_len) in [(9, 3, 64, 16), (6, 2, 20, 8), (4, 4, 128, 16)] {
                for (kinds, dispatches) in kinds {
                    let all = [RopeStyle::Interleaved, RopeStyle::Halves]
                        .map(|style| [(style, false), (style, true)]);
                    for (style, norms) in all.concat() {
                        let kv = KvShape { layers: 1, kv_heads, head_dim, block_len, blocks: 23 };
                        let what =
                            format!("{family} {kv_type:?} {heads} × {head_dim} {kinds:?} {style:?} {norms}");
                        let dispatches = dispatches + if norms { 2 } else { 0 };
                        project(&gpu, kv, heads, kinds, (style, norms), (dispatches, bound), &what);
                    }
                }
            }
        }
    }
}

/// The same where a buffer holds no more than some of the KV heads.
#[test]
fn projections_into_a_cache_in_parts() {
    let table = [
        ((6, 2, 20, 8, 1), (RopeStyle::Interleaved, false)),
        ((10, 5, 64, 16, 2), (RopeStyle::Halves, true)),
    ];
    for (kv_type, bound) in [(KvType::F32, 3e-5), (KvType::F16, 2e-3)] {
        for (family, gpu) in devices(kv_type) {
            for ((heads, kv_heads, head_dim, block_len, together), (style, norms)) in table {
                let kv =
                    large(KvShape { layers: 1, kv_heads, head_dim, block_len, blocks: 0 }, kv_type, 1 << 20);
                let gpu = gpu.clone().with_buffer_limit(head_bytes(&kv, kv_type) * together as u64);
                let parts = kv_heads.div_ceil(together);
                let what = format!("{family} {kv_type:?} {heads} × {head_dim} in {parts} {style:?} {norms}");
                let dispatches = 3 + 2 * (parts - 1) + if norms { 2 } else { 0 };
                let kinds = [BlockType::F16; 3];
                project(&gpu, kv, heads, kinds, (style, norms), (dispatches, bound), &what);
            }
        }
    }
}

/// Random shapes whose caches have several parts; sequences of their own, and forks that share blocks of another.
#[test]
fn attention_to_a_cache_in_parts() {
    let mut rng = StdRng::seed_from_u64(2026);
    for (kv_type, bound) in [(KvType::F32, BOUND), (KvType::F16, 3e-3)] {
        for (family, gpu) in devices(kv_type) {
            for i in 0..4 {
                let (kv_heads, group) = (rng.random_range(2..=6), rng.random_range(1..=4));
                let (head_dim, block_len) =
                    ([20, 64, 96, 128, 256][rng.random_range(0..5)], [8, 16, 32][i % 3]);
                let kv = KvShape { layers: 2, kv_heads, head_dim, block_len, blocks: 0 };
                // What attention makes of pieces of the context must fit too.
                let kv = large(kv, kv_type, 8 << 20);
                let together = rng.random_range(1..kv_heads);
                let gpu = gpu.clone().with_buffer_limit(head_bytes(&kv, kv_type) * together as u64 + 3);
                let (parts, largest) =
                    (kv_heads.div_ceil(together), kv_heads.div_ceil(kv_heads.div_ceil(together)));
                assert_eq!(gpu.kv_buffers(&kv), (4 * parts, head_bytes(&kv, kv_type) * largest as u64));
                let window = [None, Some(5), Some(2 * block_len + 3)][rng.random_range(0..3)];
                let how = Attention { scale: 0.15, cap: [None, Some(2.5)][i % 2], window };
                let what = format!("{family} {kv_type:?} {group} × {kv:?} in {parts}, {how:?}");
                let steps = if i % 2 == 0 { forked(&kv) } else { conversation(&kv, CONVERSATIONS[i]) };
                let dispatches = converse(&gpu, kv, group * kv_heads, &steps, &how, bound, &what);
                // Where the context is shared out, one more puts it together.
                assert!((2 * parts..=2 * parts + 1).contains(&dispatches), "{what}: {dispatches}");
            }
        }
    }
}

/// A row at the end of a long context whose keys are all alike: it sees the mean of the values, few of which are not 0. Loops
/// that an adapter ends early would leave some of these out.
#[test]
fn attention_to_a_long_context() {
    const POSITIONS: [u32; 7] = [3, 4000, 4100, 8000, 12_345, 19_999, 20_000];
    for (family, gpu) in devices(KvType::F16) {
        for (head_dim, window) in [(128, None), (64, None), (128, Some(9000))] {
            let kv = KvShape { layers: 1, kv_heads: 2, head_dim, block_len: 16, blocks: 1300 };
            let how = Attention { window, ..Attention::plain(head_dim) };
            let cols = [4, 2, 2].map(|heads| heads * head_dim);
            let mut trial = trial(&gpu, kv, 1, &cols, |o, x| o.attention(0, &x[0], &x[1], &x[2], &how));
            let table: Vec<u32> = (0..1300).map(|i| i * 7 % 1300).collect();
            let (q, k, v) = (random(cols[0], 1), vec![0.0; cols[1]], vec![1.0; cols[2]]);
            for (i, position) in POSITIONS.into_iter().enumerate() {
                let slot = table[position as usize / 16] * 16 + position % 16;
                let rows = vec![Row { token: 0, position, slot, sequence: 0 }];
                let step = Step { rows, tables: vec![table.clone()], outputs: vec![], ..Step::default() };
                let got = block_on(trial.run(&step, &[&q, &k, &v])).unwrap();
                // Those of the values so far that are within the window.
                let length = (position + 1).min(window.map_or(u32::MAX, |window| window as u32));
                let seen = POSITIONS[..=i].iter().filter(|&&at| at + length > position).count() as f32;
                let what = format!("{family} {head_dim} {window:?} at {position}");
                assert_close(&got, &vec![seen / length as f32; cols[0]], 1e-3, &what);
            }
        }
    }
}

fn head_bytes(kv: &KvShape, kv_type: KvType) -> u64 {
    (kv.slots() * kv.head_dim * kv_type.bytes()) as u64
}

/// The shape with as many blocks as make K of a head take `bytes`, or a little more.
fn large(kv: KvShape, kv_type: KvType, bytes: usize) -> KvShape {
    KvShape { blocks: (bytes / (kv.block_len * kv.head_dim * kv_type.bytes())).next_multiple_of(23), ..kv }
}

fn project(
    gpu: &Gpu,
    kv: KvShape,
    heads: usize,
    kinds: [BlockType; 3],
    (style, norms): (RopeStyle, bool),
    (dispatches, bound): (usize, f32),
    what: &str,
) {
    const COLS: usize = 256;
    let (q, k) = (heads * kv.head_dim, kv.kv_heads * kv.head_dim);
    let parts = stacked(gpu, &[(kinds[0], q), (kinds[1], k), (kinds[2], k)], COLS, 20);
    // With norms the last quarter of a head is not rotated.
    let pairs = if norms { kv.head_dim * 3 / 8 } else { kv.head_dim / 2 };
    let frequencies: Vec<f32> = (0..pairs).map(|i| 100f32.powf(-(i as f32) / 64.0)).collect();
    let turns = Rotation { frequencies, amplitude: 1.0, style, head_dim: kv.head_dim };
    let (norm, cpu_norm) = weights(gpu, BlockType::F32, 1, kv.head_dim, 21);
    let how = Attention::plain(kv.head_dim);
    for counts in &CONVERSATIONS[1..4] {
        let steps = conversation(&kv, counts);
        let most = steps.iter().map(|s| s.rows.len()).max().unwrap();
        let mut trial = trial(gpu, kv, most, &[COLS], |o, x| {
            let [mut q, mut k, v] = [0, 1, 2].map(|i| o.linear(&parts[i].0, &x[0]));
            if norms {
                (q, k) = (o.rms_norm(&q, &norm, 1e-6), o.rms_norm(&k, &norm, 1e-6));
            }
            let (q, k) = (o.rope(q, &turns), o.rope(k, &turns));
            o.attention(0, &q, &k, &v, &how)
        });
        // Where the context is shared out, one more puts it together.
        assert!((dispatches..=dispatches + 1).contains(&trial.dispatches()), "{what}");
        let mut cache = KvCache::new(kv, KvType::F32);
        for (i, step) in steps.iter().enumerate() {
            let n = step.rows.len();
            let x: Vec<f32> = random(n * COLS, 30 + i as u64).iter().map(|v| v * 0.2).collect();
            let got = block_on(trial.run(step, &[&x])).unwrap();
            cache.prepare(step).unwrap();
            let mut ops = CpuOps { step, kv: &mut cache, threads: &ONE_THREAD };
            let x = Tensor::new(n, COLS, x);
            let [mut q, mut k, v] = [0, 1, 2].map(|i| ops.linear(&parts[i].1, &x));
            if norms {
                (q, k) = (ops.rms_norm(&q, &cpu_norm, 1e-6), ops.rms_norm(&k, &cpu_norm, 1e-6));
            }
            let (q, k) = (ops.rope(q, &turns), ops.rope(k, &turns));
            let expected = ops.attention(0, &q, &k, &v, &how);
            assert_close(&got, &expected.data, bound, &format!("{what}, step {i} of {n} rows"));
        }
    }
}

/// Computes the steps on both backends. Returns the dispatches of a step.
fn converse(
    gpu: &Gpu,
    kv: KvShape,
    heads: usize,
    steps: &[Step],
    how: &Attention,
    bound: f32,
    what: &str,
) -> usize {
    let most = steps.iter().map(|s| s.rows.len()).max().unwrap();
    let cols = [heads * kv.head_dim, kv.kv_heads * kv.head_dim, kv.kv_heads * kv.head_dim];
    let mut trial = trial(gpu, kv, most, &cols, |o, x| o.attention(1, &x[0], &x[1], &x[2], how));
    let mut cache = KvCache::new(kv, KvType::F32);
    for (i, step) in steps.iter().enumerate() {
        let n = step.rows.len();
        let inputs: Vec<Vec<f32>> = (0..3).map(|j| random(n * cols[j], (i * 3 + j) as u64)).collect();
        // Sharp and flat distributions: the scores of some rows are large.
        let q: Vec<f32> =
            inputs[0].iter().enumerate().map(|(j, v)| v * (1 + j / cols[0] % 9) as f32).collect();
        let got = block_on(trial.run(step, &[&q, &inputs[1], &inputs[2]])).unwrap();
        let [q, k, v] = [q, inputs[1].clone(), inputs[2].clone()];
        cache.prepare(step).unwrap();
        let expected = CpuOps { step, kv: &mut cache, threads: &ONE_THREAD }.attention(
            1,
            &Tensor::new(n, cols[0], q),
            &Tensor::new(n, cols[1], k),
            &Tensor::new(n, cols[2], v),
            how,
        );
        assert_close(&got, &expected.data, bound, &format!("{what}, step {i} of {n} rows"));
    }
    trial.dispatches()
}

/// Steps that extend three sequences, whose blocks are interleaved, by various numbers of rows at once.
fn conversation(kv: &KvShape, counts: &[[u32; 3]]) -> Vec<Step> {
    extend(kv, tables(kv), [0; 3], counts)
}

/// The first of three sequences fills two blocks, with which the others begin too; then each goes on by itself.
fn forked(kv: &KvShape) -> Vec<Step> {
    let mut tables = tables(kv);
    let common = tables[0][..2].to_vec();
    tables.iter_mut().for_each(|table| table[..2].copy_from_slice(&common));
    let filled = 2 * kv.block_len as u32;
    let first = extend(kv, tables.clone(), [0; 3], &[[filled, 0, 0]]);
    let counts = [[1, 1, 1], [3, 0, 5], [0, 17, 1], [1, 2, 1], [9, 9, 9], [1, 1, 1]];
    [first, extend(kv, tables, [filled; 3], &counts)].concat()
}

/// Seven blocks for each of three sequences, from all over the cache.
fn tables(kv: &KvShape) -> Vec<Vec<u32>> {
    (0..3).map(|s| (0..7).map(|i| (s * 7 + i) * 5 % 23 * (kv.blocks as u32 / 23)).collect()).collect()
}

fn extend(kv: &KvShape, tables: Vec<Vec<u32>>, mut lengths: [u32; 3], counts: &[[u32; 3]]) -> Vec<Step> {
    let room = (7 * kv.block_len) as u32;
    let mut steps = Vec::new();
    for counts in counts {
        let mut step = Step { tables: tables.clone(), ..Step::default() };
        for (sequence, &count) in counts.iter().enumerate() {
            for _ in 0..count.min(room - lengths[sequence]) {
                let position = lengths[sequence];
                let block = tables[sequence][position as usize / kv.block_len];
                let slot = block * kv.block_len as u32 + position % kv.block_len as u32;
                step.rows.push(Row { token: 0, position, slot, sequence: sequence as u32 });
                lengths[sequence] += 1;
            }
        }
        steps.push(step);
    }
    steps
}
