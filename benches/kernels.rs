//! Speed of the CPU's matrix products, natively: block type × shape × rows, in GFLOP/s and in GB/s of weights read.
//!
//! `cargo bench --bench kernels [-- --reps 5]`; `cargo xtask bench kernels` runs this.

mod common;

use common::{number, sample};
use lunette::cpu::{CpuOps, CpuStore, CpuWeight, KvCache, Tensor};
use lunette::model::{KvShape, KvType, Ops, Step, WeightStore};
use lunette::quant::BlockType;
use std::time::{Duration, Instant};

/// `out × in`: the MLP of a 135M model, and that of a 1B model.
const SHAPES: [(usize, usize); 2] = [(1536, 576), (8192, 2048)];
/// One token, a batch of decoding sequences, a prefill's step.
const ROWS: [usize; 3] = [1, 16, 128];
/// A sample is the mean of as many runs as fit into this.
const SAMPLE: Duration = Duration::from_millis(50);

fn main() {
    let reps = number("reps", 5);
    for block_type in BlockType::ALL {
        for (out, width) in SHAPES {
            if width % block_type.block_len() != 0 {
                continue;
            }
            let w = weight(block_type, out, width);
            for rows in ROWS {
                let x = Tensor::new(rows, width, values(rows * width));
                let name = format!("{block_type:?} {out} × {width}, n = {rows}");
                let flops = 2.0 * (rows * out * width) as f64;
                for _ in 0..reps {
                    let seconds = time(&w, &x);
                    let report =
                        |unit, value| sample(&name, "native CPU", std::env::consts::ARCH, unit, value);
                    report("GFLOP/s", flops / seconds / 1e9);
                    if rows == 1 {
                        report("GB/s", block_type.bytes_of(out * width) as f64 / seconds / 1e9);
                    }
                }
            }
        }
    }
}

/// Seconds of one product.
fn time(w: &CpuWeight, x: &Tensor) -> f64 {
    let shape = KvShape { layers: 1, kv_heads: 1, head_dim: 4, block_len: 1, blocks: 1 };
    let (step, mut kv) = (Step::default(), KvCache::new(shape, KvType::F16));
    let mut ops = CpuOps { step: &step, kv: &mut kv };
    std::hint::black_box(ops.linear(w, x));
    let (start, mut runs) = (Instant::now(), 0);
    while start.elapsed() < SAMPLE {
        std::hint::black_box(ops.linear(w, x));
        runs += 1;
    }
    start.elapsed().as_secs_f64() / f64::from(runs)
}

fn weight(block_type: BlockType, rows: usize, cols: usize) -> CpuWeight {
    let mut store = CpuStore;
    let bytes = block_type.quantize(&values(rows * cols));
    let mut weight = store.allocate("benchmark", block_type, rows, cols).expect("room for a small matrix");
    store.write(&mut weight, 0, &bytes).expect("room was made");
    weight
}

fn values(n: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * 37 % 101) as f32 / 50.0 - 1.0) * 0.1).collect()
}
