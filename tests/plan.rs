//! The memory that a plan predicts against the memory that is taken: this program counts its allocations, and the GPU
//! backend its buffers.

mod common;
mod gpu_support;

use common::adapters;
use common::fixtures;
use common::hollow::Hollow;
use common::tiny;
use lunette::engine::{Backend, Engine, LoadOptions, LoadPlan, Verdict};
use lunette::gguf::Value;
use lunette::gpu::{Gpu, GpuRunner, GpuStore, KvType};
use lunette::model::{Adapter, Config, Incoming, KvShape, load as load_model, outline};
use lunette::quant::BlockType;
use lunette::source::{FileModel, MemoryModel, ModelBytes};
use lunette::{Error, Result, Uninterrupted};
use pollster::block_on;
use std::alloc::{GlobalAlloc, Layout, System};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard};

#[global_allocator]
static MEMORY: Memory = Memory { now: AtomicUsize::new(0), most: AtomicUsize::new(0) };

/// The system's allocator, with its bytes counted.
struct Memory {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Memory {
    fn grow(&self, bytes: usize) {
        let now = self.now.fetch_add(bytes, Relaxed) + bytes;
        self.most.fetch_max(now, Relaxed);
    }
}

// SAFETY: all is left to the system's allocator.
unsafe impl GlobalAlloc for Memory {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.grow(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        self.grow(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        self.now.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // In the worst case both are there at a time; the system grows large blocks in place.
        self.grow(size);
        self.now.fetch_sub(layout.size(), Relaxed);
        unsafe { System.realloc(at, layout, size) }
    }
}

/// The counts are the process's: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn options(backend: Backend, context: usize) -> LoadOptions {
    LoadOptions { backend, context_length: Some(context), ..Default::default() }
}

fn plan(model: &dyn ModelBytes, options: &LoadOptions) -> Result<LoadPlan> {
    block_on(LoadPlan::new(model, options, &Uninterrupted))
}

fn load(model: Rc<dyn ModelBytes>, options: &LoadOptions) -> Result<Engine> {
    block_on(Engine::load(model, options, &mut |_| (), &Uninterrupted))
}

fn hollow(shape: &str, quant: &str, layers: usize) -> Rc<Hollow> {
    Rc::new(Hollow::new(shape, quant, layers))
}

/// The most memory that loading a model and filling its context takes, and what the plan said.
fn planned_and_taken(model: Rc<dyn ModelBytes>, context: usize) -> (LoadPlan, u64) {
    let options = options(Backend::Wasm, context);
    let plan = plan(&*model, &options).unwrap();
    let before = MEMORY.now.load(Relaxed);
    MEMORY.most.store(before, Relaxed);
    let engine = load(model, &options).unwrap();
    let tokens: Vec<u32> = (0..context as u32).map(|i| i % 200).collect();
    block_on(engine.logprobs(&tokens, &Uninterrupted)).unwrap();
    let taken = MEMORY.most.load(Relaxed) - before;
    (plan, taken as u64)
}

#[test]
fn memory_is_as_planned() {
    let _alone = alone();
    let file = Rc::new(FileModel::open(common::model_path()).unwrap());
    let table: [(&str, Rc<dyn ModelBytes>, usize); 4] = [
        ("the default model", file, 256),
        ("SmolLM2 Q8_0", hollow("smollm2-135m", "q8_0", 30), 128),
        ("Llama 3.2 1B Q4_K_M, one layer", hollow("llama-3.2-1b", "q4_k_m", 1), 160),
        ("Llama 3.1 8B IQ4_XS, one layer", hollow("llama-3.1-8b", "iq4_xs", 1), 64),
    ];
    for (name, model, context) in table {
        let (plan, taken) = planned_and_taken(model, context);
        let ratio = plan.memory.total as f64 / taken as f64;
        println!("{name}: planned {:?}, taken {taken}: {ratio:.3}", plan.memory);
        assert_eq!((plan.backend, plan.verdict), ("wasm", Verdict::Fits));
        assert!((0.95..1.05).contains(&ratio), "{name}: {ratio:.3}");
    }
}

/// All that is on the device once a model is loaded, on an adapter with its own limits.
#[test]
fn buffers_are_as_planned() {
    let _alone = alone();
    let _driver = gpu_support::gpu(None, &[], KvType::F16);
    let file = Rc::new(FileModel::open(common::model_path()).unwrap());
    let tiny = |block_type| Rc::new(MemoryModel::new(tiny::file(block_type)));
    let table: [(&str, Rc<dyn ModelBytes>, usize); 10] = [
        ("the default model", file, 2048),
        ("tiny F16", tiny(BlockType::F16), 100),
        ("tiny Q4_0", tiny(BlockType::Q4_0), 4096),
        ("tiny Q3_K", tiny(BlockType::Q3_K), 512),
        ("tiny IQ4_XS", tiny(BlockType::IQ4_XS), 16),
        ("tiny IQ1_S", tiny(BlockType::IQ1_S), 16),
        ("tiny MXFP4", tiny(BlockType::MXFP4), 64),
        ("Llama 3.1 8B IQ3_XXS, one layer", hollow("llama-3.1-8b", "iq3_xxs", 1), 2048),
        // K of a layer is larger than a buffer of lavapipe.
        ("Llama 3.1 8B Q3_K_M, one layer", hollow("llama-3.1-8b", "q3_k_m", 1), 131_072),
        // Its embedding and its output matrix are larger than a buffer of lavapipe.
        ("Llama 3.1 8B Q4_K_M, one layer", hollow("llama-3.1-8b", "q4_k_m", 1), 8192),
    ];
    for (name, model, context) in table {
        let options = options(Backend::Webgpu, context);
        let plan = plan(&*model, &options).unwrap();
        let engine = load(model, &options).unwrap();
        let taken = engine.info().backend.gpu_bytes;
        println!("{name}: planned {:?}, taken {taken}", plan.memory);
        assert_eq!((plan.backend, plan.verdict, plan.context_length), ("webgpu", Verdict::Fits, context));
        assert_eq!(plan.adapter, engine.info().backend.adapter);
        assert_planned(plan.memory.total, taken, name);
    }
}

/// Adapters count too: their matrices, and on the CPU their files, which stay.
#[test]
fn adapters_are_planned() {
    let _alone = alone();
    let _driver = gpu_support::gpu(None, &[], KvType::F16);
    let model = || Rc::new(MemoryModel::new(fixtures::file("llama", BlockType::F32)));
    let read = |name| block_on(Adapter::read(&MemoryModel::new(adapters::file("llama", name)))).unwrap();
    let adapters = ["wide", "narrow"].map(|name| Rc::new(read(name))).to_vec();
    for backend in [Backend::Webgpu, Backend::Wasm] {
        let without = options(backend, 256);
        let with = LoadOptions { adapters: adapters.clone(), ..without.clone() };
        let [plain, planned] = [&without, &with].map(|options| plan(&*model(), options).unwrap());
        assert!(planned.memory.weights > plain.memory.weights, "{:?}, {:?}", plain.memory, planned.memory);
        let engine = load(model(), &with).unwrap();
        if backend == Backend::Webgpu {
            assert_planned(planned.memory.total, engine.info().backend.gpu_bytes, "tiny with adapters");
        }
    }
}

/// To the byte.
fn assert_planned(planned: u64, taken: u64, name: &str) {
    assert_eq!(taken, planned, "{name}");
}

/// The whole of an 8B judge, in some 6 GB of memory.
#[test]
fn the_buffers_of_8b_are_as_planned() {
    let _alone = alone();
    let _driver = gpu_support::gpu(None, &[], KvType::F16);
    let model = hollow("llama-3.1-8b", "q4_k_m", 32);
    let options = options(Backend::Webgpu, 8192);
    let plan = plan(&*model, &options).unwrap();
    println!("planned {:#?}", plan);
    let taken = load(model, &options).unwrap().info().backend.gpu_bytes;
    println!("taken {taken}");
    assert_planned(plan.memory.total, taken, "8B");
}

/// The same with the limits of the smallest browser, with buffers that hold one of two KV heads, and with both families of
/// kernels.
#[test]
fn a_rehearsal_takes_what_the_runner_takes() {
    use lunette::gpu::decide::Kernels;
    let _alone = alone();
    let both = [Kernels::Independent, Kernels::Cooperative];
    for (kernels, most) in both.into_iter().flat_map(|kernels| [(kernels, u64::MAX), (kernels, 2 << 20)]) {
        let gpu = gpu_support::gpu(Some(kernels), &[], KvType::F32).with_buffer_limit(most);
        let bytes = MemoryModel::new(tiny::file(BlockType::Q6_K));
        let (rehearsed, taken) = block_on(async {
            let (header, mut incoming) = Incoming::headers(&bytes).await.unwrap();
            let config = Config::from_header(&header).unwrap();
            let Config { ref layers, kv_heads, head_dim, .. } = config;
            let kv = KvShape { layers: layers.len(), kv_heads, head_dim, block_len: 16, blocks: 400 };
            assert_eq!(gpu.kv_buffers(&kv).0, 2 * kv.layers * if most == 2 << 20 { 2 } else { 1 });
            let rehearsal = gpu.rehearsal();
            let model = outline(&header, &config, &mut GpuStore::new(&rehearsal)).unwrap();
            let rehearsed = GpuRunner::rehearse(&rehearsal, &model, kv).await.unwrap();
            assert_eq!(gpu.bytes(), 0);
            let mut store = GpuStore::new(&gpu);
            let quiet = &mut |_| ();
            let load = load_model(&header, &config, &mut incoming, &mut store, quiet, &Uninterrupted);
            let model = load.await.unwrap();
            let _runner = GpuRunner::new(gpu.clone(), model, kv, &mut |_, _| ()).await.unwrap();
            (rehearsed, gpu.bytes())
        });
        assert_planned(rehearsed, taken, &format!("{kernels:?}, {most}"));
    }
}

/// A model of two layers with two KV heads of 128 elements, for a context so long.
fn with_long_context(context: u64) -> Rc<Hollow> {
    let mut metadata = tiny::metadata();
    for (key, number) in
        [("context_length", context), ("attention.key_length", 128), ("attention.value_length", 128)]
    {
        metadata.replace(&format!("llama.{key}"), Value::Unsigned(number));
    }
    let mut tensors = tiny::tensors(BlockType::F16);
    for (name, dims, _) in &mut tensors {
        match name.rsplit('.').nth(1) {
            Some("attn_q") => dims[1] = 4 * 128,
            Some("attn_k" | "attn_v") => dims[1] = 2 * 128,
            Some("attn_output") => dims[0] = 4 * 128,
            _ => {}
        }
    }
    Rc::new(Hollow::with(metadata, &tensors))
}

/// The most positions for which a buffer of this adapter holds K of one of its heads, in f32.
fn fitting(gpu: &Gpu) -> usize {
    let (buffer, binding) = gpu.buffer_limits();
    (buffer.min(binding) / 512 / 16 * 16) as usize
}

/// A context for which not even one KV head fits into a buffer: the plan says which would, and so does the load, before it
/// reads a weight.
#[test]
fn a_context_too_long_is_refused_with_the_longest_that_fits() {
    const LONG: usize = 1 << 24;
    let _alone = alone();
    let fitting = fitting(&gpu_support::gpu(None, &[], KvType::F16));
    let model = with_long_context(LONG as u64);
    let options = |context| LoadOptions { kv_type: KvType::F32, ..options(Backend::Webgpu, context) };
    let refused = plan(&*model, &options(LONG)).unwrap();
    let with_header = model.given();
    assert_eq!(refused.verdict, Verdict::FitsWithSmallerContext);
    assert_eq!(refused.fitting_context_length, Some(fitting));
    assert_eq!(refused.memory.kv_cache, 2 * 2 * 1024 * LONG as u64);
    let arithmetic = "16777216 positions = 65536.0 MiB, in 8 buffers of at most 8192.0 MiB";
    assert!(refused.reasons.iter().any(|reason| reason.contains(arithmetic)), "{refused:?}");
    let Err(Error::OutOfMemory(why)) = load(model.clone(), &options(LONG)) else {
        panic!("it should not fit")
    };
    assert!(why.contains(&format!("A context length of {fitting} would fit")), "{why}");
    assert_eq!(model.given(), 2 * with_header);
    assert_eq!(plan(&*model, &options(fitting)).unwrap().verdict, Verdict::Fits);
}

/// Two KV heads of a layer in a buffer, as long as they fit, then in one each.
#[test]
fn a_plan_says_into_how_many_buffers_a_cache_goes() {
    let _alone = alone();
    let most = fitting(&gpu_support::gpu(None, &[], KvType::F16));
    let model = with_long_context(most as u64);
    for (context, buffers) in [(most / 2, 4), (most / 2 + 1, 8), (most, 8)] {
        let options = LoadOptions { kv_type: KvType::F32, ..options(Backend::Webgpu, context) };
        let plan = plan(&*model, &options).unwrap();
        assert_eq!(plan.verdict, Verdict::Fits);
        let said = format!("in {buffers} buffers of at most");
        assert!(plan.reasons.iter().any(|reason| reason.contains(&said)), "{plan:?}");
    }
}

/// A matrix of which not even 64 rows fit into a buffer, and activations that do not.
#[test]
fn what_no_buffer_holds_is_named() {
    let _alone = alone();
    let gpu = gpu_support::gpu(None, &[], KvType::F16);
    let bytes = MemoryModel::new(tiny::file(BlockType::F32));
    for (limit, what) in [(64 << 10, "64 rows of tensor"), (256 << 10, "activations")] {
        let refused = block_on(async {
            let (header, _) = Incoming::headers(&bytes).await?;
            let config = Config::from_header(&header)?;
            let Config { ref layers, kv_heads, head_dim, .. } = config;
            let kv = KvShape { layers: layers.len(), kv_heads, head_dim, block_len: 16, blocks: 20 };
            let rehearsal = gpu.clone().with_buffer_limit(limit).rehearsal();
            let model = outline(&header, &config, &mut GpuStore::new(&rehearsal))?;
            GpuRunner::rehearse(&rehearsal, &model, kv).await
        });
        let Err(Error::OutOfMemory(why)) = refused else { panic!("{refused:?}") };
        assert!(why.contains(what), "{why}");
    }
}
