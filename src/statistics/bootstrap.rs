//! The bootstrap: how far a figure would vary with other rows of the same kind.

use super::interval::normal_cdf;
use super::{below, normal_quantile, quantile};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use std::collections::BTreeMap;

/// Up to so many units, each is left out once.
const MOST_LEFT_OUT: usize = 1000;
/// The groups in which more units are left out: more of them would say little more about the acceleration.
const GROUPS: usize = 200;
/// The share of the resamples that may be undefined. With more, the interval would be one of the others alone.
const MOST_UNDEFINED: f64 = 0.05;

/// What is drawn with replacement: rows, or clusters of rows that are not independent of each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Units(Vec<Vec<usize>>);

impl Units {
    /// Each row alone.
    pub fn rows(rows: usize) -> Units {
        Units((0..rows).map(|row| vec![row]).collect())
    }

    /// Rows with the same name together, in the order of their first rows. A row without one stands alone.
    pub fn clusters<'a>(names: impl Iterator<Item = Option<&'a str>>) -> Units {
        let mut places = BTreeMap::new();
        let mut units: Vec<Vec<usize>> = Vec::new();
        for (row, name) in names.enumerate() {
            let next = units.len();
            let place = name.map_or(next, |name| *places.entry(name).or_insert(next));
            match units.get_mut(place) {
                Some(unit) => unit.push(row),
                None => units.push(vec![row]),
            }
        }
        Units(units)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Draws as many units as there are. They come in their order: figures that sort are faster on rows that were sorted.
    fn draw(&self, random: &mut ChaCha8Rng, times: &mut [u32], rows: &mut Vec<usize>) {
        times.fill(0);
        for _ in 0..self.len() {
            times[below(random, self.len())] += 1;
        }
        rows.clear();
        for (unit, &times) in self.0.iter().zip(&*times) {
            (0..times).for_each(|_| rows.extend(unit));
        }
    }

    /// The rows without those of the units of one group, for each group.
    fn left_out(&self) -> impl Iterator<Item = Vec<usize>> + '_ {
        let groups = if self.len() > MOST_LEFT_OUT { GROUPS } else { self.len() };
        (0..groups).map(move |group| {
            let others = self.0.iter().enumerate().filter(|(i, _)| i % groups != group);
            others.flat_map(|(_, unit)| unit.iter().copied()).collect()
        })
    }
}

/// A figure of resamples, and without each unit.
#[derive(Debug, Clone, PartialEq)]
pub struct Resampled {
    pub resamples: Vec<f64>,
    pub left_out: Vec<f64>,
}

/// The figure, given the rows, of `resamples` draws of the units and without each of them. `None` with fewer than two units,
/// or where it is too often undefined.
pub fn resampled(
    units: &Units,
    resamples: usize,
    seed: u64,
    mut figure: impl FnMut(&[usize]) -> Option<f64>,
) -> Option<Resampled> {
    if units.len() < 2 || resamples == 0 {
        return None;
    }
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (mut times, mut rows) = (vec![0; units.len()], Vec::new());
    let mut drawn = Vec::with_capacity(resamples);
    for _ in 0..resamples {
        units.draw(&mut random, &mut times, &mut rows);
        drawn.extend(figure(&rows));
    }
    let left_out = units.left_out().map(|rows| figure(&rows)).collect::<Option<Vec<f64>>>()?;
    let undefined = (resamples - drawn.len()) as f64;
    (undefined <= MOST_UNDEFINED * resamples as f64).then_some(Resampled { resamples: drawn, left_out })
}

/// The bias-corrected and accelerated interval (Efron, "Better bootstrap confidence intervals", 1987) of a figure, its
/// resamples, and its leave-one-out values. A resample that equals the figure counts half as smaller. `None` where neither the
/// resamples nor the leave-one-out values differ, or all resamples lie on one side of the figure.
pub fn bca(figure: f64, sampled: &Resampled, confidence: f64) -> Option<[f64; 2]> {
    let mut sorted = sampled.resamples.clone();
    sorted.sort_by(f64::total_cmp);
    let smaller = sorted.iter().filter(|v| **v < figure).count();
    let up_to = sorted.iter().filter(|v| **v <= figure).count();
    let z0 = normal_quantile((smaller + up_to) as f64 / (2 * sorted.len().max(1)) as f64)?;
    let acceleration = acceleration(&sampled.left_out)?;
    let end = |p: f64| {
        let z = z0 + normal_quantile(p)?;
        let stretch = 1.0 - acceleration * z;
        // Beyond that the ends would change places.
        if stretch <= 0.0 {
            return None;
        }
        quantile(&sorted, normal_cdf(z0 + z / stretch))
    };
    let tail = f64::midpoint(1.0, -confidence);
    Some([end(tail)?, end(1.0 - tail)?])
}

/// A sixth of the skewness of the leave-one-out values.
fn acceleration(left_out: &[f64]) -> Option<f64> {
    let mean = super::mean(left_out)?;
    let moment = |power| left_out.iter().map(|v| (mean - v).powi(power)).sum::<f64>();
    let squares = moment(2);
    // What rounding leaves of values that are alike is no spread.
    (squares.sqrt() > 1e-12 * mean.abs()).then(|| moment(3) / (6.0 * squares.powf(1.5)))
}
