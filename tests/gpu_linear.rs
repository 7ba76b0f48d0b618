//! Linear maps on the GPU against the CPU: GEMV and GEMM of every block type, with each epilogue, and on packed bytes.

mod gpu_support;

use gpu_support::*;
use lunette::cpu::{CpuOps, CpuStore, KvCache, ONE_THREAD, Tensor};
use lunette::gpu::decide::{Kernels, packs};
use lunette::gpu::{GpuStore, KvType};
use lunette::model::{Activation, Ops, WeightStore};
use lunette::quant::BlockType;
use pollster::block_on;

/// The classes of plans, with numbers of rows that each serves: all of a tile, and parts of it. The last is for products
/// large enough for large tiles.
const LINEAR_ROWS: [(usize, &[usize]); 5] =
    [(1, &[1]), (4, &[3]), (16, &[5, 16]), (80, &[17, 64]), (4096, &[75])];

/// The classes to try with a shape. A driver that is a compiler for the CPU takes a second and more for a GEMM: every type
/// goes through each with its first shape, a few with all.
fn linear_rows(block_type: BlockType, first: bool) -> impl Iterator<Item = (usize, &'static [usize])> {
    let all = first || [BlockType::F16, BlockType::Q8_0, BlockType::Q4_K].contains(&block_type);
    LINEAR_ROWS.into_iter().filter(move |(most, _)| all || *most <= 16)
}

#[test]
fn linear() {
    for (family, gpu) in devices(KvType::F32) {
        for block_type in BlockType::ALL {
            for (shape, &(rows_w, cols)) in shapes(block_type).iter().enumerate() {
                let (w, cpu_w) = weights(&gpu, block_type, rows_w, cols, 1);
                let x = random(80 * cols, 2);
                for (most, counts) in linear_rows(block_type, shape == 0) {
                    let mut trial = trial(&gpu, NO_KV, most, &[cols], |o, x| o.linear(&w, &x[0]));
                    for &n in counts {
                        let step = rows(n);
                        let got = block_on(trial.run(&step, &[&x[..n * cols]])).unwrap();
                        let expected = exact_linear(&cpu_w, &x[..n * cols], n);
                        let what = format!("{family} {block_type:?} {rows_w}×{cols}, {n} of {most} rows");
                        assert_close(&got, &expected.data, BOUND, &what);
                    }
                }
            }
        }
    }
}

/// A linear map that ends with an addition is one dispatch; of a matrix in several buffers, one for each.
#[test]
fn linear_and_add() {
    for (family, gpu) in devices(KvType::F32) {
        for block_type in BlockType::ALL {
            let tables: &[_] = match block_type {
                BlockType::Q4_K => &[(67, 256, 1), (300, 768, 2)],
                _ => &[(67, 256, 1)],
            };
            for &(rows_w, cols, buffers) in tables {
                let bytes = block_type.quantize(&random(rows_w * cols, 11));
                let store = GpuStore::new(&gpu).with_buffer_limit((bytes.len() / buffers + 4096) as u64);
                let w = written(store, block_type, rows_w, cols, &bytes);
                let cpu_w = written(CpuStore, block_type, rows_w, cols, &bytes);
                let (x, other) = (random(75 * cols, 12), random(75 * rows_w, 13));
                for (most, counts) in linear_rows(block_type, false) {
                    let mut trial = trial(&gpu, NO_KV, most, &[cols, rows_w], |o, x| {
                        let y = o.linear(&w, &x[0]);
                        o.add(&x[1], &y)
                    });
                    assert_eq!(trial.dispatches() == 1, buffers == 1);
                    for &n in counts {
                        let step = rows(n);
                        let inputs = [&x[..n * cols], &other[..n * rows_w]];
                        let got = block_on(trial.run(&step, &inputs)).unwrap();
                        let mut kv = KvCache::new(NO_KV, KvType::F32);
                        let mut ops = CpuOps { step: &step, kv: &mut kv, threads: &ONE_THREAD };
                        let y = exact_linear(&cpu_w, inputs[0], n);
                        let expected = ops.add(&Tensor::new(n, rows_w, inputs[1].to_vec()), &y);
                        let what = format!("{family} {block_type:?} {rows_w}×{cols}, {n} of {most} rows");
                        assert_close(&got, &expected.data, BOUND, &what);
                    }
                }
            }
        }
    }
}

/// A linear map with a bias is one dispatch, of a matrix in several buffers one for each; also on packed bytes.
#[test]
fn linear_with_bias() {
    let packing = gpu(Some(Kernels::Cooperative), &[], KvType::F32).with_packed_products();
    let families = devices(KvType::F32).into_iter().map(|(name, gpu)| (name, gpu, BOUND));
    for (family, gpu, bound) in families.chain([("packing".into(), packing, PACKED_BOUND)]) {
        for (block_type, rows_w, cols, buffers) in
            [(BlockType::F16, 67, 256, 1), (BlockType::Q8_0, 130, 576, 1), (BlockType::Q4_K, 300, 768, 2)]
        {
            let bytes = block_type.quantize(&random(rows_w * cols, 17));
            let store = GpuStore::new(&gpu).with_buffer_limit((bytes.len() / buffers + 4096) as u64);
            let w = written(store, block_type, rows_w, cols, &bytes);
            let cpu_w = written(CpuStore, block_type, rows_w, cols, &bytes);
            let (x, bias) = (random(75 * cols, 18), random(rows_w, 19));
            let mut store = GpuStore::new(&gpu);
            let mut b = store.allocate("test.bias", BlockType::F32, rows_w, 1).unwrap();
            store.write(&mut b, 0, bytemuck::cast_slice(&bias)).unwrap();
            for (most, counts) in LINEAR_ROWS {
                let mut trial = trial(&gpu, NO_KV, most, &[cols], |o, x| o.linear_with_bias(&w, &b, &x[0]));
                for &n in counts {
                    let got = block_on(trial.run(&rows(n), &[&x[..n * cols]])).unwrap();
                    let mut expected = exact_linear(&cpu_w, &x[..n * cols], n);
                    for row in expected.data.chunks_exact_mut(rows_w) {
                        row.iter_mut().zip(&bias).for_each(|(y, b)| *y += b);
                    }
                    let what = format!("{family} {block_type:?} {rows_w}×{cols}, {n} of {most} rows");
                    assert_close(&got, &expected.data, bound, &what);
                }
            }
        }
    }
}

/// f(g x) · (u x) is one dispatch where g and u lie one behind the other.
#[test]
fn gated() {
    for (family, gpu) in devices(KvType::F32) {
        for block_type in BlockType::ALL {
            // Rows with which both halves of every plane begin where a binding may.
            for (shape, (rows_w, cols)) in [(128, 256), (72, 4096)].into_iter().enumerate() {
                let activation = [Activation::Silu, Activation::Gelu][(shape + block_type as usize) % 2];
                let parts = stacked(&gpu, &[(block_type, rows_w); 2], cols, 14);
                let x: Vec<f32> = random(75 * cols, 16).iter().map(|v| v * 2.0).collect();
                for (most, counts) in linear_rows(block_type, shape == 0) {
                    let mut trial = trial(&gpu, NO_KV, most, &[cols], |o, x| {
                        let (g, u) = (o.linear(&parts[0].0, &x[0]), o.linear(&parts[1].0, &x[0]));
                        o.glu(activation, &g, &u)
                    });
                    assert_eq!(trial.dispatches(), 1, "{block_type:?}");
                    for &n in counts {
                        let step = rows(n);
                        let got = block_on(trial.run(&step, &[&x[..n * cols]])).unwrap();
                        let mut kv = KvCache::new(NO_KV, KvType::F32);
                        let mut ops = CpuOps { step: &step, kv: &mut kv, threads: &ONE_THREAD };
                        let x = &x[..n * cols];
                        let (g, u) = (exact_linear(&parts[0].1, x, n), exact_linear(&parts[1].1, x, n));
                        let expected = ops.glu(activation, &g, &u);
                        let what = format!("{family} {block_type:?} {rows_w}×{cols}, {n} of {most} rows");
                        assert_close(&got, &expected.data, BOUND, &what);
                    }
                }
            }
        }
    }
}

/// Activations that are rounded to 16,256 steps of the greatest of sixteen are off by at most 3e-5 of it, and a gated
/// product has two such factors.
const PACKED_BOUND: f32 = 6e-5;

/// Maps that multiply packed bytes: alone, added to a value, and gated, which share what is packed of their input.
#[test]
fn packed_products() {
    for disable in [&[][..], &["subgroups"]] {
        let gpu = gpu(Some(Kernels::Cooperative), disable, KvType::F32).with_packed_products();
        for block_type in BlockType::ALL.into_iter().filter(|&t| packs(t)) {
            for (rows_w, cols) in [(67, 256), (130, 768), (9, 4352), (5, 8192)] {
                let (w, cpu_w) = weights(&gpu, block_type, rows_w, cols, 40);
                let gates = stacked(&gpu, &[(block_type, 64); 2], cols, 41);
                // Rows whose sixteens differ in size, from large ones to zeros.
                let scale = |i: usize| [1.0, 0.01, 30.0, 0.0, 1e-6][i / 16 % 5];
                let x: Vec<f32> =
                    random(16 * cols, 43).iter().enumerate().map(|(i, v)| v * scale(i)).collect();
                let other = random(16 * rows_w, 44);
                for (most, n) in [(1, 1), (4, 3), (16, 5), (16, 16)] {
                    let step = rows(n);
                    let inputs = [&x[..n * cols], &other[..n * rows_w]];
                    let mut added = trial(&gpu, NO_KV, most, &[cols, rows_w], |o, x| {
                        let y = o.linear(&w, &x[0]);
                        o.add(&x[1], &y)
                    });
                    let mut gated = trial(&gpu, NO_KV, most, &[cols, rows_w], |o, x| {
                        let (g, u) = (o.linear(&gates[0].0, &x[0]), o.linear(&gates[1].0, &x[0]));
                        o.glu(Activation::Silu, &g, &u)
                    });
                    // One packs, one multiplies.
                    assert_eq!((added.dispatches(), gated.dispatches()), (2, 2));
                    let got =
                        [&mut added, &mut gated].map(|trial| block_on(trial.run(&step, &inputs)).unwrap());
                    let mut kv = KvCache::new(NO_KV, KvType::F32);
                    let mut ops = CpuOps { step: &step, kv: &mut kv, threads: &ONE_THREAD };
                    let [y, g, u] = [&cpu_w, &gates[0].1, &gates[1].1].map(|w| exact_linear(w, inputs[0], n));
                    let sum = ops.add(&Tensor::new(n, rows_w, inputs[1].to_vec()), &y);
                    for (got, expected) in got.iter().zip([sum, ops.glu(Activation::Silu, &g, &u)]) {
                        let what = format!("{disable:?} {block_type:?} {rows_w}×{cols}, {n} of {most} rows");
                        assert_close(got, &expected.data, PACKED_BOUND, &what);
                    }
                }
            }
        }
    }
}

/// Activations that need no rounding give exact sums, but for adding up; those of another value are packed again.
#[test]
fn packed_products_are_exact_on_their_grid() {
    let gpu = gpu(Some(Kernels::Cooperative), &[], KvType::F32).with_packed_products();
    let (n, cols) = (3, 512);
    // Integers, the greatest of each sixteen 16,256 or its negative: both bytes, with all signs and carries between them.
    let x: Vec<f32> = (0..n * cols)
        .map(|i| match (i % 16, i / 16 % 2) {
            (5, 0) => 16256.0,
            (5, _) => -16256.0,
            _ => ((i * 7919) % 32513) as f32 - 16256.0,
        })
        .collect();
    for block_type in BlockType::ALL.into_iter().filter(|&t| packs(t)) {
        let (w, cpu_w) = weights(&gpu, block_type, cols, cols, 45);
        let exact = exact_linear(&cpu_w, &x, n);
        let mut once = trial(&gpu, NO_KV, 4, &[cols], |o, x| o.linear(&w, &x[0]));
        let got = block_on(once.run(&rows(n), &[&x])).unwrap();
        assert_close(&got, &exact.data, 2e-6, &format!("{block_type:?}"));

        let mut twice = trial(&gpu, NO_KV, 4, &[cols], |o, x| {
            let y = o.linear(&w, &x[0]);
            o.linear(&w, &y)
        });
        assert_eq!((once.dispatches(), twice.dispatches()), (2, 4));
        let got = block_on(twice.run(&rows(n), &[&x])).unwrap();
        let expected = exact_linear(&cpu_w, &exact.data, n);
        assert_close(&got, &expected.data, PACKED_BOUND, &format!("{block_type:?}, twice"));
    }
}

/// A matrix larger than a buffer may be is split by rows.
#[test]
fn shards() {
    let gpu = gpu(None, &[], KvType::F32);
    for block_type in BlockType::ALL {
        let (vocab, cols) = (300, 256 * 3);
        let bytes = block_type.quantize(&random(vocab * cols, 4));
        let most = block_type.bytes_of(vocab * cols) as u64 / 2;
        let w = written(GpuStore::new(&gpu).with_buffer_limit(most), block_type, vocab, cols, &bytes);
        let cpu_w = written(CpuStore, block_type, vocab, cols, &bytes);
        let mut step = rows(5);
        step.rows.iter_mut().enumerate().for_each(|(i, row)| row.token = (i * 74) as u32);
        let mut trial = trial(&gpu, NO_KV, 64, &[], |o, _| {
            let x = o.embed(&w);
            o.linear(&w, &x)
        });
        let got = block_on(trial.run(&step, &[])).unwrap();
        let mut kv = KvCache::new(NO_KV, KvType::F32);
        let mut ops = CpuOps { step: &step, kv: &mut kv, threads: &ONE_THREAD };
        let x = ops.embed(&cpu_w);
        let expected = ops.linear(&cpu_w, &x);
        assert_close(&got, &expected.data, BOUND, &format!("{block_type:?}"));
    }
}
