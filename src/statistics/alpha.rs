//! Krippendorff's α: agreement of any number of raters, who need not all have rated everything.

use super::{constant, mean, ranks};

/// What a disagreement between two values costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Distance {
    /// All disagreements are alike.
    Nominal,
    /// The square of the number of ratings between two values.
    Ordinal,
    /// The square of the difference.
    Interval,
}

/// 1 − observed ⁄ expected disagreement. `ratings` are of a unit each, those of the same unit side by side. A unit with one
/// rating alone does not count. `None` where no unit has two, all their ratings are alike, or one is no number.
///
/// Source: Krippendorff, "Computing Krippendorff's alpha-reliability", 2011. The disagreement of all pairs of values is a
/// sum of squares around their mean: of the values, or with ordinal distances of their ranks.
pub fn krippendorff_alpha(ratings: &[(usize, f64)], distance: Distance) -> Option<f64> {
    let units: Vec<&[(usize, f64)]> =
        ratings.chunk_by(|a, b| a.0 == b.0).filter(|unit| unit.len() > 1).collect();
    let mut values: Vec<f64> = units.iter().flat_map(|unit| unit.iter().map(|rating| rating.1)).collect();
    if values.is_empty() || constant(&values) || !values.iter().all(|value| value.is_finite()) {
        return None;
    }
    if distance == Distance::Ordinal {
        values = ranks(&values);
    }
    let spread = match distance {
        Distance::Nominal => unequal_pairs,
        _ => squares,
    };
    let mut observed = 0.0;
    let mut rest = &values[..];
    for unit in &units {
        let (own, others) = rest.split_at(unit.len());
        observed += spread(own) / (own.len() - 1) as f64;
        rest = others;
    }
    let expected = spread(&values) / (values.len() - 1) as f64;
    (expected > 0.0).then(|| 1.0 - observed / expected)
}

/// Σ over ordered pairs of 1 where the values differ.
fn unequal_pairs(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let equal: f64 = sorted.chunk_by(|a, b| a == b).map(|run| (run.len() as f64).powi(2)).sum();
    (values.len() as f64).powi(2) - equal
}

/// Σ over ordered pairs of the squared difference, which is 2n times the sum of squares around the mean.
fn squares(values: &[f64]) -> f64 {
    let mean = mean(values).unwrap_or(0.0);
    2.0 * values.len() as f64 * values.iter().map(|v| (v - mean).powi(2)).sum::<f64>()
}
