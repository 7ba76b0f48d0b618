//! Where a step's time goes on the GPU: microseconds by kernel, with the number of its dispatches.
//!
//! `cargo bench --bench profile -- --model FILE [--rows 1,16,512] [--context 512] [--times 50]`: steps of so many rows behind
//! so many positions. The program runs without cargo too.

mod common;

use common::{fail, list, number, sample, text};
use lunette::gpu::{Gpu, GpuOptions, GpuRunner, GpuStore};
use lunette::model::{Config, Incoming, KvShape, Output, Row, Runner, Step, load};
use lunette::source::FileModel;
use lunette::{Result, Uninterrupted};

fn main() {
    let Some(path) = text("model") else { fail("--model FILE is missing") };
    if let Err(error) = pollster::block_on(run(&path)) {
        fail(&error.to_string());
    }
}

async fn run(path: &str) -> Result<()> {
    let gpu = Gpu::request(&GpuOptions::default()).await?;
    let model = FileModel::open(path)?;
    let (header, mut incoming) = Incoming::headers(&model).await?;
    let config = Config::from_header(&header)?;
    let mut store = GpuStore::new(&gpu);
    let loaded = load(&header, &config, &mut incoming, &mut store, &mut |_| (), &Uninterrupted).await?;
    let (context, block_len) = (number("context", 512), 16);
    let rows = list("rows", &[1, 16, 512]);
    let most = rows.iter().copied().max().unwrap_or(1);
    let kv = KvShape {
        layers: config.layers.len(),
        kv_heads: config.kv_heads,
        head_dim: config.head_dim,
        block_len,
        blocks: (context + most).div_ceil(block_len),
    };
    let mut runner = GpuRunner::new(gpu.clone(), loaded, kv, &mut |_, _| ()).await?;
    for n in rows {
        let n = n.min(runner.max_rows());
        let step = step(&kv, context, n);
        runner.profile(&step, 1).await?;
        let kernels = runner.profile(&step, number("times", 50)).await?;
        let report = |name: String, seconds: f64| {
            sample(&name, "native GPU", &gpu.adapter_name(), "µs", seconds * 1e6);
        };
        for time in &kernels {
            report(format!("{n} rows: {} × {}", time.dispatches, time.kernel), time.seconds);
        }
        report(format!("{n} rows: all"), kernels.iter().map(|time| time.seconds).sum());
    }
    Ok(())
}

/// A step of `n` rows of one sequence that has `context` positions already; the last row's logits are wanted.
fn step(kv: &KvShape, context: usize, n: usize) -> Step {
    let row = |i| {
        let position = (context + i) as u32;
        Row { token: 1, position, slot: position, sequence: 0 }
    };
    Step {
        rows: (0..n).map(row).collect(),
        tables: vec![(0..kv.blocks as u32).collect()],
        outputs: vec![Output::logits(n as u32 - 1)],
        ..Step::default()
    }
}
