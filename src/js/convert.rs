//! Values and errors between Rust and JavaScript.

use crate::{Error, Result};
use js_sys::{Object, Promise, Reflect};
use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;

/// A JavaScript `Error` with the error's `code`.
pub(super) fn thrown(error: Error) -> JsValue {
    let value = js_sys::Error::new(&error.to_string());
    let _ = Reflect::set(&value, &"code".into(), &error.code().into());
    value.into()
}

/// An argument; `what` names it in errors.
pub(super) fn argument<T: DeserializeOwned>(value: JsValue, what: &str) -> Result<T> {
    serde_wasm_bindgen::from_value(defined(value))
        .map_err(|e| Error::InvalidArgument(format!("`{what}`: {e}")))
}

/// The value without its properties that are `undefined`: in JavaScript these are as good as missing.
fn defined(value: JsValue) -> JsValue {
    let Some(object) = value.dyn_ref::<Object>() else {
        return if value.is_undefined() { Object::new().into() } else { value };
    };
    if js_sys::Array::is_array(object) {
        return value;
    }
    let kept = Object::new();
    for entry in Object::entries(object).iter() {
        let entry: js_sys::Array = entry.unchecked_into();
        if !entry.get(1).is_undefined() {
            let _ = Reflect::set(&kept, &entry.get(0), &entry.get(1));
        }
    }
    kept.into()
}

/// A result as a plain object.
pub(super) fn plain<T: Serialize>(value: &T) -> Result<JsValue> {
    value
        .serialize(&serde_wasm_bindgen::Serializer::json_compatible())
        .map_err(|e| Error::Internal(format!("a result could not be passed on: {e}")))
}

/// A long call as JavaScript awaits it.
pub(super) fn promise(work: impl Future<Output = Result<JsValue>> + 'static) -> Promise {
    future_to_promise(async move { work.await.map_err(thrown) })
}
