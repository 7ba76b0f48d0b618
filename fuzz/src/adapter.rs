//! Adapters and heads of reward models: a sound file in which some things lie, beside a sound model.

use crate::file::{self, File};
use crate::limits::within;
use crate::load::load;
use lunette::engine::LoadOptions;
use lunette::model::Adapter;
use lunette::reward::{Head, RewardModel, RewardOptions, RewardTask};
use lunette::source::MemoryModel;
use lunette::{Result, Uninterrupted};
use pollster::block_on;
use std::rc::Rc;

pub fn run(data: &[u8]) {
    let Ok((file, rest)) = file::lying(File::head(), data) else { return };
    let bytes = file.bytes(rest);
    within(128 << 20, 5.0, || {
        let Ok(adapter) = block_on(Adapter::read(&MemoryModel::new(bytes))) else { return };
        let _ = use_it(Rc::new(adapter));
    });
}

/// As a judge's adapter, and as a head if it is one.
fn use_it(adapter: Rc<Adapter>) -> Result<()> {
    let model = File::sound().bytes(&[]);
    let beside = LoadOptions { adapters: vec![adapter.clone()], ..Default::default() };
    let engine = load(model.clone(), beside)?;
    let tokens = engine.tokenizer().encode("a judge", true)?;
    block_on(engine.logits(&tokens, &Uninterrupted))?;
    let head = Head::of(adapter)?;
    let engine = load(model, LoadOptions { head: Some(head.adapter().clone()), ..Default::default() })?;
    let task = RewardTask { input: "Is it?".into(), response: "It is.".into() };
    let model = RewardModel::new(Rc::new(engine), head)?;
    let verdict = block_on(model.reward(&task, &RewardOptions::default(), &Uninterrupted))?;
    assert_eq!(verdict.trace.q.len(), verdict.tokens.len());
    assert!(verdict.trace.q.iter().all(|q| (-1.001..=1.001).contains(q)), "{:?}", verdict.trace.q);
    Ok(())
}
