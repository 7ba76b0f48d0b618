//! Intervals that have a formula, and how many labels make them narrow.

use statrs::distribution::{ContinuousCDF, Normal};

/// Φ⁻¹. `None` outside of 0 to 1, both of which are infinitely far away.
pub fn normal_quantile(p: f64) -> Option<f64> {
    (p > 0.0 && p < 1.0).then(|| Normal::standard().inverse_cdf(p))
}

/// Φ.
pub(super) fn normal_cdf(z: f64) -> f64 {
    Normal::standard().cdf(z)
}

/// Wilson's interval of a share ("Probable inference, the law of succession, and statistical inference", 1927). It has a width
/// even where the share is 0 or 1. `None` for a share of nothing.
pub fn wilson(hits: usize, of: usize, confidence: f64) -> Option<[f64; 2]> {
    let z = normal_quantile(f64::midpoint(1.0, confidence))?;
    let n = of as f64;
    let p = (of > 0).then(|| hits as f64 / n)?;
    let denominator = 1.0 + z * z / n;
    let centre = (p + z * z / (2.0 * n)) / denominator;
    let half = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt() / denominator;
    Some([(centre - half).max(0.0), (centre + half).min(1.0)])
}

/// Labels for a narrower interval than one that `n` of them gave: the width shrinks as 1 ⁄ √n.
pub fn labels_for_width(n: usize, width: f64, wanted: f64) -> Option<usize> {
    whole(n as f64 * (width / positive(wanted)?).powi(2))
}

/// Labels for an interval of this whole width around a share, by the normal distribution: 4·z²·p·(1 − p) ⁄ width². A share of ½
/// needs the most.
pub fn labels_for_share(share: f64, width: f64, confidence: f64) -> Option<usize> {
    let z = normal_quantile(f64::midpoint(1.0, confidence))?;
    whole(4.0 * z * z * share * (1.0 - share) / positive(width)?.powi(2))
}

/// Labels for an interval of this whole width around Pearson's r. By Fisher's transformation it reaches from tanh(artanh r − h)
/// to tanh(artanh r + h), where h = z ⁄ √(n − 3); the n is the least that is narrow enough.
pub fn labels_for_correlation(r: f64, width: f64, confidence: f64) -> Option<usize> {
    let z = normal_quantile(f64::midpoint(1.0, confidence))?;
    let width = positive(width)?;
    let r = (r.abs() < 1.0).then_some(r)?;
    let fits = |n: usize| {
        let half = z / ((n - 3) as f64).sqrt();
        (r.atanh() + half).tanh() - (r.atanh() - half).tanh() <= width
    };
    let mut most = 4;
    while !fits(most) {
        most = (most < MOST_LABELS).then_some(most * 2)?;
    }
    let mut least = most / 2;
    while most - least > 1 {
        let middle = usize::midpoint(least, most);
        if middle > 3 && fits(middle) { most = middle } else { least = middle }
    }
    Some(most)
}

/// Nobody labels more.
const MOST_LABELS: usize = 1 << 30;

fn positive(width: f64) -> Option<f64> {
    (width > 0.0).then_some(width)
}

fn whole(labels: f64) -> Option<usize> {
    (labels.is_finite() && labels <= MOST_LABELS as f64).then(|| labels.ceil() as usize)
}
