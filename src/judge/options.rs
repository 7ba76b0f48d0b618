//! How a verdict is reached.

use super::defence::Defence;
use super::template::Template;
use super::thinking::ThinkingChoice;
use crate::engine::{AdapterChoice, Engine, Sampling};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct JudgeOptions {
    /// Reason before the verdict. Without: one prefill, no decoding.
    pub critique: bool,
    /// Most tokens of a critique.
    pub max_tokens: usize,
    /// Whether to think before the critique, in a part of the reply that models keep apart from their answer.
    pub thinking: ThinkingChoice,
    pub temperature: f32,
    pub seed: u64,
    /// Critiques written independently of each other, each with its own verdict (self-consistency).
    pub samples: usize,
    /// Orders in which the rubric's levels or labels are listed: as given, reversed, then random ones.
    pub rubric_orders: usize,
    pub template: TemplateChoice,
    /// Which of the adapters that the model was loaded with judges.
    pub adapter: AdapterChoice,
    /// What is done against responses that are out for a better verdict. Default: nothing more than the template does.
    pub defences: Vec<Defence>,
    /// What to shorten where the task is too long for the model. Default: nothing, it is an error.
    pub truncate: Option<Truncate>,
    /// Comparisons: how they are made. Default: as the adapter was trained, else [`Method::Pairwise`].
    pub method: Option<Method>,
    /// Comparisons: whether to judge both orders of the responses.
    pub both_orders: bool,
    /// Comparisons: whether orders that disagree make a tie.
    pub ties: bool,
}

impl Default for JudgeOptions {
    fn default() -> Self {
        JudgeOptions {
            critique: true,
            max_tokens: 512,
            thinking: ThinkingChoice::default(),
            temperature: 0.0,
            seed: 0,
            samples: 1,
            rubric_orders: 1,
            template: TemplateChoice::default(),
            adapter: AdapterChoice::default(),
            defences: Vec::new(),
            truncate: None,
            method: None,
            both_orders: true,
            ties: false,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Truncate {
    /// The end of the response; of two responses the longer one's first.
    Response,
    /// The end of the passages.
    Context,
}

/// How two responses are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Both stand in one prompt, in both orders.
    Pairwise,
    /// Each is classified by itself as good or poor, and the log odds are compared: no response stands first.
    Pointwise,
}

/// Where an adapter's file says by which method it was trained to compare.
const TRAINED_METHOD: &str = "lunette.judge.method";

/// A built-in template by its name, a template as YAML text, or one that was read already.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum TemplateChoice {
    Text(String),
    Read(Template),
}

impl Default for TemplateChoice {
    fn default() -> Self {
        TemplateChoice::Text("selene".into())
    }
}

/// The kinds of task that a template can be made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Score,
    Class,
    Compare,
}

impl TemplateChoice {
    pub(super) fn template(&self, kind: Kind) -> Result<Template> {
        use Kind::{Class, Compare, Score};
        let text = match self {
            TemplateChoice::Read(template) => return template.clone().checked(),
            TemplateChoice::Text(text) => text.as_str(),
        };
        Template::parse(match (text, kind) {
            ("selene", Score) => include_str!("templates/selene-score.yaml"),
            ("selene", Class) => include_str!("templates/selene-classify.yaml"),
            ("selene", Compare) => include_str!("templates/selene-compare.yaml"),
            ("rubric-first", Score) => include_str!("templates/rubric-first-score.yaml"),
            ("rubric-first", Class) => include_str!("templates/rubric-first-classify.yaml"),
            ("rubric-first", Compare) => include_str!("templates/rubric-first-compare.yaml"),
            (name, _) if !name.contains([':', '\n']) => {
                return Err(Error::InvalidArgument(format!(
                    "there is no template {name:?}. Built in are \"selene\" and \"rubric-first\"; any other is passed as its YAML text."
                )));
            }
            (yaml, _) => yaml,
        })
    }
}

/// Verdicts of one call: each is a prompt of its own.
const MAX_READINGS: usize = 256;

impl JudgeOptions {
    /// Fails with the first option that a task of this kind cannot be judged with.
    pub fn check(&self, kind: Kind) -> Result<()> {
        let wrong = |what: &str| Err(Error::InvalidArgument(what.into()));
        self.sampling(0).check()?;
        if self.samples == 0 || self.rubric_orders == 0 {
            return wrong("`samples` and `rubricOrders` are at least 1");
        }
        if self.samples.saturating_mul(self.rubric_orders) > MAX_READINGS {
            return Err(Error::InvalidArgument(format!(
                "`samples` times `rubricOrders` is at most {MAX_READINGS}: each is a verdict of its own"
            )));
        }
        if self.thinking == ThinkingChoice::MaxTokens(0) {
            return wrong("`thinking.maxTokens` is at least 1; \"off\" is for no thought at all");
        }
        let writes = self.critique || matches!(self.thinking, ThinkingChoice::MaxTokens(_));
        if self.samples > 1 && !(writes && self.temperature > 0.0) {
            return wrong(
                "`samples` above 1 needs `critique: true` or a budget for `thinking`, and a `temperature` above 0: else all of them are the same",
            );
        }
        if self.rubric_orders > 1 && kind == Kind::Compare {
            return wrong(
                "`rubricOrders` is for rubrics with levels or labels; a comparison has both orders instead",
            );
        }
        Ok(())
    }

    /// How comparisons are made.
    pub(super) fn method(&self, engine: &Engine) -> Result<Method> {
        if let Some(method) = self.method {
            return Ok(method);
        }
        let trained = engine.adapter(&self.adapter)?.and_then(|one| engine.adapter_says(one, TRAINED_METHOD));
        match trained {
            None | Some("pairwise") => Ok(Method::Pairwise),
            Some("pointwise") => Ok(Method::Pointwise),
            Some(other) => Err(Error::InvalidFile(format!(
                "the adapter compares by a method {other:?}, which this version does not know; say `method`"
            ))),
        }
    }

    /// How sample `index` is drawn.
    pub(super) fn sampling(&self, index: usize) -> Sampling {
        Sampling {
            temperature: self.temperature,
            seed: self.seed.wrapping_add(index as u64),
            ..Default::default()
        }
    }

    /// Tokens that are kept free behind a prompt that is shortened.
    pub(super) fn critique_room(&self, engine: &Engine) -> usize {
        match self.critique {
            true => self.max_tokens.min(engine.context_length() / 4),
            false => 0,
        }
    }
}
