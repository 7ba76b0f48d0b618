//! Every op on the GPU against the CPU: tables of shapes, block types and kernel families.

mod gpu_support;

use gpu_support::*;
use lunette::cpu::{CpuOps, KvCache, Tensor};
use lunette::gpu::{Gpu, KvType};
use lunette::model::{Activation, Attention, Chosen, KvShape, Ops, Output, RopeStyle, Rotation, Row, Step};
use lunette::quant::BlockType;
use pollster::block_on;

const ROWS: [usize; 6] = [1, 2, 3, 5, 17, 64];

/// What is disabled is left unused, so that the fallbacks are what runs.
#[test]
fn variants() {
    for (family, disable) in VARIANTS {
        let used = gpu(Some(family), disable, KvType::F32).capabilities();
        println!("{family:?} without {disable:?}: {used:?}");
        assert!(disable.iter().all(|name| !used.iter().any(|u| u == name)));
    }
}

/// The classes of plans that serve `n` rows.
fn classes(n: usize) -> Vec<usize> {
    [1, 4, 16, 64].into_iter().filter(|&most| most >= n).collect()
}

#[test]
fn embed() {
    for (family, gpu) in devices(KvType::F32) {
        for block_type in BlockType::ALL {
            for &(vocab, cols) in shapes(block_type) {
                let (table, cpu_table) = weights(&gpu, block_type, vocab, cols, 3);
                let mut step = rows(17);
                step.rows.iter_mut().enumerate().for_each(|(i, row)| row.token = (i * 31 % vocab) as u32);
                let mut trial = trial(&gpu, NO_KV, 64, &[], |o, _| o.embed(&table));
                let got = block_on(trial.run(&step, &[])).unwrap();
                let mut kv = KvCache::new(NO_KV, KvType::F32);
                let expected = CpuOps { step: &step, kv: &mut kv }.embed(&cpu_table);
                assert_close(&got, &expected.data, 1e-6, &format!("{family} {block_type:?} {vocab}×{cols}"));
            }
        }
    }
}

#[test]
fn rms_norm() {
    for (family, gpu) in devices(KvType::F32) {
        // Rows, and heads of a row.
        for (len, runs) in [(4, 1), (36, 1), (576, 1), (1536, 1), (4096, 1), (64, 3), (20, 2), (256, 4)] {
            let cols = len * runs;
            let (w, cpu_w) = weights(&gpu, BlockType::F32, 1, len, 5);
            let x: Vec<f32> = random(64 * cols, 6).iter().map(|v| v * 3.0 + 0.5).collect();
            for n in ROWS {
                for most in classes(n) {
                    let mut trial = trial(&gpu, NO_KV, most, &[cols], |o, x| o.rms_norm(&x[0], &w, 1e-5));
                    let step = rows(n);
                    let got = block_on(trial.run(&step, &[&x[..n * cols]])).unwrap();
                    let mut kv = KvCache::new(NO_KV, KvType::F32);
                    let x = Tensor::new(n, cols, x[..n * cols].to_vec());
                    let expected = CpuOps { step: &step, kv: &mut kv }.rms_norm(&x, &cpu_w, 1e-5);
                    assert_close(
                        &got,
                        &expected.data,
                        BOUND,
                        &format!("{family} {n} of {most} × {runs} × {len}"),
                    );
                }
            }
        }
    }
}

#[test]
fn rope() {
    for (family, gpu) in devices(KvType::F32) {
        for (heads, head_dim, rotary) in
            [(1, 4, 4), (3, 20, 20), (9, 64, 64), (5, 128, 128), (3, 64, 48), (2, 8, 4)]
        {
            let cols = heads * head_dim;
            let frequencies: Vec<f32> =
                (0..rotary / 2).map(|i| 10_000f32.powf(-2.0 * i as f32 / rotary as f32)).collect();
            for style in [RopeStyle::Interleaved, RopeStyle::Halves] {
                let rotation =
                    Rotation { frequencies: frequencies.clone(), amplitude: 1.19, style, head_dim };
                for n in ROWS {
                    let x = random(n * cols, 7);
                    let mut step = rows(n);
                    // Only the rotation looks at these positions: far ones too.
                    step.rows.iter_mut().for_each(|row| row.position = row.position * 97 + 5);
                    let mut trial = trial(&gpu, NO_KV, 64, &[cols], |o, x| o.rope(x[0].clone(), &rotation));
                    let got = block_on(trial.run(&step, &[&x])).unwrap();
                    let mut kv = KvCache::new(NO_KV, KvType::F32);
                    let x = Tensor::new(n, cols, x);
                    let expected = CpuOps { step: &step, kv: &mut kv }.rope(x, &rotation);
                    let what = format!("{family} {style:?} {n} × {heads} × {rotary} of {head_dim}");
                    assert_close(&got, &expected.data, BOUND, &what);
                }
            }
        }
    }
}

#[test]
fn elementwise() {
    for (family, gpu) in devices(KvType::F32) {
        for (n, cols) in [(1, 4), (3, 576), (17, 1536), (64, 36)] {
            // Large enough for the exponential to overflow on both sides.
            let a: Vec<f32> = random(n * cols, 8).iter().map(|v| v * 95.0).collect();
            let b = random(n * cols, 9);
            let mut step = rows(n);
            step.outputs = [n as u32 - 1, 0, n as u32 / 2].map(Output::logits).to_vec();
            step.outputs.truncate(n.min(3));
            step.tables = vec![step.tables[0].clone(); 3];
            step.rows.iter_mut().enumerate().for_each(|(i, row)| row.sequence = i as u32 % 3);
            step.adapters =
                vec![Some(Chosen { adapter: 1, scale: 0.5 }), None, Some(Chosen { adapter: 0, scale: -2.0 })];
            let mut kv = KvCache::new(NO_KV, KvType::F32);
            let mut ops = CpuOps { step: &step, kv: &mut kv };
            let (ta, tb) = (Tensor::new(n, cols, a.clone()), Tensor::new(n, cols, b.clone()));
            let sum = ops.add(&ta, &tb);
            let cases = [
                ("swiglu", ops.glu(Activation::Silu, &ta, &tb)),
                ("geglu", ops.glu(Activation::Gelu, &ta, &tb)),
                ("choose", ops.choose(ta.clone(), cols / 2 - 1)),
                ("scale", ops.scale(ta.clone(), 0.22)),
                ("soft_cap", ops.soft_cap(ta.clone(), 3.0)),
                ("add", sum.clone()),
                ("gather_rows", ops.outputs(&sum)),
            ];
            for (name, expected) in cases {
                let mut trial = trial(&gpu, NO_KV, 64, &[cols, cols], |o, x| match name {
                    "swiglu" => o.glu(Activation::Silu, &x[0], &x[1]),
                    "geglu" => o.glu(Activation::Gelu, &x[0], &x[1]),
                    "choose" => o.choose(x[0].clone(), cols / 2 - 1),
                    "scale" => o.scale(x[0].clone(), 0.22),
                    "soft_cap" => o.soft_cap(x[0].clone(), 3.0),
                    "add" => o.add(&x[0], &x[1]),
                    _ => {
                        let sum = o.add(&x[0], &x[1]);
                        o.outputs(&sum)
                    }
                });
                let got = block_on(trial.run(&step, &[&a, &b])).unwrap();
                assert_close(&got, &expected.data, BOUND, &format!("{family} {name} {n} × {cols}"));
            }
        }
    }
}

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
                    converse(&gpu, kv, heads, counts, &how, bound, &what);
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
            let mut ops = CpuOps { step, kv: &mut cache };
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

fn converse(
    gpu: &Gpu,
    kv: KvShape,
    heads: usize,
    counts: &[[u32; 3]],
    how: &Attention,
    bound: f32,
    what: &str,
) {
    let steps = conversation(&kv, counts);
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
        let expected = CpuOps { step, kv: &mut cache }.attention(
            1,
            &Tensor::new(n, cols[0], q),
            &Tensor::new(n, cols[1], k),
            &Tensor::new(n, cols[2], v),
            how,
        );
        assert_close(&got, &expected.data, bound, &format!("{what}, step {i} of {n} rows"));
    }
}

/// Steps that extend three sequences, whose blocks are interleaved, by various numbers of rows at once.
fn conversation(kv: &KvShape, counts: &[[u32; 3]]) -> Vec<Step> {
    let blocks = kv.blocks as u32;
    let tables: Vec<Vec<u32>> = (0..3).map(|s| (0..7).map(|i| (s * 7 + i) * 5 % blocks).collect()).collect();
    let room = (7 * kv.block_len) as u32;
    let mut lengths = [0u32; 3];
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
