//! What an engine takes is given back when it goes: counted over fifty of them, one after the other.

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
use std::rc::Rc;

const CYCLES: usize = 50;
/// Cycles after which allocators and drivers have what they keep for themselves.
const SETTLED: usize = 10;

/// Bytes of this process that are in memory; where the system does not say, 0.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: Option<u64> = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    kib.unwrap_or(0) * 1024
}

fn load(backend: Backend) -> Engine {
    let options = LoadOptions { backend, context_length: Some(2048), ..Default::default() };
    let model = Rc::new(MemoryModel::new(tiny::file(BlockType::Q8_0)));
    block_on(Engine::load(model, &options, &mut |_| (), &Uninterrupted)).unwrap()
}

fn judge(engine: &Engine) -> f64 {
    let task = json!({
        "input": "Say what a lunette is.",
        "response": "A small window above a door.",
        "rubric": { "objective": "Is it right?", "scale": { "1": "no", "2": "in part", "3": "yes" } },
    });
    let task: ScoreTask = serde_json::from_value(task).unwrap();
    let options: JudgeOptions = serde_json::from_value(json!({ "critique": false })).unwrap();
    let mut ignore = |_, _: &str| ();
    let verdict = block_on(Judge::new(engine, &options, &mut ignore, &Uninterrupted).score(&task)).unwrap();
    verdict.expected
}

/// Both backends in one test: tests side by side would count each other's memory.
#[test]
fn fifty_engines_leave_nothing_behind() {
    // Points the loader at lavapipe where nothing else is asked for.
    drop(gpu_support::gpu(None, &[], KvType::F16));
    for (backend, bound) in [(Backend::Wasm, 4u64 << 20), (Backend::Webgpu, 16 << 20)] {
        let (mut expected, mut settled) = (None, 0);
        for cycle in 0..CYCLES {
            let engine = load(backend);
            let verdict = judge(&engine);
            assert_eq!(*expected.get_or_insert(verdict), verdict);
            let gpu = engine.gpu();
            assert_eq!(gpu.is_some(), backend == Backend::Webgpu);
            drop(engine);
            if let Some(gpu) = gpu {
                assert_eq!((gpu.buffers(), gpu.bytes()), (0, 0));
            }
            if cycle == SETTLED {
                settled = resident();
            }
        }
        let grown = resident().saturating_sub(settled);
        println!("{backend:?}: {} KiB more after {} cycles", grown / 1024, CYCLES - SETTLED);
        assert!(grown < bound, "{backend:?}: {grown} bytes more after {} cycles", CYCLES - SETTLED);
    }
}
