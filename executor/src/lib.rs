//! What is used here of wasm-bindgen-futures (by wgpu too), with another executor.
//!
//! In modules that know threads, that of js-sys awaits `Atomics.waitAsync`. This needs shared memory, which most pages do not have, and
//! is slower. But all our futures are woken by the thread that runs them. So they run step by step, each in a microtask.

use async_task::Runnable;
use js_sys::Promise;
pub use js_sys::futures::JsFuture;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = queueMicrotask)]
    fn queue_microtask(step: &JsValue);
}

/// Runs a future on this thread, which must be the one that wakes it.
pub fn spawn_local(future: impl Future<Output = ()> + 'static) {
    let schedule = |step: Runnable| {
        let step = move || {
            step.run();
        };
        queue_microtask(&Closure::once_into_js(step));
    };
    let (first, task) = async_task::spawn_local(future, schedule);
    task.detach();
    first.schedule();
}

/// The same, as JavaScript awaits it.
pub fn future_to_promise(future: impl Future<Output = Result<JsValue, JsValue>> + 'static) -> Promise {
    let mut future = Some(future);
    Promise::new(&mut |resolve, reject| {
        let Some(future) = future.take() else { return };
        spawn_local(async move {
            // Neither function throws.
            let _ = match future.await {
                Ok(value) => resolve.call1(&JsValue::NULL, &value),
                Err(error) => reject.call1(&JsValue::NULL, &error),
            };
        });
    })
}
