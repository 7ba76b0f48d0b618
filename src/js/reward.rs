//! The reward model, for JavaScript.

use super::convert::{argument, plain, promise};
use super::engine::WasmEngine;
use super::host::HostControl;
use crate::reward::{RewardOptions, RewardTask};
use crate::{Error, Result};
use js_sys::{Float32Array, Promise};
use serde::de::DeserializeOwned;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
impl WasmEngine {
    /// Rewards `task`, whose kind is "reward", "rerank" or "filter", by the head that the model was loaded with.
    pub fn reward(&self, kind: String, task: JsValue, options: JsValue, control: HostControl) -> Promise {
        let model = self.reward_model();
        promise(async move {
            let (model, options): (_, RewardOptions) = (model?, argument(options, "options")?);
            match kind.as_str() {
                "reward" => plain(&model.reward(&self::task(task)?, &options, &control).await?),
                "rerank" => plain(&model.rerank(&self::task(task)?, &options, &control).await?),
                "filter" => plain(&model.filter(&self::task(task)?, &options, &control).await?),
                other => Err(Error::Internal(format!("there is no task \"{other}\""))),
            }
        })
    }

    /// A goal out of examples: a state.
    #[wasm_bindgen(js_name = goalFrom, unchecked_return_type = "Promise<Float32Array>")]
    pub fn goal_from(&self, examples: JsValue, control: HostControl) -> Promise {
        let model = self.reward_model();
        promise(async move {
            let examples: Vec<RewardTask> = argument(examples, "examples")?;
            let goal = model?.goal_from("", &examples, &control).await?;
            Ok(Float32Array::from(&goal.state[..]).into())
        })
    }
}

fn task<T: DeserializeOwned>(value: JsValue) -> Result<T> {
    argument(value, "task")
}
