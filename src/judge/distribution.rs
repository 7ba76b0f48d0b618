//! The probability of each label as the next text, from full-vocabulary softmaxes.

use crate::engine::{Engine, Sequence};
use crate::{Control, Error, Result};
use std::collections::BTreeMap;

/// p(label) for each label, in the order given. The rest of the probability lies outside the labels.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LabelProbabilities {
    pub probabilities: Vec<f64>,
    pub outside: f64,
    /// Tokens of the prompt that were cached.
    pub cached_tokens: usize,
}

/// One way to write a label behind the prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LabelPath {
    pub label: usize,
    pub tokens: Vec<u32>,
}

/// Where a token path stands in the trie of all labels.
#[derive(Default)]
struct Node {
    children: BTreeMap<u32, Node>,
    /// The label that ends here.
    label: Option<usize>,
}

/// A path with less than this share of the probability found so far is pruned, and counts as outside the labels. A
/// share and not a bound, because a model may find all labels unlikely.
const NEGLIGIBLE: f64 = 1e-9;

/// The probability of a path is the product along its tokens; that of a label, the sum of its paths. Where one label
/// begins another ("1" and "10"), the shorter one has the probability that does not go on to the longer.
pub(super) async fn label_probabilities(
    engine: &Engine,
    sequence: &mut Sequence,
    prompt: &[u32],
    paths: &[LabelPath],
    labels: usize,
    control: &dyn Control,
) -> Result<LabelProbabilities> {
    let root = trie(paths)?;
    let mut probabilities = vec![0.0; labels];
    let mut cached_tokens = None;
    // Each entry: a node, the tokens that lead to it, the probability of getting there.
    let mut open = vec![(&root, prompt.to_vec(), 1.0)];
    while let Some((node, tokens, mass)) = open.pop() {
        // Its continuations are negligible, and would cost a step.
        if mass < NEGLIGIBLE * probabilities.iter().sum::<f64>() {
            continue;
        }
        let ids: Vec<u32> = node.children.keys().copied().collect();
        let (logprobs, cached) = engine.gather(sequence, &tokens, &ids, control).await?;
        cached_tokens.get_or_insert(cached);
        let mut going_on = 0.0;
        let mut next = Vec::new();
        for ((token, child), logprob) in node.children.iter().zip(logprobs) {
            let p = f64::from(logprob).exp();
            going_on += p;
            match child.label {
                Some(label) if child.children.is_empty() => probabilities[label] += mass * p,
                _ => next.push((child, [&tokens[..], &[*token]].concat(), mass * p)),
            }
        }
        // The likeliest path is followed first: the more probability is found, the more paths can be pruned.
        next.sort_by(|a: &(_, _, f64), b| a.2.total_cmp(&b.2));
        open.append(&mut next);
        if let Some(label) = node.label {
            probabilities[label] += mass * (1.0 - going_on).max(0.0);
        }
    }
    let outside = (1.0 - probabilities.iter().sum::<f64>()).max(0.0);
    Ok(LabelProbabilities { probabilities, outside, cached_tokens: cached_tokens.unwrap_or(0) })
}

/// All paths as one tree: what two ways of writing have in common is computed, and counted, once.
fn trie(paths: &[LabelPath]) -> Result<Node> {
    let mut root = Node::default();
    for path in paths {
        let end = path.tokens.iter().fold(&mut root, |node, token| node.children.entry(*token).or_default());
        if end.label.replace(path.label).is_some_and(|label| label != path.label) {
            return Err(Error::InvalidArgument("two labels have the same tokens: make them differ".into()));
        }
    }
    Ok(root)
}
