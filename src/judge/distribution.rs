//! The probability of each label as the next text, from full-vocabulary softmaxes.

use crate::engine::{Engine, Sequence};
use crate::{Control, Error, Result};
use std::collections::BTreeMap;

/// p(label) for each label, in the order given. What is missing to 1 lies outside the labels.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelProbabilities {
    pub probabilities: Vec<f64>,
    pub outside: f64,
    /// Tokens computed for it, and those that were cached.
    pub prompt_tokens: usize,
    pub cached_tokens: usize,
}

/// Where a token path stands in the trie of all labels.
#[derive(Default)]
struct Node {
    children: BTreeMap<u32, Node>,
    /// The label that ends here.
    label: Option<usize>,
}

/// `labels[i]` are the tokens of the whole prompt with label `i` at its end. What all of them begin with is the
/// prompt; the rest of each is its path, whose probability is the product along its tokens. A label whose path goes on
/// as another's ("1" and "10") has the mass that does not go on.
pub(super) async fn label_probabilities(
    engine: &Engine,
    sequence: &mut Sequence,
    labels: &[Vec<u32>],
    control: &dyn Control,
) -> Result<LabelProbabilities> {
    let first = labels.first().ok_or_else(|| Error::Internal("no labels".into()))?;
    let shared =
        labels.iter().map(|l| l.iter().zip(first).take_while(|(a, b)| a == b).count()).min().unwrap_or(0);
    let mut root = Node::default();
    for (i, label) in labels.iter().enumerate() {
        let end =
            label[shared..].iter().fold(&mut root, |node, token| node.children.entry(*token).or_default());
        if end.label.replace(i).is_some() {
            return Err(Error::InvalidArgument("two labels have the same tokens: make them differ".into()));
        }
    }
    let mut probabilities = vec![0.0; labels.len()];
    let mut usage = None;
    // Each entry: a node, the tokens that lead to it, the probability of getting there.
    let mut open = vec![(&root, first[..shared].to_vec(), 1.0)];
    while let Some((node, tokens, mass)) = open.pop() {
        let ids: Vec<u32> = node.children.keys().copied().collect();
        let (logprobs, cached) = engine.gather(sequence, &tokens, &ids, control).await?;
        usage.get_or_insert((tokens.len(), cached));
        let mut going_on = 0.0;
        for ((token, child), logprob) in node.children.iter().zip(logprobs) {
            let p = f64::from(logprob).exp();
            going_on += p;
            match child.label {
                Some(label) if child.children.is_empty() => probabilities[label] = mass * p,
                _ => open.push((child, [&tokens[..], &[*token]].concat(), mass * p)),
            }
        }
        if let Some(label) = node.label {
            probabilities[label] = mass * (1.0 - going_on).max(0.0);
        }
    }
    let outside = (1.0 - probabilities.iter().sum::<f64>()).max(0.0);
    let (prompt_tokens, cached_tokens) = usage.unwrap_or_default();
    Ok(LabelProbabilities { probabilities, outside, prompt_tokens, cached_tokens })
}
