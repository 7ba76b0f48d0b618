//! Several responses to one input: the best of them, and those that are worth going on with.

use super::task::{RewardOptions, RewardTask, RewardVerdict};
use super::{RewardModel, Trace};
use crate::{Control, Result};
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};

/// Responses to the same input.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RewardManyTask {
    pub input: String,
    pub responses: Vec<String>,
}

/// Responses by their rewards.
#[derive(Debug, Clone, Serialize)]
pub struct Reranking {
    /// The responses' numbers, the best first; of equal ones the earlier first.
    pub order: Vec<usize>,
    /// In the order of the responses.
    pub rewards: Vec<RewardVerdict>,
}

/// Responses without those whose Q falls: samples that are not worth finishing.
#[derive(Debug, Clone, Serialize)]
pub struct Filtering {
    #[serde(flatten)]
    pub kept: Kept,
    /// In the order of the responses.
    pub rewards: Vec<RewardVerdict>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Kept {
    /// The numbers of the responses that never fall; of all, where every one does.
    pub kept: Vec<usize>,
    /// Of all responses.
    pub tokens: usize,
    /// Of the responses that fall, those from the fall on: what would not have been written.
    pub saved_tokens: usize,
}

impl RewardModel {
    /// Best of N.
    pub async fn rerank(
        &self,
        task: &RewardManyTask,
        options: &RewardOptions,
        control: &dyn Control,
    ) -> Result<Reranking> {
        let rewards = self.rewards(task, options, control).await?;
        Ok(Reranking { order: order(&rewards), rewards })
    }

    /// Keeps the responses whose Q never is below `options.threshold`, as the paper filters a majority vote.
    pub async fn filter(
        &self,
        task: &RewardManyTask,
        options: &RewardOptions,
        control: &dyn Control,
    ) -> Result<Filtering> {
        let rewards = self.rewards(task, options, control).await?;
        let kept = Kept::of(rewards.iter().map(|verdict| &verdict.trace));
        Ok(Filtering { kept, rewards })
    }

    /// Of all responses, computed together: they share what the input costs.
    pub async fn rewards(
        &self,
        RewardManyTask { input, responses }: &RewardManyTask,
        options: &RewardOptions,
        control: &dyn Control,
    ) -> Result<Vec<RewardVerdict>> {
        let one = |response: &String| {
            let task = RewardTask { input: input.clone(), response: response.clone() };
            async move { self.reward(&task, options, control).await }
        };
        try_join_all(responses.iter().map(one)).await
    }
}

/// The responses' numbers, the best first.
pub fn order(rewards: &[RewardVerdict]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..rewards.len()).collect();
    order.sort_by(|a, b| rewards[*b].reward.total_cmp(&rewards[*a].reward));
    order
}

impl Kept {
    pub fn of<'a>(traces: impl IntoIterator<Item = &'a Trace>) -> Kept {
        let (mut all, mut kept, mut tokens, mut saved_tokens) = (Vec::new(), Vec::new(), 0, 0);
        for (i, trace) in traces.into_iter().enumerate() {
            all.push(i);
            tokens += trace.q.len();
            match trace.fall {
                Some(at) => saved_tokens += trace.q.len() - at,
                None => kept.push(i),
            }
        }
        Kept { kept: if kept.is_empty() { all } else { kept }, tokens, saved_tokens }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_falls_is_left_out_unless_all_fall() {
        let trace = |q: &[f32]| Trace::new(q.to_vec(), 1, 0.0);
        let (well, badly, late) =
            (trace(&[-1.0, 0.2, 0.1]), trace(&[0.5, -0.1, 0.3, 0.4]), trace(&[0.5, 0.5, -0.1]));
        let kept = |traces: &[&Trace]| {
            let Kept { kept, tokens, saved_tokens } = Kept::of(traces.iter().copied());
            (kept, tokens, saved_tokens)
        };
        assert_eq!(kept(&[&well, &badly, &late]), (vec![0], 10, 3 + 1));
        assert_eq!(kept(&[&badly, &late]), (vec![0, 1], 7, 4));
        assert_eq!(kept(&[]), (vec![], 0, 0));
    }
}
