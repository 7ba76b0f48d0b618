//! A comparison by two readings of one response each.
//!
//! Each response is classified as good or poor by the criteria, and p(A) = σ(u − v), where u and v are the log odds of "Good"
//! over "Poor" of A and of B: Bradley and Terry's model with the log odds as strengths. A judge that names one of two responses
//! in one prompt may prefer a place; here there is none.

use super::Judge;
use super::compare::{OrderVerdict, PreferenceVerdict, Winner, better};
use super::options::{Kind, Method};
use super::prompt::RenderedPrompt;
use super::reading::Reader;
use super::score::Listing;
use super::suspicion::warnings;
use super::texts::Texts;
use super::verdict::{Tally, sum, timing};
use crate::Result;
use crate::engine::milliseconds;
use futures::future::try_join;
use web_time::Instant;

/// What a response may be called, with the description of each.
const LABELS: [(&str, &str); 2] = [
    ("Good", "By this, the response is better than most others would be."),
    ("Poor", "By this, most others would be better."),
];

impl Judge<'_> {
    pub(super) async fn compare_pointwise(
        &self,
        texts: &Texts,
        criteria: &str,
        stream: usize,
    ) -> Result<PreferenceVerdict> {
        let start = Instant::now();
        let reader = self.reader(Kind::Class)?;
        let (a, b) = (texts.only(0), texts.only(1));
        let readings = try_join(
            self.alone(&reader, &a, criteria, Some(stream)),
            self.alone(&reader, &b, criteria, None),
        );
        let ((of_a, cut), (of_b, other_cut)) = readings.await?;
        let (u, v) = (log_odds(&of_a), log_odds(&of_b));
        let probability_a = 1.0 / (1.0 + (v - u).exp());
        let winner = better(u, v);
        let outside = (of_a.outside + of_b.outside) / 2.0;
        let usage = sum([of_a.usage, of_b.usage].into_iter());
        let decode_ms = of_a.decode_ms.max(of_b.decode_ms);
        let order = |first, tally: Tally| OrderVerdict {
            first,
            winner,
            probability_a,
            good: Some(tally.distribution[0] / (tally.distribution[0] + tally.distribution[1])),
            outside: tally.outside,
            thinking: tally.thinking,
            critique: tally.critique,
            reliability: tally.reliability,
        };
        let orders = vec![order(Winner::A, of_a), order(Winner::B, of_b)];
        let best = &orders[usize::from(winner == Winner::B)];
        Ok(PreferenceVerdict {
            method: Method::Pointwise,
            winner,
            probability_a,
            consistent: Some(true),
            thinking: best.thinking.clone(),
            critique: best.critique.clone(),
            outside,
            warnings: warnings(&reader.template, texts),
            truncated_tokens: cut.max(other_cut),
            usage,
            timing: timing(milliseconds(start), decode_ms),
            orders,
        })
    }

    /// Reads one response, as often as there are samples.
    async fn alone(
        &self,
        reader: &Reader<'_>,
        texts: &Texts,
        criteria: &str,
        stream: Option<usize>,
    ) -> Result<(Tally, usize)> {
        let listing = listing(criteria);
        let labels = listing.names();
        let (messages, cut) = self.in_orders(reader, texts, &listing)?.remove(0);
        Ok((reader.sampled(&messages, &labels, stream).await?, cut))
    }

    /// The prompts about A and about B.
    pub(super) fn pointwise_prompts(&self, texts: &Texts, criteria: &str) -> Result<Vec<RenderedPrompt>> {
        let reader = self.reader(Kind::Class)?;
        let prompt = |response| {
            let prompt = self.in_orders(&reader, &texts.only(response), &listing(criteria))?.remove(0);
            reader.rendered(prompt)
        };
        [0, 1].into_iter().map(prompt).collect()
    }
}

fn listing(criteria: &str) -> Listing<'_> {
    let labels = LABELS.into_iter().map(|(name, description)| (name.to_string(), description));
    Listing::new(Kind::Class, criteria, labels)
}

fn log_odds(tally: &Tally) -> f64 {
    // A probability may be rounded to nothing.
    let log = |p: f64| p.max(f64::MIN_POSITIVE).ln();
    log(tally.distribution[0]) - log(tally.distribution[1])
}
