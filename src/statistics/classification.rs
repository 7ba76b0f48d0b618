//! Figures of answers against the truth. Pairs are (truth, answer), each the index of a label.

use super::mean;

/// `table[t][a]`: pairs of truth t and answer a.
pub fn confusion(pairs: &[(usize, usize)], labels: usize) -> Vec<Vec<usize>> {
    let mut table = vec![vec![0; labels]; labels];
    for &(truth, answer) in pairs {
        table[truth][answer] += 1;
    }
    table
}

/// How often a label was true, answered, and both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub truth: usize,
    pub answers: usize,
    pub hits: usize,
}

impl Counts {
    /// The share of the answers that are true; `None` where there are none.
    pub fn precision(&self) -> Option<f64> {
        share(self.hits, self.answers)
    }

    /// The share of the truth that was answered; `None` where there is none.
    pub fn recall(&self) -> Option<f64> {
        share(self.hits, self.truth)
    }

    /// The harmonic mean of both, 2·hits ⁄ (truth + answers); `None` where the label never occurs.
    pub fn f1(&self) -> Option<f64> {
        share(2 * self.hits, self.truth + self.answers)
    }
}

/// Those of each label.
pub fn counts(pairs: &[(usize, usize)], labels: usize) -> Vec<Counts> {
    let mut counts = vec![Counts::default(); labels];
    for &(truth, answer) in pairs {
        counts[truth].truth += 1;
        counts[answer].answers += 1;
        counts[truth].hits += usize::from(truth == answer);
    }
    counts
}

/// The share of the pairs that are alike; `None` without any.
pub fn accuracy(pairs: &[(usize, usize)]) -> Option<f64> {
    share(pairs.iter().filter(|pair| pair.0 == pair.1).count(), pairs.len())
}

/// The mean of the recalls of those labels that are true somewhere; `None` without pairs.
pub fn balanced_accuracy(pairs: &[(usize, usize)], labels: usize) -> Option<f64> {
    mean_of(pairs, labels, Counts::recall)
}

/// The mean of the F1 of those labels that occur; `None` without pairs.
pub fn macro_f1(pairs: &[(usize, usize)], labels: usize) -> Option<f64> {
    mean_of(pairs, labels, Counts::f1)
}

fn mean_of(pairs: &[(usize, usize)], labels: usize, of: fn(&Counts) -> Option<f64>) -> Option<f64> {
    mean(&counts(pairs, labels).iter().filter_map(of).collect::<Vec<f64>>())
}

fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
