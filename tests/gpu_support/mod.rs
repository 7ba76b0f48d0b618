//! What the GPU tests share: a device on a software adapter, weights on both backends, steps, and a bound on errors.
#![allow(dead_code)]

use lunette::cpu::{CpuOps, CpuStore, CpuWeight, KvCache, ONE_THREAD, Tensor};
use lunette::gpu::decide::Kernels;
use lunette::gpu::{Gpu, GpuOptions, GpuStore, GpuWeight, KvType, Recorder, Trial, Value};
use lunette::model::{CHUNK_BLOCKS, KvShape, Ops, Row, Step, WeightStore};
use lunette::quant::BlockType;
use pollster::block_on;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::path::PathBuf;
use std::sync::Once;

/// A device as the smallest browser would give it. Without `VK_ICD_FILENAMES` it is lavapipe's, so that the tests need
/// no GPU; a machine without any Vulkan driver fails them.
pub fn gpu(kernels: Option<Kernels>, disable: &[&str], kv_type: KvType) -> Gpu {
    static DRIVER: Once = Once::new();
    DRIVER.call_once(|| {
        if std::env::var_os("VK_ICD_FILENAMES").is_none() {
            let driver =
                lavapipe().expect("no lavapipe driver: install mesa-vulkan-drivers, or set VK_ICD_FILENAMES");
            // SAFETY: the first device is opened after this, and nothing else of the tests reads the environment.
            unsafe { std::env::set_var("VK_ICD_FILENAMES", driver) };
        }
    });
    // Activations in bytes have tests of their own, which ask for them: others look for the last digits.
    let disable = disable.iter().chain(&["dp4a"]).map(|d| d.to_string()).collect();
    let options = GpuOptions { disable, kv_type, default_limits: true };
    let gpu = block_on(Gpu::request(&options)).expect("a Vulkan adapter");
    kernels.map_or(gpu.clone(), |family| gpu.with_kernels(family))
}

fn lavapipe() -> Option<PathBuf> {
    let drivers = std::fs::read_dir("/usr/share/vulkan/icd.d").ok()?;
    drivers.filter_map(|f| Some(f.ok()?.path())).find(|p| p.to_string_lossy().contains("lvp_icd"))
}

/// Sums of a thousand or so products in f32, in another order.
pub const BOUND: f32 = 1e-5;

/// Every family of kernels, and what is kept from it so that its fallbacks run.
pub const VARIANTS: [(Kernels, &[&str]); 3] =
    [(Kernels::Independent, &[]), (Kernels::Cooperative, &[]), (Kernels::Cooperative, &["subgroups", "f16"])];

/// A device for each variant, with the variant's name.
pub fn devices(kv_type: KvType) -> Vec<(String, Gpu)> {
    let named = VARIANTS.into_iter().map(|(family, disable)| {
        let gpu = gpu(Some(family), disable, kv_type);
        (format!("{family:?} with {:?}", gpu.capabilities()), gpu)
    });
    named.collect()
}

/// Of matrices: with parts of tiles and of loops.
pub fn shapes(block_type: BlockType) -> &'static [(usize, usize)] {
    match block_type.block_len() {
        256 => &[(67, 256), (130, 768), (9, 4352)],
        _ => &[(67, 64), (130, 576), (1, 32), (9, 4160)],
    }
}

pub fn random(n: usize, seed: u64) -> Vec<f32> {
    let mut rng = StdRng::seed_from_u64(seed);
    (0..n).map(|_| rng.random_range(-1.0f32..1.0)).collect()
}

/// The same weights on both backends, written in several pieces as a loader does.
pub fn weights(
    gpu: &Gpu,
    block_type: BlockType,
    rows: usize,
    cols: usize,
    seed: u64,
) -> (GpuWeight, CpuWeight) {
    let bytes = block_type.quantize(&random(rows * cols, seed));
    let store = GpuStore::new(gpu);
    (written(store, block_type, rows, cols, &bytes), written(CpuStore, block_type, rows, cols, &bytes))
}

/// Matrices `(type, rows)` that the GPU may keep one behind the other, on both backends.
pub fn stacked(
    gpu: &Gpu,
    parts: &[(BlockType, usize)],
    cols: usize,
    seed: u64,
) -> Vec<(GpuWeight, CpuWeight)> {
    let mut store = GpuStore::new(gpu);
    let names: Vec<String> = (0..parts.len()).map(|i| format!("test {i}")).collect();
    let named: Vec<_> =
        parts.iter().zip(&names).map(|(&(kind, rows), name)| (&name[..], kind, rows)).collect();
    store.together(&named, cols);
    let each = named.iter().enumerate().map(|(i, &(name, block_type, rows))| {
        let bytes = block_type.quantize(&random(rows * cols, seed + i as u64));
        let mut weight = store.allocate(name, block_type, rows, cols).unwrap();
        store.write(&mut weight, 0, &bytes).unwrap();
        (weight, written(CpuStore, block_type, rows, cols, &bytes))
    });
    each.collect()
}

pub fn written<S: WeightStore>(
    mut store: S,
    block_type: BlockType,
    rows: usize,
    cols: usize,
    bytes: &[u8],
) -> S::Weight {
    let mut weight = store.allocate("test", block_type, rows, cols).unwrap();
    let piece = CHUNK_BLOCKS * block_type.block_bytes() * 7;
    for (i, part) in bytes.chunks(piece).enumerate() {
        store.write(&mut weight, i * piece, part).unwrap();
    }
    weight
}

/// The cache of ops that need none.
pub const NO_KV: KvShape = KvShape { layers: 1, kv_heads: 1, head_dim: 4, block_len: 16, blocks: 8 };

/// A step of `n` rows whose positions matter to nobody.
pub fn rows(n: usize) -> Step {
    let rows = (0..n as u32).map(|i| Row { token: i, position: i, slot: i, sequence: 0 }).collect();
    Step { rows, tables: vec![(0..8).collect()], outputs: vec![], ..Step::default() }
}

/// A few ops on the GPU, planned.
pub fn trial(
    gpu: &Gpu,
    kv: KvShape,
    most: usize,
    cols: &[usize],
    build: impl FnOnce(&mut Recorder, &[Value]) -> Value,
) -> Trial {
    block_on(Trial::new(gpu, kv, most, cols, build)).unwrap()
}

/// `x Wᵀ` as the CPU computes it for many rows, in `f32` throughout: for few it rounds `x`, which would hide as much as
/// these tests look for. `x` is `[n, w.cols]`.
pub fn exact_linear(w: &CpuWeight, x: &[f32], n: usize) -> Tensor {
    const MANY: usize = 64;
    let cols = x.len() / n;
    let mut many = x.to_vec();
    many.resize(n.max(MANY) * cols, 0.0);
    let step = rows(n.max(MANY));
    let mut kv = KvCache::new(NO_KV, KvType::F32);
    let mut ops = CpuOps { step: &step, kv: &mut kv, threads: &ONE_THREAD };
    let mut y = ops.linear(w, &Tensor::new(n.max(MANY), cols, many)).data;
    let out = y.len() / n.max(MANY);
    y.truncate(n * out);
    Tensor::new(n, out, y)
}

/// The greatest difference, relative to the largest value expected.
pub fn error(got: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(got.len(), expected.len());
    let most = expected.iter().fold(1e-20f32, |m, v| m.max(v.abs()));
    let worst = got
        .iter()
        .zip(expected)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0f32, |m, d| if d.is_nan() { d } else { m.max(d) });
    worst / most
}

#[track_caller]
pub fn assert_close(got: &[f32], expected: &[f32], bound: f32, what: &str) {
    let error = error(got, expected);
    assert!(error <= bound, "{what}: error {error:e} exceeds {bound:e}");
}
