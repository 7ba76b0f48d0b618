//! A monotone map of scores, and the one that fits labels best: isotonic regression.

use crate::statistics::usable;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// A monotone map: through the points (`thresholds[i]`, `values[i]`), linear between them, constant before the first and
/// after the last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Points")]
pub struct Calibration {
    pub(super) thresholds: Vec<f64>,
    pub(super) values: Vec<f64>,
}

/// A map as it comes from outside.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Points {
    thresholds: Vec<f64>,
    values: Vec<f64>,
}

impl TryFrom<Points> for Calibration {
    type Error = Error;

    fn try_from(points: Points) -> Result<Calibration> {
        let Points { thresholds, values } = points;
        let wrong = |what: &str| Err(Error::InvalidArgument(what.into()));
        if thresholds.is_empty() || thresholds.len() != values.len() {
            return wrong("`thresholds` and `values` must be equally many, and at least one");
        }
        for (i, (x, y)) in thresholds.iter().zip(&values).enumerate() {
            usable(*x, || format!("thresholds[{i}]"))?;
            usable(*y, || format!("values[{i}]"))?;
        }
        if !thresholds.is_sorted_by(|a, b| a < b) {
            return wrong("`thresholds` must ascend");
        }
        if !values.is_sorted() {
            return wrong("`values` must not descend");
        }
        Ok(Calibration { thresholds, values })
    }
}

impl Calibration {
    /// The calibrated score of an expected score.
    pub fn apply(&self, expected: f64) -> Result<f64> {
        Ok(self.at(usable(expected, || "expected".into())?))
    }

    /// Of a number that is known to be one.
    pub(super) fn at(&self, x: f64) -> f64 {
        let (xs, ys) = (&self.thresholds, &self.values);
        let after = xs.partition_point(|threshold| *threshold <= x);
        match (after.checked_sub(1), xs.get(after)) {
            (None, _) => ys[0],
            (Some(before), None) => ys[before],
            (Some(before), Some(next)) => {
                let share = (x - xs[before]) / (next - xs[before]);
                // Rounding must not carry a value past the point that it leads to.
                (ys[before] + share * (ys[after] - ys[before])).min(ys[after])
            }
        }
    }
}

/// Isotonic regression by pooling adjacent violators: values are joined into blocks until the blocks' means ascend.
/// Equal predictions are one block from the start. A block becomes the point (middle of its predictions, its mean);
/// between blocks the map is linear, so that it ascends wherever the judge saw a difference.
pub(super) fn isotonic(pairs: &[(f64, f64)]) -> Calibration {
    struct Block {
        from: f64,
        to: f64,
        sum: f64,
        weight: f64,
    }
    let mut sorted = pairs.to_vec();
    // By label too: a sum depends on its order, and the map must not depend on that of the rows.
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let mut blocks: Vec<Block> = Vec::new();
    for tied in sorted.chunk_by(|a, b| a.0 == b.0) {
        let sum = tied.iter().map(|(_, label)| label).sum();
        let mut block = Block { from: tied[0].0, to: tied[0].0, sum, weight: tied.len() as f64 };
        while let Some(before) = blocks.pop_if(|b| b.sum / b.weight >= block.sum / block.weight) {
            let (sum, weight) = (before.sum + block.sum, before.weight + block.weight);
            block = Block { from: before.from, to: block.to, sum, weight };
        }
        blocks.push(block);
    }
    Calibration {
        thresholds: blocks.iter().map(|b| f64::midpoint(b.from, b.to)).collect(),
        values: blocks.iter().map(|b| b.sum / b.weight).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_is_linear_between_its_points_and_constant_outside() {
        let map = Calibration { thresholds: vec![1.0, 2.0, 4.0], values: vec![1.0, 3.0, 3.5] };
        for (x, y) in [(-9.0, 1.0), (1.0, 1.0), (1.25, 1.5), (2.0, 3.0), (3.0, 3.25), (4.0, 3.5), (9.0, 3.5)]
        {
            assert_eq!(map.apply(x), Ok(y), "at {x}");
        }
        assert!(map.apply(f64::NAN).is_err() && map.apply(f64::INFINITY).is_err());
    }

    #[test]
    fn a_map_survives_json_and_a_broken_one_is_refused() {
        let map = isotonic(&[(1.25, 2.0), (0.1, 4.0 / 3.0), (7.0, 5.0)]);
        let json = serde_json::to_string(&map).unwrap();
        assert_eq!(serde_json::from_str::<Calibration>(&json).unwrap(), map);
        for (json, field) in [
            (r#"{"thresholds":[],"values":[]}"#, "at least one"),
            (r#"{"thresholds":[1,2],"values":[1]}"#, "equally many"),
            (r#"{"thresholds":[2,2],"values":[1,2]}"#, "`thresholds` must ascend"),
            (r#"{"thresholds":[1,2],"values":[2,1]}"#, "`values` must not descend"),
            (r#"{"thresholds":[1,2e300],"values":[1,2]}"#, "`thresholds[1]`"),
            (r#"{"thresholds":[1],"values":[1],"offset":2}"#, "offset"),
        ] {
            let error = serde_json::from_str::<Calibration>(json).unwrap_err().to_string();
            assert!(error.contains(field), "{json}: {error}");
        }
    }
}
