//! Speed of matrix products, natively: block type × shape × rows, in GFLOP/s and in GB/s of weights read; on the GPU also
//! as shares of what the adapter can do at most: copy memory, and multiply and add.
//!
//! `cargo bench --bench kernels [-- --backend wasm|webgpu] [--reps 5] [--types Q4_K,Q6_K] [--rows 1,16,512] [--hardware]`;
//! the backend "wasm" is the CPU here; `--hardware` refuses software adapters. `cargo xtask bench kernels` runs this; the
//! program runs without cargo too.

#[path = "synth/blocks.rs"]
#[allow(dead_code)]
mod blocks;
mod common;

use blocks::Blocks;
use common::{adapter_wanted, fail, list, number, sample, text};
use lunette::Result;
use lunette::cpu::{CpuOps, CpuStore, CpuWeight, KvCache, ONE_THREAD, Tensor};
use lunette::gpu::{Gpu, GpuOptions, GpuStore, Probe, Recorder, Trial, Value};
use lunette::model::{KvShape, KvType, Ops, Row, Step, WeightStore};
use lunette::quant::BlockType;
use std::time::{Duration, Instant};

/// `out × in`: the MLP of a 135M model; attention and MLP of a 1B model; the MLP of an 8B model.
const SHAPES: [(usize, usize); 4] = [(1536, 576), (2048, 2048), (8192, 2048), (14336, 4096)];
/// One token, a batch of decoding sequences, a prefill's step.
const ROWS: [usize; 3] = [1, 16, 128];
/// A sample is the mean of as many runs as fit into this.
const SAMPLE: Duration = Duration::from_millis(50);
/// The same where an adapter is fast.
const SAMPLE_OF_HARDWARE: Duration = Duration::from_millis(15);
/// What a card does before a sample.
const WARM_UP: Duration = Duration::from_millis(60);
/// Weights that a GPU goes through before it comes back to the first: more than its cache holds.
const ROUND: usize = 160 << 20;
const MOST_IN_A_ROUND: usize = 32;

fn main() {
    let result = match text("backend").as_deref() {
        None | Some("wasm") => products(&SHAPES[..3], &mut Cpu),
        Some("webgpu") => pollster::block_on(Gpu::request(&GpuOptions::default())).and_then(on_gpu),
        Some(other) => fail(&format!("there is no backend \"{other}\"")),
    };
    if let Err(error) = result {
        fail(&error.to_string());
    }
}

fn on_gpu(gpu: Gpu) -> Result<()> {
    adapter_wanted(&gpu.adapter_name(), gpu.is_software());
    let most = most(&gpu)?;
    let shapes = if gpu.is_software() { &SHAPES[..2] } else { &SHAPES[..] };
    products(shapes, &mut Device { gpu, most })
}

/// What a place can do at most.
#[derive(Clone, Copy)]
struct Most {
    bytes_per_second: f64,
    flops_per_second: f64,
}

/// Measures it: the medians.
fn most(gpu: &Gpu) -> Result<Most> {
    let probe = pollster::block_on(Probe::new(gpu))?;
    let (mut bytes, mut flops) = (Vec::new(), Vec::new());
    for _ in 0..number("reps", 5).max(3) {
        let (copy, arithmetic) = (
            steady(gpu, |times| pollster::block_on(probe.copy(times)))?,
            steady(gpu, |times| pollster::block_on(probe.arithmetic(times)))?,
        );
        bytes.push(probe.bytes() / copy);
        flops.push(probe.flops() / arithmetic);
        let report = |name, unit, values: &[f64]| {
            let last = values.last().copied().unwrap_or_default();
            sample(name, GPU, &gpu.adapter_name(), unit, last / 1e9);
        };
        report("copy, bytes read and written", "GB/s", &bytes);
        report("f32 multiplications and additions", "GFLOP/s", &flops);
    }
    Ok(Most { bytes_per_second: median(bytes), flops_per_second: median(flops) })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Seconds of one run: what many take more than one, so that the way to the GPU and back does not count.
fn steady(gpu: &Gpu, mut seconds: impl FnMut(usize) -> Result<f64>) -> Result<f64> {
    let sample = if gpu.is_software() { SAMPLE } else { SAMPLE_OF_HARDWARE };
    // A card that has just been idle runs slowly for a while.
    let start = Instant::now();
    seconds(1)?;
    while !gpu.is_software() && start.elapsed() < WARM_UP {
        seconds(16)?;
    }
    let mut more = 4;
    loop {
        let (one, many) = (seconds(1)?, seconds(1 + more)?);
        if many - one > sample.as_secs_f64() || more > 1 << 14 {
            return Ok((many - one) / more as f64);
        }
        more *= 4;
    }
}

/// Where a product is computed.
trait Place {
    type Weight;
    type Product;
    /// Backend and adapter.
    fn name(&self) -> (&'static str, String);
    /// What products can be held against, where it is known.
    fn most(&self) -> Option<Most>;
    fn weight(&mut self, block_type: BlockType, rows: usize, cols: usize) -> Result<Self::Weight>;
    /// What can be prepared once for products with this many rows of `x`.
    fn product(&mut self, w: &Self::Weight, cols: usize, rows: usize) -> Result<Self::Product>;
    /// Seconds of one product.
    fn seconds(&mut self, w: &Self::Weight, product: &mut Self::Product, x: &Tensor) -> Result<f64>;
}

fn products(shapes: &[(usize, usize)], place: &mut impl Place) -> Result<()> {
    for block_type in types() {
        for &(out, width) in shapes.iter().filter(|(_, width)| width % block_type.block_len() == 0) {
            let w = place.weight(block_type, out, width)?;
            for rows in list("rows", &ROWS) {
                let x = Tensor::new(rows, width, values(rows * width));
                let mut product = place.product(&w, width, rows)?;
                for _ in 0..number("reps", 5) {
                    let seconds = place.seconds(&w, &mut product, &x)?;
                    let (backend, adapter) = place.name();
                    let name = format!("{block_type:?} {out} × {width}, n = {rows}");
                    let report =
                        |unit, value: f64| sample(&name, backend, &adapter, unit, value / seconds / 1e9);
                    let flops = 2.0 * (rows * out * width) as f64;
                    let bytes = block_type.bytes_of(out * width) as f64;
                    report("GFLOP/s", flops);
                    if rows == 1 {
                        report("GB/s", bytes);
                    }
                    if let Some(most) = place.most() {
                        let share = |unit, value: f64, most: f64| {
                            sample(&name, backend, &adapter, unit, 100.0 * value / seconds / most);
                        };
                        share("% of the f32 rate", flops, most.flops_per_second);
                        share("% of the copy bandwidth", bytes, most.bytes_per_second);
                    }
                }
            }
        }
    }
    Ok(())
}

/// The block types asked for.
fn types() -> Vec<BlockType> {
    let Some(names) = text("types") else { return BlockType::ALL.to_vec() };
    let named = |name: &str| BlockType::ALL.into_iter().find(|block_type| format!("{block_type:?}") == name);
    let types =
        names.split(',').map(|name| named(name).unwrap_or_else(|| fail(&format!("there is no type {name}"))));
    types.collect()
}

struct Cpu;

impl Place for Cpu {
    type Weight = CpuWeight;
    type Product = ();

    fn name(&self) -> (&'static str, String) {
        ("native CPU", std::env::consts::ARCH.into())
    }

    fn most(&self) -> Option<Most> {
        None
    }

    fn weight(&mut self, block_type: BlockType, rows: usize, cols: usize) -> Result<CpuWeight> {
        written(CpuStore, block_type, rows, cols)
    }

    fn product(&mut self, _: &CpuWeight, _: usize, _: usize) -> Result<()> {
        Ok(())
    }

    fn seconds(&mut self, w: &CpuWeight, (): &mut (), x: &Tensor) -> Result<f64> {
        let (step, mut kv) = (Step::default(), KvCache::new(KV, KvType::F16));
        let mut ops = CpuOps { step: &step, kv: &mut kv, threads: &ONE_THREAD };
        std::hint::black_box(ops.linear(w, x));
        let (start, mut runs) = (Instant::now(), 0);
        while start.elapsed() < SAMPLE {
            std::hint::black_box(ops.linear(w, x));
            runs += 1;
        }
        Ok(start.elapsed().as_secs_f64() / f64::from(runs))
    }
}

const GPU: &str = "native GPU";

struct Device {
    gpu: Gpu,
    most: Most,
}

impl Place for Device {
    /// As many of them as make a round.
    type Weight = Vec<<GpuStore as WeightStore>::Weight>;
    type Product = Trial;

    fn name(&self) -> (&'static str, String) {
        (GPU, self.gpu.adapter_name())
    }

    fn most(&self) -> Option<Most> {
        Some(self.most)
    }

    fn weight(&mut self, block_type: BlockType, rows: usize, cols: usize) -> Result<Self::Weight> {
        let round = if self.gpu.is_software() { 1 } else { ROUND / block_type.bytes_of(rows * cols) + 1 };
        let each = 0..round.min(MOST_IN_A_ROUND);
        each.map(|_| written(GpuStore::new(&self.gpu), block_type, rows, cols)).collect()
    }

    fn product(&mut self, weights: &Self::Weight, cols: usize, rows: usize) -> Result<Trial> {
        let round = |ops: &mut Recorder, x: &[Value]| {
            let results = weights.iter().map(|w| ops.linear(w, &x[0]));
            results.last().unwrap_or_else(|| x[0].clone())
        };
        pollster::block_on(Trial::new(&self.gpu, KV, rows, &[cols], round))
    }

    fn seconds(&mut self, weights: &Self::Weight, trial: &mut Trial, x: &Tensor) -> Result<f64> {
        let slots = (0..x.rows as u32).map(|i| Row { token: 0, position: i, slot: i, sequence: 0 });
        let step = Step {
            rows: slots.collect(),
            tables: vec![(0..KV.blocks as u32).collect()],
            outputs: vec![],
            ..Step::default()
        };
        let round = steady(&self.gpu, |times| pollster::block_on(trial.seconds(&step, &[&x.data], times)))?;
        Ok(round / weights.len() as f64)
    }
}

/// Room for the positions of every step here; no op looks into it.
const KV: KvShape = KvShape { layers: 1, kv_heads: 1, head_dim: 4, block_len: 16, blocks: 64 };

fn written<S: WeightStore>(
    mut store: S,
    block_type: BlockType,
    rows: usize,
    cols: usize,
) -> Result<S::Weight> {
    let bytes: Vec<u8> = Blocks::new().matrix(block_type, cols, rows * cols, 4 << 20).flatten().collect();
    let mut weight = store.allocate("benchmark", block_type, rows, cols)?;
    store.write(&mut weight, 0, &bytes)?;
    Ok(weight)
}

fn values(n: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * 37 % 101) as f32 / 50.0 - 1.0) * 0.1).collect()
}
