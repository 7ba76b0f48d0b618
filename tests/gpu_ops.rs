//! Every op on the GPU against the CPU: tables of shapes, block types and kernel families.

mod gpu_support;

use gpu_support::*;
use lunette::cpu::{CpuOps, KvCache, ONE_THREAD, Tensor};
use lunette::gpu::KvType;
use lunette::model::{Activation, Chosen, Ops, Output, RopeStyle, Rotation};
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
                let expected = CpuOps { step: &step, kv: &mut kv, threads: &ONE_THREAD }.embed(&cpu_table);
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
                    let expected =
                        CpuOps { step: &step, kv: &mut kv, threads: &ONE_THREAD }.rms_norm(&x, &cpu_w, 1e-5);
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
                    let expected =
                        CpuOps { step: &step, kv: &mut kv, threads: &ONE_THREAD }.rope(x, &rotation);
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
            let mut ops = CpuOps { step: &step, kv: &mut kv, threads: &ONE_THREAD };
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
