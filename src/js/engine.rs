use super::convert::{argument, plain, promise, thrown};
use super::host::{HostControl, HostModel, text_callback};
use crate::Error;
use crate::engine::{AdapterChoice, Engine, GenerateOptions, LoadOptions, LoadPlan, OnRecovery, Prompt};
use crate::model::Adapter;
use crate::reward::{Guide, Head, RewardModel};
use crate::tokenizer::{Message, Tokenizer};
use js_sys::{Array, Float32Array, Function, Object, Promise, Reflect, Uint32Array};
use std::rc::Rc;
use wasm_bindgen::prelude::*;

/// A loaded model. Calls may overlap: they share the model's forward passes.
#[wasm_bindgen]
pub struct WasmEngine {
    engine: Rc<Engine>,
    tokenizer: Rc<Tokenizer>,
    reward: Option<Rc<RewardModel>>,
}

#[wasm_bindgen]
impl WasmEngine {
    /// Loads a model with adapters and a reward model's head beside it; `on_progress` is given `{ phase, loaded, total }`, `on_recovery` what becomes of a lost device:
    /// `{ phase, reason, losses, backend }`.
    #[wasm_bindgen(unchecked_return_type = "Promise<WasmEngine>")]
    pub fn load(
        model: HostModel,
        options: JsValue,
        on_progress: Function,
        on_recovery: Option<Function>,
        control: HostControl,
        adapters: Vec<WasmAdapter>,
        head: Option<WasmAdapter>,
    ) -> Promise {
        promise(async move {
            let head = head.map(|head| Head::of(head.0)).transpose()?;
            let mut options = load_options(options, adapters, head.as_ref())?;
            options.on_recovery = on_recovery.map(|on_recovery| {
                OnRecovery::new(move |event| {
                    if let Ok(event) = plain(event) {
                        let _ = on_recovery.call1(&JsValue::NULL, &event);
                    }
                })
            });
            let mut progress = |progress| {
                if let Ok(progress) = plain(&progress) {
                    let _ = on_progress.call1(&JsValue::NULL, &progress);
                }
            };
            let engine = Rc::new(Engine::load(Rc::new(model), &options, &mut progress, &control).await?);
            let reward = head.map(|head| RewardModel::new(engine.clone(), head).map(Rc::new)).transpose()?;
            let tokenizer = engine.tokenizer().clone();
            Ok(WasmEngine { engine, tokenizer, reward }.into())
        })
    }

    pub fn info(&self) -> Result<JsValue, JsValue> {
        let info = plain(&self.engine.info()).map_err(thrown)?;
        let goals = self.reward.iter().flat_map(|model| model.goals());
        let goals: Array = goals.map(|goal| JsValue::from(&goal.name)).collect();
        Reflect::set(&info, &"goals".into(), &goals)?;
        Ok(info)
    }

    pub fn tokenize(&self, text: &str, special: bool) -> Result<Uint32Array, JsValue> {
        Ok(Uint32Array::from(&self.tokenizer.encode(text, special).map_err(thrown)?[..]))
    }

    pub fn detokenize(&self, tokens: &[u32]) -> Result<String, JsValue> {
        self.tokenizer.decode(tokens).map_err(thrown)
    }

    /// What the model reads of `messages`: `{ text, tokens, special }`.
    #[wasm_bindgen(js_name = chatPrompt)]
    pub fn chat_prompt(&self, messages: JsValue) -> Result<JsValue, JsValue> {
        let shown = || {
            let messages: Vec<Message> = argument(messages, "messages")?;
            self.engine.shown(self.engine.chat_prompt(&messages, "")?)
        };
        let shown = shown().map_err(thrown)?;
        let result = Object::new();
        let fields = [
            ("text", JsValue::from(&shown.text)),
            ("tokens", Uint32Array::from(&shown.tokens[..]).into()),
            ("special", Uint32Array::from(&shown.special[..]).into()),
        ];
        for (name, value) in fields {
            Reflect::set(&result, &name.into(), &value)?;
        }
        Ok(result.into())
    }

    #[wasm_bindgen(unchecked_return_type = "Promise<Float32Array>")]
    pub fn logits(&self, tokens: Vec<u32>, control: HostControl, options: JsValue) -> Promise {
        let engine = self.engine.clone();
        promise(async move {
            let ReadOptions { adapter } = argument(options, "options")?;
            let logits = engine.logits_with(&adapter, &tokens, &control).await?;
            Ok(Float32Array::from(&logits[..]).into())
        })
    }

    #[wasm_bindgen(unchecked_return_type = "Promise<Float32Array>")]
    pub fn logprobs(&self, tokens: Vec<u32>, control: HostControl, options: JsValue) -> Promise {
        let engine = self.engine.clone();
        promise(async move {
            let ReadOptions { adapter } = argument(options, "options")?;
            let logprobs = engine.logprobs_with(&adapter, &tokens, &control).await?;
            Ok(Float32Array::from(&logprobs[..]).into())
        })
    }

    /// The states at places, or of all tokens, one behind the other.
    #[wasm_bindgen(unchecked_return_type = "Promise<Float32Array>")]
    pub fn states(&self, tokens: Vec<u32>, control: HostControl, options: JsValue) -> Promise {
        let engine = self.engine.clone();
        promise(async move {
            let StatesOptions { adapter, at } = argument(options, "options")?;
            let at = at.unwrap_or_else(|| (0..tokens.len()).collect());
            let (states, _) = engine.states_with(&adapter, &tokens, &at, &control).await?;
            Ok(Float32Array::from(&states.concat()[..]).into())
        })
    }

    /// Continues a text, tokens, or a conversation; with `guide` towards a goal of the head.
    pub fn generate(
        &self,
        prompt: JsValue,
        options: JsValue,
        guide: JsValue,
        on_token: Option<Function>,
        control: HostControl,
    ) -> Promise {
        let engine = self.engine.clone();
        let model = if guide.is_undefined() { None } else { Some(self.reward_model()) };
        promise(async move {
            let options: GenerateOptions = argument(options, "options")?;
            let prompt = match (prompt.as_string(), prompt.dyn_ref::<Uint32Array>()) {
                (Some(text), _) => Prompt::Text(text),
                (_, Some(tokens)) => Prompt::Tokens(tokens.to_vec()),
                _ => Prompt::Messages(argument::<Vec<Message>>(prompt, "prompt")?),
            };
            let mut on_text = text_callback(on_token);
            let generation = match model {
                None => engine.generate(prompt, &options, &mut on_text, &control).await?,
                Some(model) => {
                    let guide: Guide = argument(guide, "guide")?;
                    model?.generate(prompt, &options, &guide, &mut on_text, &control).await?
                }
            };
            let result = plain(&generation)?;
            let tokens = Uint32Array::from(&generation.tokens[..]);
            Reflect::set(&result, &"tokens".into(), &tokens).map_err(|_| Error::Internal("tokens".into()))?;
            if let Some(logprobs) = &generation.logprobs {
                let logprobs = Float32Array::from(&logprobs[..]);
                Reflect::set(&result, &"logprobs".into(), &logprobs)
                    .map_err(|_| Error::Internal("logprobs".into()))?;
            }
            Ok(result)
        })
    }
}

/// How tokens are read.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct ReadOptions {
    adapter: AdapterChoice,
}

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct StatesOptions {
    adapter: AdapterChoice,
    at: Option<Vec<usize>>,
}

fn load_options(
    options: JsValue,
    adapters: Vec<WasmAdapter>,
    head: Option<&Head>,
) -> crate::Result<LoadOptions> {
    let options: LoadOptions = argument(options, "options")?;
    let adapters = adapters.into_iter().map(|adapter| adapter.0).collect();
    Ok(LoadOptions { adapters, head: head.map(|head| head.adapter().clone()), ..options })
}

/// A LoRA adapter, read whole.
#[wasm_bindgen]
pub struct WasmAdapter(Rc<Adapter>);

#[wasm_bindgen]
impl WasmAdapter {
    #[wasm_bindgen(unchecked_return_type = "Promise<WasmAdapter>")]
    pub fn read(file: HostModel) -> Promise {
        promise(async move { Ok(WasmAdapter(Rc::new(Adapter::read(&file).await?)).into()) })
    }

    /// Another handle of the same adapter: a load takes the one that it is given.
    pub fn share(&self) -> WasmAdapter {
        WasmAdapter(self.0.clone())
    }
}

/// What loading a model would need, from its headers alone: `WasmLoadPlan`.
#[wasm_bindgen(js_name = planLoad)]
pub fn plan_load(
    model: HostModel,
    options: JsValue,
    control: HostControl,
    adapters: Vec<WasmAdapter>,
    head: Option<WasmAdapter>,
) -> Promise {
    promise(async move {
        let head = head.map(|head| Head::of(head.0)).transpose()?;
        let options = load_options(options, adapters, head.as_ref())?;
        plain(&LoadPlan::new(&model, &options, &control).await?)
    })
}

impl WasmEngine {
    pub(super) fn engine(&self) -> Rc<Engine> {
        self.engine.clone()
    }

    pub(super) fn reward_model(&self) -> crate::Result<Rc<RewardModel>> {
        let missing =
            "the model was loaded without a reward model's head: name its file as `head` of the load";
        self.reward.clone().ok_or_else(|| Error::InvalidArgument(missing.into()))
    }
}
