//! The judge's tasks, for JavaScript.

use super::convert::{argument, plain, promise};
use super::engine::WasmEngine;
use super::host::{HostControl, placed_text_callback};
use crate::judge::{Judge, JudgeOptions};
use crate::{Error, Result};
use js_sys::{Function, Promise};
use serde::de::DeserializeOwned;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
impl WasmEngine {
    /// Judges `task`, whose kind is "score", "scoreMany", "classify", "classifyMany", "compare" or "rank". `on_token` is given
    /// pieces of thoughts and critiques, each with the number of its verdict and "thinking" or "critique".
    pub fn judge(
        &self,
        kind: String,
        task: JsValue,
        options: JsValue,
        on_token: Option<Function>,
        control: HostControl,
    ) -> Promise {
        let engine = self.engine();
        promise(async move {
            let options: JudgeOptions = argument(options, "options")?;
            let mut on_text = placed_text_callback(on_token);
            let judge = Judge::new(&engine, &options, &mut on_text, &control);
            match kind.as_str() {
                "score" => plain(&judge.score(&self::task(task)?).await?),
                "scoreMany" => plain(&judge.score_many(&self::task(task)?).await?),
                "classify" => plain(&judge.classify(&self::task(task)?).await?),
                "classifyMany" => plain(&judge.classify_many(&self::task(task)?).await?),
                "compare" => plain(&judge.compare(&self::task(task)?).await?),
                "rank" => plain(&judge.rank(&self::task(task)?).await?),
                other => Err(Error::Internal(format!("there is no task \"{other}\""))),
            }
        })
    }
}

fn task<T: DeserializeOwned>(value: JsValue) -> Result<T> {
    argument(value, "task")
}
