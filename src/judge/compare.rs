//! Pairwise preference, judged in both orders of the responses.

use super::Judge;
use super::field;
use super::options::{Kind, Method};
use super::reading::Reader;
use super::serialize::is_zero;
use super::suspicion::{Warning, warnings};
use super::task::CompareTask;
use super::texts::Texts;
use super::verdict::{Reliability, Tally, sum, timing};
use crate::engine::{Timing, Usage, milliseconds};
use crate::tokenizer::Message;
use crate::{Error, Result};
use futures::future::{try_join, try_join_all};
use serde::{Deserialize, Serialize};
use web_time::Instant;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Winner {
    A,
    B,
    Tie,
}

impl Winner {
    /// As JSON has it.
    pub fn name(self) -> &'static str {
        match self {
            Winner::A => "a",
            Winner::B => "b",
            Winner::Tie => "tie",
        }
    }
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PreferenceVerdict {
    pub method: Method,
    pub winner: Winner,
    /// The probability that A is the better one, out of A and B: the mean over the orders.
    pub probability_a: f64,
    /// Whether both orders name the same winner; `None` where only one was judged.
    pub consistent: Option<bool>,
    /// The order given, then the reverse. Pointwise: the reading of A, then that of B, with one probability for both.
    pub orders: Vec<OrderVerdict>,
    /// The mean probability of everything that is neither.
    pub outside: f64,
    /// Thought and critique of the first order that agrees with the winner; pointwise, those of the winner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thinking: Option<String>,
    pub critique: Option<String>,
    /// What to know about the texts that were judged.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
    /// Tokens that were cut off the task's texts, where `truncate` allowed it.
    #[serde(skip_serializing_if = "is_zero")]
    pub truncated_tokens: usize,
    pub usage: Usage,
    pub timing: Timing,
}

/// The verdict on one order of the responses.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderVerdict {
    /// Which of the responses stood first and was called "Response A" in the prompt and in the critique.
    pub first: Winner,
    pub winner: Winner,
    pub probability_a: f64,
    /// Pointwise: the probability that the response is good, out of good and poor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub good: Option<f64>,
    pub outside: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thinking: Option<String>,
    pub critique: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reliability: Option<Reliability>,
}

impl Judge<'_> {
    /// Says which of two responses is better. Swapping them gives exactly the mirrored verdict.
    pub async fn compare(&self, task: &CompareTask) -> Result<PreferenceVerdict> {
        let responses = [task.response_a.as_str(), &task.response_b];
        let texts = Texts::new(&task.input, &responses, &task.reference, &task.context)?;
        self.compare_texts(&texts, &task.criteria, 0).await
    }

    pub(super) async fn compare_texts(
        &self,
        texts: &Texts,
        criteria: &str,
        stream: usize,
    ) -> Result<PreferenceVerdict> {
        let start = Instant::now();
        check_criteria(criteria)?;
        if self.options.method(self.engine)? == Method::Pointwise {
            return self.compare_pointwise(texts, criteria, stream).await;
        }
        let reader = self.reader(Kind::Compare)?;
        let given = self.in_order(&reader, texts, criteria, Some(stream));
        let swapped_texts = texts.swapped();
        let ((first, cut), second) = match self.options.both_orders {
            true => {
                let (first, second) =
                    try_join(given, self.in_order(&reader, &swapped_texts, criteria, None)).await?;
                (first, Some(second))
            }
            false => (given.await?, None),
        };
        let truncated_tokens = cut.max(second.as_ref().map_or(0, |second| second.1));
        let tallies: Vec<Tally> = [first].into_iter().chain(second.map(|second| second.0)).collect();
        let warnings = warnings(&reader.template, texts);
        Ok(PreferenceVerdict { warnings, ..self.preference(tallies, truncated_tokens, milliseconds(start)) })
    }

    async fn in_order(
        &self,
        reader: &Reader<'_>,
        texts: &Texts,
        criteria: &str,
        stream: Option<usize>,
    ) -> Result<(Tally, usize)> {
        let labels = LABELS.map(String::from);
        let (messages, cut) = reader.comparison(texts, criteria)?;
        Ok((reader.sampled(&messages, &labels, stream).await?, cut))
    }

    /// `tallies` hold the order given and, where it was judged, the reverse.
    fn preference(&self, tallies: Vec<Tally>, truncated_tokens: usize, total_ms: f64) -> PreferenceVerdict {
        let count = tallies.len() as f64;
        let usage = sum(tallies.iter().map(|tally| tally.usage));
        let decode_ms = tallies.iter().map(|tally| tally.decode_ms).fold(0.0, f64::max);
        let outside = tallies.iter().map(|tally| tally.outside).sum::<f64>() / count;
        // Both are summed, so that swapping the responses swaps the two numbers and no rounding comes between.
        let (mut for_a, mut for_b) = (0.0, 0.0);
        let mut orders = Vec::new();
        for (tally, first) in tallies.into_iter().zip([Winner::A, Winner::B]) {
            let (one, other) = (tally.distribution[0], tally.distribution[1]);
            let (a, b) = if first == Winner::A { (one, other) } else { (other, one) };
            for_a += a / (a + b);
            for_b += b / (a + b);
            orders.push(OrderVerdict {
                first,
                winner: better(a, b),
                probability_a: a / (a + b),
                good: None,
                outside: tally.outside,
                thinking: tally.thinking,
                critique: tally.critique,
                reliability: tally.reliability,
            });
        }
        let consistent = match &orders[..] {
            [one, other] => Some(one.winner == other.winner),
            _ => None,
        };
        let winner = match consistent {
            Some(false) if self.options.ties => Winner::Tie,
            _ => better(for_a, for_b),
        };
        let agreeing = orders.iter().find(|order| order.winner == winner).or(orders.first());
        PreferenceVerdict {
            method: Method::Pairwise,
            winner,
            probability_a: for_a / count,
            consistent,
            thinking: agreeing.and_then(|order| order.thinking.clone()),
            critique: agreeing.and_then(|order| order.critique.clone()),
            orders,
            outside,
            warnings: Vec::new(),
            truncated_tokens,
            usage,
            timing: timing(total_ms, decode_ms),
        }
    }
}

/// What the responses are called in a prompt.
const LABELS: [&str; 2] = ["A", "B"];

impl Reader<'_> {
    /// Reads one prompt as often as there are samples. The text of the first can be heard.
    pub async fn sampled(
        &self,
        messages: &[Message],
        labels: &[String],
        stream: Option<usize>,
    ) -> Result<Tally> {
        let samples = (0..self.options.samples)
            .map(|sample| self.read(messages, labels, sample, stream.filter(|_| sample == 0)));
        Ok(Tally::of(labels, try_join_all(samples).await?))
    }

    /// The conversation about two responses in the order of `texts`, with the tokens that were cut off it.
    pub fn comparison(&self, texts: &Texts, criteria: &str) -> Result<(Vec<Message>, usize)> {
        let rubric = field::of_objective(criteria);
        self.fit(texts, &LABELS.map(String::from), |texts| self.messages(texts, &rubric))
    }
}

pub(super) fn check_criteria(criteria: &str) -> Result<()> {
    match criteria.trim().is_empty() {
        true => Err(Error::InvalidArgument(
            "`criteria` is empty: say what makes a response the better one".into(),
        )),
        false => Ok(()),
    }
}

/// Whoever has more; a tie only where both have exactly the same, as two equal responses in both orders.
pub(super) fn better(a: f64, b: f64) -> Winner {
    match a.total_cmp(&b) {
        std::cmp::Ordering::Greater => Winner::A,
        std::cmp::Ordering::Less => Winner::B,
        std::cmp::Ordering::Equal => Winner::Tie,
    }
}
