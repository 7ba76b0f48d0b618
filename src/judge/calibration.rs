//! Calibration: a monotone map from a judge's expected score to people's scale, fitted to labels, with its
//! cross-validated error.

use super::isotonic::{Calibration, isotonic};
use super::level::Level;
use crate::statistics::{
    self, Weights, bias, cohen_kappa, mean_absolute_error, nearest, pearson, spearman, usable,
};
use crate::{Error, Result};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Fewer labels than this say nothing about a judge.
pub const FEWEST_LABELS: usize = 10;
pub const MOST_LABELS: usize = 1_000_000;
/// Levels of the human scale, as many as a rubric may have.
const MOST_LEVELS: usize = 101;

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct CalibrationOptions {
    /// Parts of the cross-validation: each is predicted by a map that was fitted to all others.
    pub folds: usize,
    /// Which labels share a part.
    pub seed: u64,
    /// The levels of the human scale, between which κ counts agreement; every integer from the lowest label to the
    /// highest where not given.
    pub scale: Option<Vec<Level>>,
}

impl Default for CalibrationOptions {
    fn default() -> Self {
        CalibrationOptions { folds: 5, seed: 0, scale: None }
    }
}

/// A map, and how far the judge agrees with people without and with it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fit {
    pub map: Calibration,
    pub report: CalibrationReport,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CalibrationReport {
    pub n: usize,
    pub folds: usize,
    /// The judge as it is.
    pub before: Agreement,
    /// On the labels that the map was fitted to: optimistic.
    pub after: Agreement,
    /// On labels that the map had not seen: what to expect of new ones.
    pub cross_validated: Agreement,
    /// What a reader of the numbers should know, in words.
    pub notes: Vec<String>,
}

/// How predictions agree with labels. `None` where a number is not defined; the notes say why.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Agreement {
    /// Pearson's r.
    pub pearson: Option<f64>,
    /// Spearman's ρ.
    pub spearman: Option<f64>,
    /// Cohen's κ, both rounded to the nearest level of the human scale.
    pub kappa: Option<f64>,
    /// The same with quadratic weights.
    pub weighted_kappa: Option<f64>,
    /// Mean of prediction − label.
    pub bias: f64,
    pub mean_absolute_error: f64,
}

/// Fits the monotone map with the least squared error (isotonic regression) from predictions to labels.
pub fn fit_calibration(predictions: &[f64], labels: &[f64], options: &CalibrationOptions) -> Result<Fit> {
    let pairs = paired(predictions, labels)?;
    let levels = levels(labels, options.scale.as_deref())?;
    let n = pairs.len();
    if !(2..=n).contains(&options.folds) {
        return Err(Error::InvalidArgument(format!(
            "`folds` is {}; it must be between 2 and the number of labels, {n}",
            options.folds
        )));
    }
    let map = isotonic(&pairs);
    let held_out = cross_validate(&pairs, options);
    let with = |calibrated: &dyn Fn(usize) -> f64| -> Agreement {
        let pairs: Vec<(f64, f64)> =
            pairs.iter().enumerate().map(|(i, &(_, label))| (calibrated(i), label)).collect();
        agreement(&pairs, &levels)
    };
    let before = with(&|i| pairs[i].0);
    let after = with(&|i| map.at(pairs[i].0));
    let cross_validated = with(&|i| held_out[i]);
    let notes = notes(&pairs, &map, &before);
    Ok(Fit {
        report: CalibrationReport { n, folds: options.folds, before, after, cross_validated, notes },
        map,
    })
}

fn paired(predictions: &[f64], labels: &[f64]) -> Result<Vec<(f64, f64)>> {
    if predictions.len() != labels.len() {
        return Err(Error::InvalidArgument(format!(
            "there are {} predictions but {} labels: give one label for each",
            predictions.len(),
            labels.len()
        )));
    }
    if !(FEWEST_LABELS..=MOST_LABELS).contains(&labels.len()) {
        return Err(Error::InvalidArgument(format!(
            "there are {} labels; a calibration needs between {FEWEST_LABELS} and {MOST_LABELS}",
            labels.len()
        )));
    }
    let pair = |(i, (x, y)): (usize, (&f64, &f64))| {
        Ok((usable(*x, || format!("predictions[{i}]"))?, usable(*y, || format!("labels[{i}]"))?))
    };
    predictions.iter().zip(labels).enumerate().map(pair).collect()
}

/// The levels of the human scale, ascending.
fn levels(labels: &[f64], scale: Option<&[Level]>) -> Result<Vec<f64>> {
    let levels: Vec<f64> = match scale {
        Some(scale) => {
            for (i, level) in scale.iter().enumerate() {
                usable(level.value(), || format!("scale[{i}]"))?;
            }
            let levels: BTreeSet<Level> = scale.iter().copied().collect();
            levels.into_iter().map(Level::value).collect()
        }
        None => {
            let (lowest, highest) = labels
                .iter()
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &l| (low.min(l), high.max(l)));
            // Bounded by what is usable, and one more than the most is enough to be refused.
            (lowest.round() as i64..=highest.round() as i64)
                .take(MOST_LEVELS + 1)
                .map(|level| level as f64)
                .collect()
        }
    };
    match levels.len() {
        1..=MOST_LEVELS => Ok(levels),
        0 => Err(Error::InvalidArgument("`scale` has no levels".into())),
        _ => Err(Error::InvalidArgument(format!(
            "the labels lie on more than {MOST_LEVELS} levels: name those that people could give in `scale`, \
             or divide the labels"
        ))),
    }
}

/// For each prediction, what a map makes of it that was fitted to the other parts.
fn cross_validate(pairs: &[(f64, f64)], options: &CalibrationOptions) -> Vec<f64> {
    let mut order: Vec<usize> = (0..pairs.len()).collect();
    statistics::shuffle(&mut ChaCha8Rng::seed_from_u64(options.seed), &mut order);
    let mut held_out = vec![0.0; pairs.len()];
    for fold in 0..options.folds {
        let is_held_out = |place: usize| place % options.folds == fold;
        let others: Vec<(f64, f64)> = order
            .iter()
            .enumerate()
            .filter(|&(place, _)| !is_held_out(place))
            .map(|(_, &i)| pairs[i])
            .collect();
        let map = isotonic(&others);
        for &i in order.iter().skip(fold).step_by(options.folds) {
            held_out[i] = map.at(pairs[i].0);
        }
    }
    held_out
}

/// `pairs`: prediction and label; there is at least one.
fn agreement(pairs: &[(f64, f64)], levels: &[f64]) -> Agreement {
    let rounded: Vec<(usize, usize)> =
        pairs.iter().map(|&(x, y)| (nearest(levels, x), nearest(levels, y))).collect();
    Agreement {
        pearson: pearson(pairs),
        spearman: spearman(pairs),
        kappa: cohen_kappa(&rounded, Weights::Equal),
        weighted_kappa: cohen_kappa(&rounded, Weights::Quadratic),
        bias: bias(pairs).unwrap_or(0.0),
        mean_absolute_error: mean_absolute_error(pairs).unwrap_or(0.0),
    }
}

fn notes(pairs: &[(f64, f64)], map: &Calibration, before: &Agreement) -> Vec<String> {
    let constant = |of: fn(&(f64, f64)) -> f64| pairs.iter().all(|p| of(p) == of(&pairs[0]));
    let mut notes = Vec::new();
    if constant(|p| p.0) {
        notes.push("All predictions are the same, so correlations are not defined.".to_string());
    }
    if constant(|p| p.1) {
        notes.push("All labels are the same, so correlations are not defined.".to_string());
    }
    if map.values.len() == 1 && notes.is_empty() {
        notes.push(
            "The map is constant: the judge's scores do not rise with the labels, so that no monotone map helps."
                .to_string(),
        );
    }
    if before.spearman.is_some_and(|rho| rho < 0.0) {
        notes.push(
            "The judge's scores fall as the labels rise; look at the rubric before calibrating.".into(),
        );
    }
    if pairs.len() < 50 {
        notes.push(format!(
            "{} labels are few: believe `crossValidated`, and expect it to change with more.",
            pairs.len()
        ));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PREDICTIONS: [f64; 16] =
        [2.0, 1.1, 4.0, 2.0, 3.1, 5.0, 1.1, 2.9, 3.6, 1.4, 4.8, 2.0, 3.1, 2.3, 4.4, 4.0];
    const LABELS: [f64; 16] =
        [1.0, 1.0, 5.0, 3.0, 3.0, 5.0, 2.0, 4.0, 3.0, 1.0, 5.0, 2.0, 3.0, 2.0, 4.0, 4.0];

    fn fit(options: CalibrationOptions) -> Fit {
        fit_calibration(&PREDICTIONS, &LABELS, &options).unwrap()
    }

    #[track_caller]
    fn close(found: &[f64], expected: &[f64]) {
        let far = |(a, b): (&f64, &f64)| (a - b).abs() > 1e-12;
        assert!(
            found.len() == expected.len() && !found.iter().zip(expected).any(far),
            "{found:?} instead of {expected:?}"
        );
    }

    #[track_caller]
    fn agrees(found: &Agreement, expected: [f64; 6]) {
        let Agreement { pearson, spearman, kappa, weighted_kappa, bias, mean_absolute_error } = *found;
        let defined = [pearson, spearman, kappa, weighted_kappa].map(|value| value.expect("a value"));
        close(&[&defined[..], &[bias, mean_absolute_error]].concat(), &expected);
    }

    /// The values of `sklearn.isotonic.IsotonicRegression` of scikit-learn 1.9.1, each at the middle of the predictions
    /// that it was given to.
    #[test]
    fn the_map_is_sklearns_isotonic_regression() {
        let Fit { map, .. } = fit(CalibrationOptions::default());
        close(&map.thresholds, &[1.25, 2.15, 3.25, 4.2, 4.9]);
        close(&map.values, &[4.0 / 3.0, 2.0, 3.25, 13.0 / 3.0, 5.0]);
    }

    /// scipy's `pearsonr` and `spearmanr`, scikit-learn's `cohen_kappa_score` on rounded values, numpy's means; the maps
    /// are scikit-learn's and `numpy.interp`. With as many folds as labels the shuffle does not matter, so the
    /// cross-validation can be repeated elsewhere too.
    #[test]
    fn the_report_agrees_with_scipy_and_sklearn() {
        let Fit { report, .. } = fit(CalibrationOptions { folds: 16, ..Default::default() });
        agrees(
            &report.before,
            [0.8987573472356517, 0.8878076614654705, 0.5317073170731708, 0.896551724137931, -0.075, 0.45],
        );
        agrees(
            &report.after,
            [
                0.9014126159289128,
                0.8878076614654705,
                0.4536585365853658,
                0.8852459016393442,
                -0.047011468064099796,
                0.45631241930584043,
            ],
        );
        agrees(
            &report.cross_validated,
            [
                0.8251494858293351,
                0.8267107828733818,
                0.29756097560975614,
                0.8363636363636364,
                -0.03785754632794108,
                0.6259765179995443,
            ],
        );
    }

    #[test]
    fn what_cannot_be_fitted_is_named() {
        let ten = [1.0, 2.0, 3.0, 4.0, 5.0, 1.0, 2.0, 3.0, 4.0, 5.0];
        let with = |at: usize, value: f64| {
            let mut values = ten;
            values[at] = value;
            values
        };
        let options = CalibrationOptions::default;
        for (predictions, labels, options, field) in [
            (&ten[..], &ten[..9], options(), "10 predictions but 9 labels"),
            (&ten[..9], &ten[..9], options(), "9 labels"),
            (&with(3, f64::NAN), &ten, options(), "`predictions[3]`"),
            (&ten, &with(7, f64::INFINITY), options(), "`labels[7]`"),
            (&ten, &with(2, 1e10), options(), "`labels[2]`"),
            (&ten, &ten, CalibrationOptions { folds: 1, ..options() }, "`folds`"),
            (&ten, &ten, CalibrationOptions { folds: 11, ..options() }, "`folds`"),
            (&ten, &ten, CalibrationOptions { scale: Some(vec![]), ..options() }, "`scale`"),
            (
                &ten,
                &ten,
                CalibrationOptions { scale: Some((0..102).map(Level::from).collect()), ..options() },
                "`scale`",
            ),
            (&ten, &with(0, 1000.0), options(), "`scale`"),
        ] {
            let error = fit_calibration(predictions, labels, &options).unwrap_err();
            assert_eq!(error.code(), "invalid-argument");
            assert!(error.to_string().contains(field), "{error}");
        }
    }

    #[test]
    fn constants_have_no_correlation_and_a_note() {
        let rising: Vec<f64> = (0..12).map(f64::from).collect();
        let constant = [3.0; 12];
        for (predictions, labels, note) in
            [(&constant[..], &rising[..], "All predictions"), (&rising, &constant, "All labels")]
        {
            let Fit { map, report } = fit_calibration(predictions, labels, &Default::default()).unwrap();
            assert_eq!((report.before.pearson, report.before.spearman), (None, None));
            assert_eq!(report.after.pearson, None);
            assert_eq!(map.values.len(), 1);
            assert!(report.notes[0].starts_with(note), "{:?}", report.notes);
            let json = serde_json::to_value(&report).unwrap();
            assert!(json["before"]["pearson"].is_null());
        }
    }

    #[test]
    fn a_judge_that_is_upside_down_is_told_of() {
        let rising: Vec<f64> = (0..60).map(f64::from).collect();
        let falling: Vec<f64> = rising.iter().map(|x| -x).collect();
        let Fit { map, report } = fit_calibration(&falling, &rising, &Default::default()).unwrap();
        assert_eq!(map.values, [29.5]);
        assert!(report.notes.iter().any(|n| n.contains("constant")), "{:?}", report.notes);
        assert!(report.notes.iter().any(|n| n.contains("fall as the labels rise")), "{:?}", report.notes);
    }

    #[test]
    fn values_round_to_the_nearest_level() {
        let levels = [1.0, 3.0, 5.0];
        for (value, place) in [(-7.0, 0), (1.9, 0), (2.0, 1), (3.9, 1), (4.0, 2), (70.0, 2)] {
            assert_eq!(nearest(&levels, value), place, "{value}");
        }
    }

    #[test]
    fn a_shift_of_the_judge_is_taken_out() {
        let labels: Vec<f64> = (0..100).map(|i| f64::from(1 + i % 5)).collect();
        let lenient: Vec<f64> = labels.iter().map(|l| 0.5 * l + 3.0).collect();
        let Fit { report, .. } = fit_calibration(&lenient, &labels, &Default::default()).unwrap();
        assert_eq!(report.before.bias, 1.5);
        for with_map in [report.after, report.cross_validated] {
            assert!(with_map.bias.abs() < 1e-12 && with_map.kappa == Some(1.0), "{with_map:?}");
        }
    }

    proptest! {
        #[test]
        fn a_map_is_monotone_and_within_the_labels(
            rows in prop::collection::vec((-20i32..20, -5i32..5), 10..60),
            probes in prop::collection::vec(-30f64..30.0, 2..40),
        ) {
            let (x, y): (Vec<f64>, Vec<f64>) =
                rows.iter().map(|&(x, y)| (f64::from(x) / 3.0, f64::from(y))).unzip();
            let Fit { map, report } = fit_calibration(&x, &y, &Default::default()).unwrap();
            let json = serde_json::to_string(&map).unwrap();
            prop_assert!(serde_json::from_str::<Calibration>(&json).is_ok(), "{}", json);
            let mut probes = probes;
            probes.sort_by(f64::total_cmp);
            let mapped: Vec<f64> = probes.iter().map(|x| map.at(*x)).collect();
            prop_assert!(mapped.is_sorted(), "{mapped:?}");
            prop_assert!(mapped.iter().all(|y| (-5.0..=4.0).contains(y)));
            prop_assert!(report.after.bias.is_finite() && report.cross_validated.bias.is_finite());
        }

        #[test]
        fn the_order_of_rows_does_not_matter(
            rows in prop::collection::vec((0i32..9, 0i32..9), 10..40), turn in 0usize..40
        ) {
            let fit = |rows: &[(i32, i32)]| {
                let (x, y): (Vec<f64>, Vec<f64>) =
                    rows.iter().map(|&(x, y)| (f64::from(x) / 7.0, f64::from(y) / 3.0)).unzip();
                fit_calibration(&x, &y, &Default::default()).unwrap().map
            };
            let mut turned = rows.clone();
            turned.rotate_left(turn % rows.len());
            prop_assert_eq!(fit(&rows), fit(&turned));
        }
    }
}
