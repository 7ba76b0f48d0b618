//! The statistics of evaluations against scipy, scikit-learn, statsmodels and krippendorff (`golden/statistics.py`).

use lunette::statistics::*;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The cases of a table.
fn golden<T: DeserializeOwned>(table: &str) -> Vec<T> {
    let mut tables: Value = serde_json::from_str(include_str!("golden/statistics.json")).expect("the tables");
    let cases = tables[table].take();
    let cases: Vec<T> = serde_json::from_value(cases).expect(table);
    assert!(!cases.is_empty());
    cases
}

#[track_caller]
fn same(what: &str, found: Option<f64>, expected: Option<f64>) {
    let close = match (found, expected) {
        (Some(found), Some(expected)) => (found - expected).abs() <= 1e-9 * expected.abs().max(1.0),
        (None, None) => true,
        _ => false,
    };
    assert!(close, "{what} is {found:?} instead of {expected:?}");
}

#[track_caller]
fn same_interval(found: Option<[f64; 2]>, expected: Option<[f64; 2]>) {
    for end in 0..2 {
        same(["low", "high"][end], found.map(|i| i[end]), expected.map(|i| i[end]));
    }
}

/// What JSON cannot write is null there.
fn numbers(values: &[Option<f64>]) -> Vec<f64> {
    values.iter().map(|value| value.unwrap_or(f64::NAN)).collect()
}

#[test]
fn correlations_and_errors() {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Case {
        x: Vec<Option<f64>>,
        y: Vec<Option<f64>>,
        pearson: Option<f64>,
        spearman: Option<f64>,
        kendall: Option<f64>,
        mean_absolute_error: Option<f64>,
        root_mean_squared_error: Option<f64>,
        bias: Option<f64>,
    }
    for case in golden::<Case>("correlations") {
        let pairs: Vec<(f64, f64)> = numbers(&case.x).into_iter().zip(numbers(&case.y)).collect();
        same("r", pearson(&pairs), case.pearson);
        same("ρ", spearman(&pairs), case.spearman);
        same("τ", kendall(&pairs), case.kendall);
        same("MAE", mean_absolute_error(&pairs), case.mean_absolute_error);
        same("RMSE", root_mean_squared_error(&pairs), case.root_mean_squared_error);
        same("bias", bias(&pairs), case.bias);
    }
}

#[test]
fn classifications() {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Case {
        truth: Vec<usize>,
        answers: Vec<usize>,
        labels: usize,
        accuracy: Option<f64>,
        balanced_accuracy: Option<f64>,
        macro_f1: Option<f64>,
        precision: Vec<Option<f64>>,
        recall: Vec<Option<f64>>,
        f1: Vec<Option<f64>>,
        confusion: Vec<Vec<usize>>,
        kappa: Option<f64>,
        linear_kappa: Option<f64>,
        quadratic_kappa: Option<f64>,
    }
    for case in golden::<Case>("classifications") {
        let pairs: Vec<(usize, usize)> =
            case.truth.iter().copied().zip(case.answers.iter().copied()).collect();
        same("accuracy", accuracy(&pairs), case.accuracy);
        same("balanced accuracy", balanced_accuracy(&pairs, case.labels), case.balanced_accuracy);
        same("macro F1", macro_f1(&pairs, case.labels), case.macro_f1);
        for (label, counts) in counts(&pairs, case.labels).iter().enumerate() {
            same("precision", counts.precision(), case.precision[label]);
            same("recall", counts.recall(), case.recall[label]);
            same("F1", counts.f1(), case.f1[label]);
        }
        assert_eq!(confusion(&pairs, case.labels), case.confusion);
        same("κ", cohen_kappa(&pairs, Weights::Equal), case.kappa);
        same("linear κ", cohen_kappa(&pairs, Weights::Linear), case.linear_kappa);
        same("quadratic κ", cohen_kappa(&pairs, Weights::Quadratic), case.quadratic_kappa);
    }
}

#[test]
fn alphas() {
    #[derive(Deserialize)]
    struct Case {
        ratings: Vec<Vec<Option<f64>>>,
        nominal: Option<f64>,
        ordinal: Option<f64>,
        interval: Option<f64>,
    }
    for case in golden::<Case>("alphas") {
        let of_unit = |unit| case.ratings.iter().filter_map(move |rater| Some((unit, rater[unit]?)));
        let ratings: Vec<(usize, f64)> = (0..case.ratings[0].len()).flat_map(of_unit).collect();
        same("nominal α", krippendorff_alpha(&ratings, Distance::Nominal), case.nominal);
        same("ordinal α", krippendorff_alpha(&ratings, Distance::Ordinal), case.ordinal);
        same("interval α", krippendorff_alpha(&ratings, Distance::Interval), case.interval);
    }
    assert_eq!(krippendorff_alpha(&[], Distance::Nominal), None);
    assert_eq!(krippendorff_alpha(&[(0, 1.0), (0, f64::NAN)], Distance::Ordinal), None);
}

/// The variance by its definition, a sum over all pairs; ours comes from ranks.
#[test]
fn areas_under_roc_curves() {
    #[derive(Deserialize)]
    struct Case {
        values: Vec<Option<f64>>,
        positive: Vec<bool>,
        area: Option<f64>,
        variance: Option<f64>,
        interval: Option<[f64; 2]>,
    }
    for case in golden::<Case>("areas") {
        let pairs: Vec<(f64, bool)> = numbers(&case.values).into_iter().zip(case.positive).collect();
        let found = auroc(&pairs);
        same("area", found.map(|found| found.area), case.area);
        if case.area.is_some() {
            same("variance", found.and_then(|found| found.variance), case.variance);
        }
        same_interval(found.and_then(|found| found.interval(0.95)), case.interval);
    }
}

#[test]
fn brier_scores() {
    #[derive(Deserialize)]
    struct Case {
        distributions: Vec<Vec<f64>>,
        truth: Vec<usize>,
        brier: f64,
    }
    for case in golden::<Case>("briers") {
        let errors: Vec<f64> =
            case.distributions.iter().zip(&case.truth).map(|(p, &truth)| brier(p, truth)).collect();
        same("Brier score", mean(&errors), Some(case.brier));
    }
}

#[test]
fn reliability_diagrams() {
    #[derive(Deserialize)]
    struct Case {
        answers: Vec<(f64, bool)>,
        n: Vec<usize>,
        confidence: Vec<Option<f64>>,
        accuracy: Vec<Option<f64>>,
        error: f64,
    }
    for case in golden::<Case>("reliabilities") {
        let bins = reliability(&case.answers, case.n.len());
        for (i, bin) in bins.iter().enumerate() {
            assert_eq!(bin.n, case.n[i], "{bin:?}");
            same("confidence", bin.confidence, case.confidence[i]);
            same("accuracy", bin.accuracy, case.accuracy[i]);
        }
        same("ECE", calibration_error(&bins), Some(case.error));
    }
    assert_eq!(calibration_error(&reliability(&[], 3)), None);
}

#[test]
fn intervals_of_shares() {
    #[derive(Deserialize)]
    struct Case {
        hits: usize,
        of: usize,
        confidence: f64,
        interval: [f64; 2],
    }
    for case in golden::<Case>("wilsons") {
        same_interval(wilson(case.hits, case.of, case.confidence), Some(case.interval));
    }
    assert_eq!(wilson(0, 0, 0.95), None);
}

#[test]
fn labels_that_an_interval_needs() {
    #[derive(Deserialize)]
    struct Share {
        share: f64,
        width: f64,
        labels: usize,
    }
    for case in golden::<Share>("labelsForShares") {
        assert_eq!(labels_for_share(case.share, case.width, 0.95), Some(case.labels));
    }
    #[derive(Deserialize)]
    struct Correlation {
        r: f64,
        width: f64,
        labels: usize,
    }
    for case in golden::<Correlation>("labelsForCorrelations") {
        assert_eq!(labels_for_correlation(case.r, case.width, 0.95), Some(case.labels), "r = {}", case.r);
    }
    assert_eq!(labels_for_width(100, 0.2, 0.1), Some(400));
    for nothing in [0.0, -1.0, f64::NAN] {
        assert_eq!(labels_for_share(0.5, nothing, 0.95), None);
        assert_eq!(labels_for_correlation(0.5, nothing, 0.95), None);
        assert_eq!(labels_for_width(100, 0.2, nothing), None);
    }
    assert_eq!((labels_for_correlation(1.0, 0.1, 0.95), labels_for_share(0.5, 1e-9, 0.95)), (None, None));
    assert_eq!(labels_for_correlation(0.5, 1e-9, 0.95), None);
}

/// Of the same resamples, which scipy's bootstrap was made to draw.
#[test]
fn bias_corrected_and_accelerated_intervals() {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Case {
        figure: f64,
        resamples: Vec<f64>,
        left_out: Vec<f64>,
        confidence: f64,
        interval: [f64; 2],
    }
    for case in golden::<Case>("bcas") {
        let resampled = Resampled { resamples: case.resamples, left_out: case.left_out };
        same_interval(bca(case.figure, &resampled, case.confidence), Some(case.interval));
    }
}

#[test]
fn a_bootstrap_of_what_does_not_vary_is_undefined() {
    for values in [&[][..], &[1.0], &[2.0, 2.0, 2.0], &[0.1, 0.1, 0.1]] {
        let of = |rows: &[usize]| mean(&rows.iter().map(|&row| values[row]).collect::<Vec<f64>>());
        let found = resampled(&Units::rows(values.len()), 200, 1, of);
        assert_eq!(found.and_then(|found| bca(values[0], &found, 0.95)), None, "{values:?}");
    }
    // Half of the resamples of two rows are of one row alone, of which no correlation is defined.
    let pairs = [(1.0, 2.0), (2.0, 1.0)];
    let of = |rows: &[usize]| pearson(&rows.iter().map(|&row| pairs[row]).collect::<Vec<_>>());
    assert_eq!(resampled(&Units::rows(2), 200, 1, of), None);
}

#[test]
fn clusters_are_drawn_whole() {
    let names = [Some("a"), None, Some("b"), Some("a"), Some("b"), None];
    let units = Units::clusters(names.into_iter());
    assert_eq!(units.len(), 4);
    let whole = |rows: &[usize]| {
        let count = |row| rows.iter().filter(|&&other| other == row).count();
        assert_eq!((count(0), count(2)), (count(3), count(4)), "{rows:?}");
        Some(rows.len() as f64)
    };
    let found = resampled(&units, 100, 7, whole).expect("two units and more");
    assert_eq!((found.resamples.len(), found.left_out), (100, vec![4.0, 5.0, 4.0, 5.0]));
}

#[test]
fn tests_of_two_judges() {
    #[derive(Deserialize)]
    struct McNemar {
        first: u64,
        second: u64,
        p: f64,
    }
    for case in golden::<McNemar>("mcnemars") {
        same("McNemar's p", mcnemar(case.first, case.second), Some(case.p));
    }
    #[derive(Deserialize)]
    struct Holm {
        p: Vec<f64>,
        corrected: Vec<f64>,
    }
    for case in golden::<Holm>("holms") {
        for (found, expected) in holm(&case.p).into_iter().zip(case.corrected) {
            same("Holm's p", Some(found), Some(expected));
        }
    }
    // Two of four lie as far from 2 as 0 does.
    assert_eq!(bootstrap_p(2.0, &[0.0, 1.5, 2.5, 4.5]), 3.0 / 5.0);
    // None is as far as 5 standard deviations: 2 Φ(−5).
    let spread: Vec<f64> = [-1.0, 1.0].repeat(50).into_iter().map(|z| 5.0 + z).collect();
    let p = bootstrap_p(5.0, &spread);
    assert!((p - 5.733031437583892e-7).abs() < 1e-15, "{p}");
    // Without any spread, nothing is as far: chance explains nothing.
    assert_eq!(bootstrap_p(1.0, &[1.0; 10]), 0.0);
}

#[test]
fn quantiles_of_the_normal_distribution() {
    #[derive(Deserialize)]
    struct Case {
        p: f64,
        z: f64,
    }
    for case in golden::<Case>("quantiles") {
        same("z", normal_quantile(case.p), Some(case.z));
    }
    for nothing in [0.0, 1.0, -1.0, f64::NAN] {
        assert_eq!(normal_quantile(nothing), None);
    }
}
