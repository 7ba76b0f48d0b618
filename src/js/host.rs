//! The host's side of the engine: it provides the bytes of a model, and controls long calls.

use crate::judge::TextPart;
use crate::source::{ByteStream, ModelBytes};
use crate::{Control, Error, Result};
use futures::future::LocalBoxFuture;
use js_sys::{Function, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** A model's bytes: one file, or the parts of a split one, counted from 0. May be opened again at any time. */
export interface ModelBytes { readonly parts: number; open(part: number): Promise<ByteSource> }
/** Pulled until it gives null; `close` is called once, when no more is wanted. */
export interface ByteSource { readonly size?: number; next(): Promise<Uint8Array | null>; close(): void }
/** Looked at between the steps of a call; `pause` resolves in a later task, so that messages can arrive. */
export interface Control { readonly aborted: boolean; pause(): Promise<void> }
"#;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(typescript_type = "ModelBytes")]
    pub type HostModel;
    #[wasm_bindgen(method, getter)]
    fn parts(this: &HostModel) -> f64;
    #[wasm_bindgen(method, catch)]
    fn open(this: &HostModel, part: f64) -> std::result::Result<Promise, JsValue>;

    #[wasm_bindgen(typescript_type = "ByteSource")]
    type ByteSource;
    #[wasm_bindgen(method, getter)]
    fn size(this: &ByteSource) -> Option<f64>;
    #[wasm_bindgen(method, catch)]
    fn next(this: &ByteSource) -> std::result::Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn close(this: &ByteSource) -> std::result::Result<(), JsValue>;

    #[wasm_bindgen(typescript_type = "Control")]
    pub type HostControl;
    #[wasm_bindgen(method, getter)]
    fn aborted(this: &HostControl) -> bool;
    #[wasm_bindgen(method)]
    fn pause(this: &HostControl) -> Promise;
}

impl ModelBytes for HostModel {
    fn parts(&self) -> usize {
        HostModel::parts(self) as usize
    }

    fn open(&self, part: usize) -> LocalBoxFuture<'_, Result<Box<dyn ByteStream>>> {
        Box::pin(async move {
            let promise = HostModel::open(self, part as f64).map_err(failed)?;
            let source = JsFuture::from(promise).await.map_err(failed)?;
            Ok(Box::new(HostStream(source.unchecked_into())) as Box<dyn ByteStream>)
        })
    }
}

/// An open file of the host, which is told when no more of it is wanted.
struct HostStream(ByteSource);

impl Drop for HostStream {
    fn drop(&mut self) {
        // A file that cannot be closed can still be left alone.
        let _ = self.0.close();
    }
}

impl ByteStream for HostStream {
    fn size(&self) -> Option<u64> {
        self.0.size().map(|size| size as u64)
    }

    fn next(&mut self) -> LocalBoxFuture<'_, Result<Option<Vec<u8>>>> {
        Box::pin(async move {
            let promise = self.0.next().map_err(failed)?;
            let chunk = JsFuture::from(promise).await.map_err(failed)?;
            if chunk.is_null() || chunk.is_undefined() {
                return Ok(None);
            }
            let chunk: Uint8Array =
                chunk.dyn_into().map_err(|_| Error::Source("a chunk is not a Uint8Array".into()))?;
            Ok(Some(chunk.to_vec()))
        })
    }
}

/// An error of the host.
fn failed(error: JsValue) -> Error {
    let text = |key: &str| Reflect::get(&error, &key.into()).ok().and_then(|value| value.as_string());
    Error::from_host(text("code").as_deref(), text("message").unwrap_or_else(|| format!("{error:?}")))
}

impl Control for HostControl {
    fn aborted(&self) -> bool {
        HostControl::aborted(self)
    }

    fn pause(&self) -> LocalBoxFuture<'_, ()> {
        Box::pin(async move {
            // A host whose pause fails has nothing better to offer than going on.
            let _ = JsFuture::from(HostControl::pause(self)).await;
        })
    }
}

/// A callback that takes text; its own failure is not the engine's.
pub(super) fn text_callback(callback: Option<Function>) -> impl FnMut(&str) {
    move |text| {
        if let Some(callback) = &callback {
            let _ = callback.call1(&JsValue::NULL, &text.into());
        }
    }
}

/// A callback that takes text, the number of the verdict that it belongs to, and which part of that it is.
pub(super) fn placed_text_callback(callback: Option<Function>) -> impl FnMut(usize, TextPart, &str) {
    move |number, part, text| {
        if let Some(callback) = &callback {
            let (number, part) = ((number as u32).into(), part.name().into());
            let _ = callback.call3(&JsValue::NULL, &text.into(), &number, &part);
        }
    }
}
