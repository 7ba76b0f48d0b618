//! The prompts of a task before anything is computed: to look at, to count, or to put to another engine.

use super::Judge;
use super::compare::check_criteria;
use super::options::{Kind, Method};
use super::reading::Reader;
use super::score::Listing;
use super::task::{ClassTask, CompareTask, ScoreTask};
use super::template::Template;
use super::texts::Texts;
use crate::Result;
use crate::engine::ShownPrompt;
use crate::tokenizer::Message;
use serde::Serialize;

/// The prompt that the model continues. It ends within a thought, where the judge thinks; else with the reasoning marker or,
/// without a critique, with the result marker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RenderedPrompt {
    /// The text of the tokens, control tokens by their names.
    pub text: String,
    pub tokens: Vec<u32>,
    /// Places of control tokens among `tokens`: only these tell one from the same name in a task's text.
    pub special: Vec<u32>,
    /// Tokens that were cut off the task's texts, where `truncate` allowed it.
    pub truncated_tokens: usize,
}

impl From<ShownPrompt> for RenderedPrompt {
    fn from(ShownPrompt { text, tokens, special }: ShownPrompt) -> RenderedPrompt {
        RenderedPrompt { text, tokens, special, truncated_tokens: 0 }
    }
}

impl Judge<'_> {
    /// The prompts that [`Judge::score`] would use: one for each order of the rubric's levels.
    pub fn score_prompts(&self, task: &ScoreTask) -> Result<Vec<RenderedPrompt>> {
        let texts = Texts::new(&task.input, &[&task.response], &task.reference, &task.context)?;
        self.listing_prompts(&texts, &Listing::of_scale(&task.rubric)?)
    }

    /// The prompts that [`Judge::classify`] would use: one for each order of the rubric's labels.
    pub fn classify_prompts(&self, task: &ClassTask) -> Result<Vec<RenderedPrompt>> {
        let texts = Texts::new(&task.input, &[&task.response], &task.reference, &task.context)?;
        self.listing_prompts(&texts, &Listing::of_labels(&task.rubric)?)
    }

    /// The prompts that [`Judge::compare`] would use: one for each order of the responses; pointwise, one for each response.
    pub fn compare_prompts(&self, task: &CompareTask) -> Result<Vec<RenderedPrompt>> {
        check_criteria(&task.criteria)?;
        let responses = [task.response_a.as_str(), &task.response_b];
        let texts = Texts::new(&task.input, &responses, &task.reference, &task.context)?;
        if self.options.method(self.engine)? == Method::Pointwise {
            return self.pointwise_prompts(&texts, &task.criteria);
        }
        let reader = self.reader(Kind::Compare)?;
        let swapped = self.options.both_orders.then(|| texts.swapped());
        let orders = [Some(texts), swapped].into_iter().flatten();
        orders.map(|texts| reader.rendered(reader.comparison(&texts, &task.criteria)?)).collect()
    }

    fn listing_prompts(&self, texts: &Texts, listing: &Listing<'_>) -> Result<Vec<RenderedPrompt>> {
        let reader = self.reader(listing.kind)?;
        self.in_orders(&reader, texts, listing)?.into_iter().map(|prompt| reader.rendered(prompt)).collect()
    }
}

impl Reader<'_> {
    pub(super) fn rendered(
        &self,
        (messages, truncated_tokens): (Vec<Message>, usize),
    ) -> Result<RenderedPrompt> {
        let Template { reasoning_marker, result_marker, .. } = &self.template;
        let answer = match (&self.plan.budget, self.options.critique) {
            (Some(_), _) => "",
            (None, true) => reasoning_marker,
            (None, false) => result_marker,
        };
        let lead = self.engine.chat_lead(&messages, &self.plan.thoughts)?;
        let shown = self.engine.shown(lead.prompt(self.engine.tokenizer(), answer)?)?;
        Ok(RenderedPrompt { truncated_tokens, ..shown.into() })
    }
}
