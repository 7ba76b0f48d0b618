//! Runs futures on this thread, a step in a microtask of its own whenever they are woken.
//!
//! `wasm-bindgen-futures` awaits `Atomics.waitAsync` in modules that know threads, which needs shared memory and is slower. Here
//! only the thread of a future wakes it.

use super::convert::thrown;
use crate::Result;
use async_task::Runnable;
use js_sys::Promise;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = queueMicrotask)]
    fn queue_microtask(step: &JsValue);
}

/// A long call as JavaScript awaits it.
pub(super) fn promise(work: impl Future<Output = Result<JsValue>> + 'static) -> Promise {
    let mut work = Some(work);
    Promise::new(&mut |resolve, reject| {
        let Some(work) = work.take() else { return };
        spawn(async move {
            // Neither function throws.
            let _ = match work.await {
                Ok(value) => resolve.call1(&JsValue::NULL, &value),
                Err(error) => reject.call1(&JsValue::NULL, &thrown(error)),
            };
        });
    })
}

fn spawn(work: impl Future<Output = ()> + 'static) {
    let schedule = |step: Runnable| {
        let step = move || {
            step.run();
        };
        queue_microtask(&Closure::once_into_js(step));
    };
    let (first, task) = async_task::spawn_local(work, schedule);
    task.detach();
    first.schedule();
}
