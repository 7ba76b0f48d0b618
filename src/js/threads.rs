//! The threads of the CPU backend. The host starts a worker for each, with another instance of this module over the same memory.

use crate::cpu::{POOL, start_threads_by};
use js_sys::Function;
use wasm_bindgen::prelude::*;

/// `start` is called when a model needs threads: with their number, or with `undefined` for as many as there are cores. It
/// counts the thread that calls.
#[wasm_bindgen(js_name = startThreadsBy)]
pub fn start_by(start: Function) {
    start_threads_by(move |wanted| {
        let wanted = wanted.map_or(JsValue::UNDEFINED, |wanted| JsValue::from(wanted as f64));
        // A host that starts none leaves the work to this thread.
        let _ = start.call1(&JsValue::NULL, &wanted);
    });
}

/// This thread helps from now on; {@link helpThreads} must follow.
#[wasm_bindgen(js_name = joinThreads)]
pub fn join() {
    POOL.join();
}

/// Helps the other threads, and never returns.
#[wasm_bindgen(js_name = helpThreads)]
pub fn help() {
    POOL.help();
}

/// To be called where {@link helpThreads} has trapped, so that nobody waits for it.
#[wasm_bindgen(js_name = threadFailed)]
pub fn failed() {
    POOL.fail();
}
