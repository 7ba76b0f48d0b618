//! Loading: plan, allocate, fill.

use super::cache::Cache;
use super::keeper::Keeper;
use super::options::{LoadOptions, chat_template, kv_shape};
use super::plan::Planner;
use super::schedule::{Limits, Scheduler};
use super::{Engine, ModelInfo};
use crate::model::{Config, Incoming, Phase, Progress};
use crate::source::ModelBytes;
use crate::tokenizer::Tokenizer;
use crate::{Control, Result};
use std::cell::RefCell;
use std::rc::Rc;

impl Engine {
    /// Loads a model from its bytes, which are read once from start to end (the headers of a split model's files twice).
    pub async fn load(
        bytes: Rc<dyn ModelBytes>,
        options: &LoadOptions,
        progress: &mut dyn FnMut(Progress),
        control: &dyn Control,
    ) -> Result<Engine> {
        let (header, mut incoming) = Incoming::headers(&*bytes).await?;
        let config = Config::from_header(&header)?.with_adapters(&header, &options.beside())?;
        let planner = Planner::new(&header, &config, &incoming, options)?;
        let (target, plan) = planner.choose().await?;
        plan.check()?;
        let tokenizer = Rc::new(Tokenizer::from_metadata(&header.metadata)?);
        let chat = chat_template(&header, options)?;
        let (context, max_batch) = (plan.context_length, plan.max_batch);
        let kv = kv_shape(&config, context);
        let config = config.clone().for_context(kv.slots());
        let keeper = Keeper::new(bytes.clone(), options, &header, &config, kv);
        let runner = keeper.first(target, &header, &planner, &mut incoming, progress, control).await?;
        let mut info = ModelInfo::new(&header, &config, context, &tokenizer, runner.backend());
        info.lora_adapters.truncate(options.adapters.len());
        progress(Progress { phase: Phase::Ready, loaded: incoming.loaded(), total: incoming.total() });
        drop(incoming);
        let limits = Limits { batch: max_batch, capacity: kv.slots(), steps_ahead: options.steps_ahead };
        let cache = Rc::new(RefCell::new(Cache::new(&kv, runner.idle_blocks())));
        Ok(Engine {
            scheduler: Scheduler::new(runner, keeper, cache.clone(), limits),
            cache,
            config,
            tokenizer,
            chat,
            info,
            head: options.head.as_ref().map(|_| options.adapters.len()),
            compiler: Default::default(),
        })
    }
}
