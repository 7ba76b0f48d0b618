//! Absolute scores and classes: one response under a rubric.

use super::Judge;
use super::defence;
use super::field::{self, Described, Field};
use super::level::Level;
use super::options::Kind;
use super::reading::Reader;
use super::rubric::{ClassRubric, ScoreRubric};
use super::serialize::{as_object, is_zero};
use super::suspicion::{Warning, warnings};
use super::task::{ClassManyTask, ClassTask, ScoreManyTask, ScoreTask};
use super::texts::Texts;
use super::verdict::{Reliability, Tally, timing};
use crate::engine::{Timing, Usage, milliseconds};
use crate::statistics::shuffle;
use crate::tokenizer::Message;
use crate::{Error, Result};
use futures::future::try_join_all;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::Serialize;
use web_time::Instant;

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScoreVerdict {
    /// The likeliest score; of several readings, the one that most of them chose.
    pub score: Level,
    /// Σ p·s over the scale, p normalized to the scale.
    pub expected: f64,
    /// The probability of each score, from the full vocabulary's softmax at the verdict's position.
    #[serde(serialize_with = "as_object")]
    pub distribution: Vec<(Level, f64)>,
    /// The probability that lies outside the scale.
    pub outside: f64,
    /// What was thought before the critique, where the judge thinks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thinking: Option<String>,
    pub critique: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reliability: Option<Reliability>,
    /// What to know about the texts that were judged.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
    /// Tokens that were cut off the task's texts, where `truncate` allowed it.
    #[serde(skip_serializing_if = "is_zero")]
    pub truncated_tokens: usize,
    pub usage: Usage,
    pub timing: Timing,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClassVerdict {
    /// The likeliest label; of several readings, the one that most of them chose.
    pub label: String,
    /// The probability of each label, from the full vocabulary's softmax at the verdict's position.
    #[serde(serialize_with = "as_object")]
    pub distribution: Vec<(String, f64)>,
    /// The probability that is no label's.
    pub outside: f64,
    /// What was thought before the critique, where the judge thinks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thinking: Option<String>,
    pub critique: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reliability: Option<Reliability>,
    /// What to know about the texts that were judged.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
    /// Tokens that were cut off the task's texts, where `truncate` allowed it.
    #[serde(skip_serializing_if = "is_zero")]
    pub truncated_tokens: usize,
    pub usage: Usage,
    pub timing: Timing,
}

/// Rubrics over one response in one call.
const MAX_RUBRICS: usize = 256;

impl Judge<'_> {
    /// Gives a response a place on a scale.
    pub async fn score(&self, task: &ScoreTask) -> Result<ScoreVerdict> {
        let texts = Texts::new(&task.input, &[&task.response], &task.reference, &task.context)?;
        self.score_texts(&texts, &task.rubric, 0).await
    }

    /// Scores one response under several rubrics: what their prompts share is computed once. Streams are numbered as
    /// the rubrics are.
    pub async fn score_many(&self, task: &ScoreManyTask) -> Result<Vec<ScoreVerdict>> {
        let texts = Texts::new(&task.input, &[&task.response], &task.reference, &task.context)?;
        check_rubrics(task.rubrics.len())?;
        let verdicts = task.rubrics.iter().enumerate();
        try_join_all(verdicts.map(|(i, rubric)| self.score_texts(&texts, rubric, i))).await
    }

    /// Gives a response one of several labels.
    pub async fn classify(&self, task: &ClassTask) -> Result<ClassVerdict> {
        let texts = Texts::new(&task.input, &[&task.response], &task.reference, &task.context)?;
        self.classify_texts(&texts, &task.rubric, 0).await
    }

    /// Classifies one response under several rubrics, as [`Judge::score_many`] does.
    pub async fn classify_many(&self, task: &ClassManyTask) -> Result<Vec<ClassVerdict>> {
        let texts = Texts::new(&task.input, &[&task.response], &task.reference, &task.context)?;
        check_rubrics(task.rubrics.len())?;
        let verdicts = task.rubrics.iter().enumerate();
        try_join_all(verdicts.map(|(i, rubric)| self.classify_texts(&texts, rubric, i))).await
    }

    async fn score_texts(&self, texts: &Texts, rubric: &ScoreRubric, stream: usize) -> Result<ScoreVerdict> {
        let start = Instant::now();
        let levels = rubric.levels()?;
        let listing = Listing::of_scale(rubric)?;
        let (tally, truncated_tokens, warnings) = self.tally(texts, &listing, stream).await?;
        let inside: f64 = tally.distribution.iter().sum();
        let scores = || levels.iter().map(|level| level.0);
        let weighted = scores().zip(&tally.distribution).map(|(score, p)| score.value() * p).sum::<f64>();
        Ok(ScoreVerdict {
            score: levels[tally.winner].0,
            expected: weighted / inside,
            distribution: scores().zip(tally.distribution.iter().copied()).collect(),
            outside: tally.outside,
            thinking: tally.thinking,
            critique: tally.critique,
            reliability: tally.reliability,
            warnings,
            truncated_tokens,
            usage: tally.usage,
            timing: timing(milliseconds(start), tally.decode_ms),
        })
    }

    async fn classify_texts(
        &self,
        texts: &Texts,
        rubric: &ClassRubric,
        stream: usize,
    ) -> Result<ClassVerdict> {
        let start = Instant::now();
        let listing = Listing::of_labels(rubric)?;
        let (tally, truncated_tokens, warnings) = self.tally(texts, &listing, stream).await?;
        let labels = listing.names();
        Ok(ClassVerdict {
            label: labels[tally.winner].clone(),
            distribution: tally.named(&labels),
            outside: tally.outside,
            thinking: tally.thinking,
            critique: tally.critique,
            reliability: tally.reliability,
            warnings,
            truncated_tokens,
            usage: tally.usage,
            timing: timing(milliseconds(start), tally.decode_ms),
        })
    }

    /// Reads the verdict as often as the options say. Returns the tokens that were cut off as well, and what to know of the texts.
    async fn tally(
        &self,
        texts: &Texts,
        listing: &Listing<'_>,
        stream: usize,
    ) -> Result<(Tally, usize, Vec<Warning>)> {
        let reader = self.reader(listing.kind)?;
        let labels = &listing.names();
        let prompts = self.in_orders(&reader, texts, listing)?;
        let readings = prompts
            .iter()
            .flat_map(|(messages, _)| (0..self.options.samples).map(move |sample| (messages, sample)));
        let readings = readings.enumerate().map(|(i, (messages, sample))| {
            // One text at a time can be read; that of the others is in the report.
            reader.read(messages, labels, sample, (i == 0).then_some(stream))
        });
        let truncated = prompts.iter().map(|prompt| prompt.1).max().unwrap_or(0);
        let tally = Tally::of(labels, try_join_all(readings).await?);
        Ok((tally, truncated, warnings(&reader.template, texts)))
    }

    /// The conversations about `texts`, one for each order of the rubric, each with the tokens that were cut off it.
    pub(super) fn in_orders(
        &self,
        reader: &Reader<'_>,
        texts: &Texts,
        listing: &Listing<'_>,
    ) -> Result<Vec<(Vec<Message>, usize)>> {
        let orders = orders(listing.labels.len(), self.options.rubric_orders, self.options.seed);
        if orders.len() > 1
            && !["rubric_levels", "rubric_labels", "rubric"].iter().any(|n| reader.template.mentions(n))
        {
            return Err(Error::InvalidArgument(
                "`rubricOrders` above 1 needs a template that lists the rubric by {rubric_levels}, {rubric_labels} or {rubric}".into(),
            ));
        }
        let labels = listing.names();
        let conversation = |order: &Vec<usize>| {
            let rubric = listing.fields(order);
            reader.fit(texts, &labels, |texts| reader.messages(texts, &rubric))
        };
        orders.iter().map(conversation).collect()
    }
}

/// A rubric's levels or labels, each with its description.
pub(super) struct Listing<'a> {
    pub kind: Kind,
    objective: &'a str,
    labels: Vec<Described<'a>>,
}

impl<'a> Listing<'a> {
    pub fn of_scale(rubric: &'a ScoreRubric) -> Result<Listing<'a>> {
        let levels = rubric.levels()?.into_iter().map(|(score, text)| (score.to_string(), text));
        Ok(Listing::new(Kind::Score, &rubric.objective, levels))
    }

    pub fn of_labels(rubric: &'a ClassRubric) -> Result<Listing<'a>> {
        let labels = rubric.checked()?.iter().map(|(name, text)| (name.clone(), text.as_str()));
        Ok(Listing::new(Kind::Class, &rubric.objective, labels))
    }

    pub fn new(
        kind: Kind,
        objective: &'a str,
        labels: impl Iterator<Item = (String, &'a str)>,
    ) -> Listing<'a> {
        let labels =
            labels.enumerate().map(|(index, (name, description))| Described { index, name, description });
        Listing { kind, objective, labels: labels.collect() }
    }

    pub fn names(&self) -> Vec<String> {
        self.labels.iter().map(|label| label.name.clone()).collect()
    }

    /// The rubric as a template sees it, its labels listed in the given order.
    fn fields(&self, order: &[usize]) -> Vec<Field<'a>> {
        let labels: Vec<Described> = order.iter().map(|&i| self.labels[i].clone()).collect();
        match self.kind {
            Kind::Class => field::of_labels(self.objective, &labels),
            _ => field::of_scale(self.objective, &labels),
        }
    }
}

impl Reader<'_> {
    /// The conversation about `texts` under a rubric.
    pub fn messages(&self, texts: &Texts, rubric: &[Field]) -> Result<Vec<Message>> {
        let defences = &self.options.defences;
        let texts = defence::marked(defences, texts);
        let texts = field::of_texts(&texts, self.template.mentions("context"));
        Ok(defence::reminded(defences, self.template.render(&texts, rubric)?))
    }
}

fn check_rubrics(count: usize) -> Result<()> {
    match count {
        1..=MAX_RUBRICS => Ok(()),
        _ => Err(Error::InvalidArgument(format!("`rubrics` holds {count}; it needs 1 to {MAX_RUBRICS}"))),
    }
}

/// `count` orders of `len` things: as they are, reversed, then random ones; no two alike as long as there are others.
fn orders(len: usize, count: usize, seed: u64) -> Vec<Vec<usize>> {
    let mut orders: Vec<Vec<usize>> = vec![(0..len).collect()];
    if count > 1 {
        orders.push((0..len).rev().collect());
    }
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let different = (1..=len).try_fold(1usize, |product, i| product.checked_mul(i)).unwrap_or(usize::MAX);
    while orders.len() < count.min(different) {
        let mut order: Vec<usize> = (0..len).collect();
        shuffle(&mut random, &mut order);
        if !orders.contains(&order) {
            orders.push(order);
        }
    }
    orders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_differ() {
        assert_eq!(orders(3, 1, 0), [[0, 1, 2]]);
        assert_eq!(orders(3, 2, 0), [[0, 1, 2], [2, 1, 0]]);
        let all = orders(3, 100, 7);
        assert_eq!(all.len(), 6);
        assert_eq!(orders(5, 4, 7), orders(5, 4, 7));
        assert_ne!(orders(5, 4, 7), orders(5, 4, 8));
    }
}
