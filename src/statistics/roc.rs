//! The area under the ROC curve.

use super::{mean, normal_quantile, ranks};

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Auroc {
    pub area: f64,
    /// DeLong's variance of it; `None` with fewer than two positive or two negative values.
    pub variance: Option<f64>,
}

/// The probability that a positive value is greater than a negative one, a tie counting half. Pairs are (value, whether it is
/// positive). `None` when either kind is missing,
/// or a value is no number.
///
/// The variance is that of DeLong, DeLong and Clarke-Pearson ("Comparing the areas under two or more correlated ROC curves",
/// 1988), from ranks (Sun and Xu, "Fast implementation of DeLong's algorithm", 2014).
pub fn auroc(pairs: &[(f64, bool)]) -> Option<Auroc> {
    let of = |positive: bool| -> Vec<f64> {
        pairs.iter().filter(|pair| pair.1 == positive).map(|pair| pair.0).collect()
    };
    let (positive, negative) = (of(true), of(false));
    let finite = pairs.iter().all(|pair| pair.0.is_finite());
    if !finite || positive.is_empty() || negative.is_empty() {
        return None;
    }
    let (m, n) = (positive.len() as f64, negative.len() as f64);
    let together = ranks(&[&positive[..], &negative[..]].concat());
    // The share of the negative values that each positive one is greater than, and the reverse.
    let above: Vec<f64> = ranks(&positive).iter().zip(&together).map(|(own, all)| (all - own) / n).collect();
    let below: Vec<f64> = ranks(&negative)
        .iter()
        .zip(&together[positive.len()..])
        .map(|(own, all)| 1.0 - (all - own) / m)
        .collect();
    let variance = match (variance(&above), variance(&below)) {
        (Some(above), Some(below)) => Some(above / m + below / n),
        _ => None,
    };
    Some(Auroc { area: mean(&above)?, variance })
}

impl Auroc {
    /// area ± z·√variance, within 0 and 1. `None` where the variance vanishes: two kinds that are wholly apart say nothing of how
    /// far others would be.
    pub fn interval(&self, confidence: f64) -> Option<[f64; 2]> {
        let variance = self.variance.filter(|variance| *variance > 0.0)?;
        let half = normal_quantile(f64::midpoint(1.0, confidence))? * variance.sqrt();
        Some([(self.area - half).max(0.0), (self.area + half).min(1.0)])
    }
}

/// Of a population that the values were drawn from: the divisor is n − 1.
fn variance(values: &[f64]) -> Option<f64> {
    let mean = mean(values)?;
    let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    (values.len() > 1).then(|| squares / (values.len() - 1) as f64)
}
