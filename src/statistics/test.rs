//! Tests of whether two judges differ.

use super::interval::normal_cdf;
use super::standard_deviation;
use statrs::distribution::{Binomial, DiscreteCDF};

/// McNemar's test, exact: the probability that of the rows on which just one of two judges is right, they are shared out as
/// unevenly if each judge is as likely. 1 where there are no such rows.
pub fn mcnemar(first_only: u64, second_only: u64) -> Option<f64> {
    let flips = first_only.checked_add(second_only)?;
    let binomial = Binomial::new(0.5, flips).ok()?;
    Some((2.0 * binomial.cdf(first_only.min(second_only))).min(1.0))
}

/// Two-sided p of a difference that is 0 in truth: the share of its resamples that lie as far from it as it lies from 0, it
/// being one of them (Davison and Hinkley, "Bootstrap methods and their application", 1997, section 4.4). Where none lies as
/// far, the number of resamples would be the only bound: then it is the tail of a normal distribution as wide as theirs.
pub fn bootstrap_p(difference: f64, resamples: &[f64]) -> f64 {
    let as_far = resamples.iter().filter(|v| (*v - difference).abs() >= difference.abs()).count();
    let share = (as_far + 1) as f64 / (resamples.len() + 1) as f64;
    match standard_deviation(resamples) {
        Some(width) if as_far == 0 => share.min(2.0 * normal_cdf(-difference.abs() / width)),
        _ => share,
    }
}

/// p values, corrected for their number, in the order given: no more than `level` of families of true hypotheses have one
/// below it (Holm, "A simple sequentially rejective multiple test procedure", 1979).
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let mut corrected = vec![0.0; p.len()];
    let mut largest: f64 = 0.0;
    for (rank, &i) in order.iter().enumerate() {
        largest = largest.max(p[i] * (p.len() - rank) as f64).min(1.0);
        corrected[i] = largest;
    }
    corrected
}
