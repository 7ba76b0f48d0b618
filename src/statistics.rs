//! Statistics of paired numbers: correlation, agreement, ranks. Where a value is not defined (a correlation with
//! something constant, of nothing, of what is no number) it is `None`, never a NaN.

mod alpha;
mod bootstrap;
mod classification;
mod interval;
mod kendall;
mod probability;
mod roc;
mod test;

pub use alpha::{Distance, krippendorff_alpha};
pub use bootstrap::{Resampled, Units, bca, resampled};
pub use classification::{Counts, accuracy, balanced_accuracy, confusion, counts, macro_f1};
pub use interval::{labels_for_correlation, labels_for_share, labels_for_width, normal_quantile, wilson};
pub use kendall::kendall;
pub use probability::{ReliabilityBin, brier, calibration_error, reliability};
pub use roc::{Auroc, auroc};
pub use test::{bootstrap_p, holm, mcnemar};

use crate::{Error, Result};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::RngCore;

/// Larger magnitudes would overflow a sum of squares, and are a mistake wherever judgements are compared.
pub const LARGEST: f64 = 1e9;

/// A number that arithmetic here can take; `field` names it in the error.
pub fn usable(value: f64, field: impl FnOnce() -> String) -> Result<f64> {
    match value.is_finite() && value.abs() <= LARGEST {
        true => Ok(value),
        false => Err(Error::InvalidArgument(format!(
            "`{}` is {value}; it must be a number within ±{LARGEST:e}",
            field()
        ))),
    }
}

pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Of the values themselves, not of a population that they were drawn from: the divisor is n.
pub fn standard_deviation(values: &[f64]) -> Option<f64> {
    let mean = mean(values)?;
    Some((values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt())
}

/// The value below which the share `q` of the sorted values lies, interpolated between neighbours.
pub fn quantile(sorted: &[f64], q: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let at = q.clamp(0.0, 1.0) * last as f64;
    let (below, above) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    Some(below + (above - below) * at.fract())
}

/// Mean of |x − y|.
pub fn mean_absolute_error(pairs: &[(f64, f64)]) -> Option<f64> {
    mean_of(pairs, |x, y| (x - y).abs())
}

/// Root of the mean of (x − y)².
pub fn root_mean_squared_error(pairs: &[(f64, f64)]) -> Option<f64> {
    mean_of(pairs, |x, y| (x - y).powi(2)).map(f64::sqrt)
}

/// Mean of x − y.
pub fn bias(pairs: &[(f64, f64)]) -> Option<f64> {
    mean_of(pairs, |x, y| x - y)
}

fn mean_of(pairs: &[(f64, f64)], of: fn(f64, f64) -> f64) -> Option<f64> {
    mean(&pairs.iter().map(|&(x, y)| of(x, y)).collect::<Vec<f64>>()).filter(|mean| mean.is_finite())
}

fn finite(pairs: &[(f64, f64)]) -> bool {
    pairs.iter().all(|(x, y)| x.is_finite() && y.is_finite())
}

/// Whether all values are the same, of which there is at least one.
pub fn constant(values: &[f64]) -> bool {
    values.iter().all(|v| *v == values[0])
}

/// The place of the ascending level that is nearest to a value; halfway, the higher.
pub fn nearest(levels: &[f64], value: f64) -> usize {
    levels.windows(2).take_while(|pair| value >= f64::midpoint(pair[0], pair[1])).count()
}

/// Pearson's r. `None` for fewer than two pairs, or when either side is constant.
pub fn pearson(pairs: &[(f64, f64)]) -> Option<f64> {
    let (x, y): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    if pairs.len() < 2 || constant(&x) || constant(&y) {
        return None;
    }
    let (mean_x, mean_y) = (mean(&x)?, mean(&y)?);
    let (mut xy, mut xx, mut yy) = (0.0, 0.0, 0.0);
    for (x, y) in pairs {
        let (dx, dy) = (x - mean_x, y - mean_y);
        xy += dx * dy;
        xx += dx * dx;
        yy += dy * dy;
    }
    // Differences that vanish when squared leave nothing to correlate.
    let norm = xx.sqrt() * yy.sqrt();
    (norm > 0.0).then(|| (xy / norm).clamp(-1.0, 1.0))
}

/// Spearman's ρ: Pearson's r of the ranks, ties sharing their mean rank.
pub fn spearman(pairs: &[(f64, f64)]) -> Option<f64> {
    if !finite(pairs) {
        return None;
    }
    let (x, y): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    let ranked: Vec<(f64, f64)> = ranks(&x).into_iter().zip(ranks(&y)).collect();
    pearson(&ranked)
}

/// Ranks from 1, the smallest first; equal values share the mean of their places.
pub fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<(f64, usize)> = values.iter().copied().zip(0..).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for tied in order.chunk_by(|a, b| a.0 == b.0) {
        let shared = before as f64 + (tied.len() + 1) as f64 / 2.0;
        tied.iter().for_each(|&(_, i)| ranks[i] = shared);
        before += tied.len();
    }
    ranks
}

/// What a disagreement between two levels costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weights {
    /// All disagreements are alike.
    Equal,
    /// The distance.
    Linear,
    /// The square of the distance.
    Quadratic,
}

/// Cohen's κ of two raters: 1 − observed ⁄ expected disagreement, over levels counted from 0. `None` without pairs, or
/// when both raters only ever give one and the same level, so that no disagreement is to be expected.
pub fn cohen_kappa(pairs: &[(usize, usize)], weights: Weights) -> Option<f64> {
    let cost = |a: usize, b: usize| match weights {
        Weights::Equal => f64::from(a != b),
        Weights::Linear => a.abs_diff(b) as f64,
        Weights::Quadratic => (a.abs_diff(b) as f64).powi(2),
    };
    let levels = pairs.iter().map(|&(a, b)| a.max(b) + 1).max()?;
    let (mut first, mut second) = (vec![0.0; levels], vec![0.0; levels]);
    for &(a, b) in pairs {
        first[a] += 1.0;
        second[b] += 1.0;
    }
    let observed: f64 = pairs.iter().map(|&(a, b)| cost(a, b)).sum();
    let expected: f64 = first
        .iter()
        .enumerate()
        .flat_map(|(a, p)| second.iter().enumerate().map(move |(b, q)| cost(a, b) * p * q))
        .sum::<f64>()
        / pairs.len() as f64;
    (expected > 0.0).then(|| 1.0 - observed / expected)
}

/// A number in `0..bound`. The multiplication favours no number by more than 2⁻⁵⁰ for the bounds used here.
pub fn below(random: &mut ChaCha8Rng, bound: usize) -> usize {
    ((u128::from(random.next_u64()) * bound as u128) >> 64) as usize
}

/// Puts the items into a random order (Fisher and Yates).
pub fn shuffle<T>(random: &mut ChaCha8Rng, items: &mut [T]) {
    for last in (1..items.len()).rev() {
        items.swap(last, below(random, last + 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand_chacha::rand_core::SeedableRng;

    fn paired(x: &[f64], y: &[f64]) -> Vec<(f64, f64)> {
        assert_eq!(x.len(), y.len());
        x.iter().copied().zip(y.iter().copied()).collect()
    }

    #[track_caller]
    fn close(found: Option<f64>, expected: f64) {
        let found = found.expect("a value");
        assert!((found - expected).abs() < 1e-12, "{found} instead of {expected}");
    }

    /// `scipy.stats.pearsonr` and `spearmanr` of scipy 1.17.1.
    #[test]
    fn correlations_agree_with_scipy() {
        let anscombe = (
            &[10.0, 8.0, 13.0, 9.0, 11.0, 14.0, 6.0, 4.0, 12.0, 7.0, 5.0][..],
            &[8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68][..],
        );
        let tied = (
            &[1.0, 2.0, 2.0, 3.0, 3.0, 3.0, 4.0, 5.0, 5.0, 1.0][..],
            &[2.0, 1.0, 3.0, 3.0, 4.0, 2.0, 4.0, 5.0, 4.0, 1.0][..],
        );
        let falling = (&[1.0, 2.0, 3.0, 4.0, 5.0][..], &[9.0, 7.0, 7.0, 2.0, 1.0][..]);
        for ((x, y), r, rho) in [
            (anscombe, 0.8164205163448395, 0.8181818181818182),
            (tied, 0.8337042473118685, 0.8417721518987342),
            (falling, -0.9506253334464445, -0.9746794344808964),
        ] {
            close(pearson(&paired(x, y)), r);
            close(spearman(&paired(x, y)), rho);
        }
    }

    #[test]
    fn a_correlation_with_a_constant_is_not_defined() {
        for pairs in
            [&[][..], &[(1.0, 2.0)], &[(1.0, 2.0), (1.0, 3.0)], &[(1.0, 0.1), (2.0, 0.1), (4.0, 0.1)]]
        {
            assert_eq!((pearson(pairs), spearman(pairs)), (None, None), "{pairs:?}");
        }
        // The mean of three 0.1 is not 0.1, and the smallest number has no square.
        assert_eq!(pearson(&[(0.0, 0.0), (f64::MIN_POSITIVE, 1.0)]), None);
    }

    /// `scipy.stats.rankdata`.
    #[test]
    fn ties_share_their_mean_rank() {
        let values = [1.0, 2.0, 2.0, 3.0, 3.0, 3.0, 4.0, 5.0, 5.0, 1.0];
        assert_eq!(ranks(&values), [1.5, 3.5, 3.5, 6.0, 6.0, 6.0, 8.0, 9.5, 9.5, 1.5]);
        assert_eq!(ranks(&[0.0, -0.0, -1.0]), [2.5, 2.5, 1.0]);
    }

    /// `sklearn.metrics.cohen_kappa_score` of scikit-learn 1.9.1, without weights and with `weights="quadratic"`.
    #[test]
    fn kappas_agree_with_sklearn() {
        let table = [
            (
                &[0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 2, 2][..],
                &[0, 1, 2, 3, 4, 1, 2, 2, 4, 3, 0, 3][..],
                0.368421052631579,
                0.7804878048780488,
            ),
            (
                &[0, 0, 0, 0, 1, 1, 2, 2, 2, 2],
                &[0, 0, 0, 2, 1, 0, 2, 2, 2, 0],
                0.5161290322580645,
                0.47058823529411775,
            ),
            (&[0, 0, 0, 0, 1, 1, 1, 1], &[1, 1, 1, 1, 0, 0, 0, 0], -1.0, -1.0),
        ];
        for (a, b, equal, quadratic) in table {
            let pairs: Vec<(usize, usize)> = a.iter().copied().zip(b.iter().copied()).collect();
            close(cohen_kappa(&pairs, Weights::Equal), equal);
            close(cohen_kappa(&pairs, Weights::Quadratic), quadratic);
        }
        for nothing in [&[][..], &[(3, 3), (3, 3)]] {
            assert_eq!(cohen_kappa(nothing, Weights::Equal), None);
            assert_eq!(cohen_kappa(nothing, Weights::Quadratic), None);
        }
    }

    /// `numpy.quantile` and `numpy.std` of numpy 2.
    #[test]
    fn quantiles_and_deviations_agree_with_numpy() {
        let sorted = [1.0, 2.0, 4.0, 8.0, 16.0];
        for (q, expected) in [(0.0, 1.0), (0.025, 1.1), (0.1, 1.4), (0.5, 4.0), (0.975, 15.2), (1.0, 16.0)] {
            close(quantile(&sorted, q), expected);
        }
        close(standard_deviation(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]), 2.0);
        close(standard_deviation(&[1.5, 2.25, 4.0]), 1.0474837574980447);
        assert_eq!((quantile(&[], 0.5), standard_deviation(&[]), mean(&[])), (None, None, None));
    }

    #[test]
    fn a_shuffle_reaches_every_order_alike() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let mut seen = std::collections::BTreeMap::new();
        for _ in 0..6000 {
            let mut items = [0, 1, 2];
            shuffle(&mut random, &mut items);
            *seen.entry(items).or_insert(0) += 1;
        }
        assert_eq!(seen.len(), 6);
        // 1000 ± 5 standard deviations.
        assert!(seen.values().all(|n| (856..1145).contains(n)), "{seen:?}");
    }

    proptest! {
        #[test]
        fn nothing_is_ever_nan(pairs in prop::collection::vec((-LARGEST..LARGEST, -LARGEST..LARGEST), 0..40)) {
            for r in [pearson(&pairs), spearman(&pairs)].into_iter().flatten() {
                prop_assert!((-1.0..=1.0).contains(&r));
            }
        }

        #[test]
        fn order_is_all_that_ranks_see(values in prop::collection::vec(-30i32..30, 1..40)) {
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            let stretched: Vec<f64> = values.iter().map(|v| (v / 10.0).exp()).collect();
            prop_assert_eq!(ranks(&values), ranks(&stretched));
            let n = values.len() as f64;
            prop_assert_eq!(ranks(&values).iter().sum::<f64>(), n * (n + 1.0) / 2.0);
        }
    }
}
