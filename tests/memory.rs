//! An engine frees its memory when it is dropped: counted over many engines, one after the other.

mod common;
mod gpu_support;

use common::tiny;
use lunette::Uninterrupted;
use lunette::engine::{Backend, Engine, LoadOptions};
use lunette::gpu::KvType;
use lunette::judge::{Judge, JudgeOptions, ScoreTask};
use lunette::quant::BlockType;
use lunette::source::MemoryModel;
use pollster::block_on;
use serde_json::json;
use std::alloc::{GlobalAlloc, Layout, System};
use std::rc::Rc;
use std::sync::atomic::{AtomicI64, Ordering};

/// The system's allocator, with a count of what is held.
struct Counting;

static HELD: AtomicI64 = AtomicI64::new(0);

// SAFETY: it is the system's allocator that allocates.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size() as i64, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size() as i64, Ordering::Relaxed);
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Cycles after which everything has been made that is made once, on the CPU; drivers keep more for themselves.
const SETTLED: usize = 3;
const SETTLED_GPU: usize = 8;
const CYCLES: usize = 10;
/// The threads of a pool end a moment after it was dropped; an engine has far more.
const OF_POOLS: i64 = 100 << 10;

/// Bytes of this process that are in memory; where the system does not say, 0.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: Option<u64> = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    kib.unwrap_or(0) * 1024
}

fn load(backend: Backend, threads: Option<usize>) -> Engine {
    let options = LoadOptions { backend, threads, context_length: Some(2048), ..Default::default() };
    let model = Rc::new(MemoryModel::new(tiny::file(BlockType::Q8_0)));
    block_on(Engine::load(model, &options, &mut |_| (), &Uninterrupted)).unwrap()
}

fn judge(engine: &Engine) {
    let task = json!({
        "input": "Say what a lunette is.",
        "response": "A small window above a door.",
        "rubric": { "objective": "Is it right?", "scale": { "1": "no", "2": "in part", "3": "yes" } },
    });
    let task: ScoreTask = serde_json::from_value(task).unwrap();
    let options: JudgeOptions = serde_json::from_value(json!({ "critique": false })).unwrap();
    let mut ignore = |_, _, _: &str| ();
    block_on(Judge::new(engine, &options, &mut ignore, &Uninterrupted).score(&task)).unwrap();
}

/// Both backends in one test: tests side by side would count each other's memory.
#[test]
fn engines_leave_nothing_behind() {
    for (threads, more) in [(Some(1), 0), (Some(3), OF_POOLS)] {
        let mut held = Vec::with_capacity(SETTLED + CYCLES);
        for _ in 0..SETTLED + CYCLES {
            judge(&load(Backend::Wasm, threads));
            held.push(HELD.load(Ordering::Relaxed));
        }
        let most = held[SETTLED - 1] + more;
        let grew = held[SETTLED..].iter().any(|held| *held > most);
        assert!(!grew, "bytes held after each engine of {threads:?} threads: {held:?}");
    }

    // Points the loader at lavapipe where nothing else is asked for.
    drop(gpu_support::gpu(None, &[], KvType::F16));
    let mut settled = 0;
    for cycle in 0..SETTLED_GPU + CYCLES {
        let engine = load(Backend::Webgpu, None);
        judge(&engine);
        let gpu = engine.gpu().expect("the engine was to run on the GPU");
        drop(engine);
        assert_eq!((gpu.buffers(), gpu.bytes()), (0, 0));
        if cycle + 1 == SETTLED_GPU {
            settled = resident();
        }
    }
    let grown = resident().saturating_sub(settled);
    println!("on the GPU: {} KiB more after {CYCLES} cycles", grown / 1024);
    assert!(grown < 8 << 20, "{grown} bytes more after {CYCLES} cycles");
}
