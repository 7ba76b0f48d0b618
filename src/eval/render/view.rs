//! A report as templates read it: names in words, lists in their order.

use crate::eval::metric::Metric;
use crate::eval::report::{
    BaselineName, Bin, Counts, Effect, Figure, LabelFigures, Leaderboard, Method, Raters, Report, Row,
    Section, Slice,
};
use crate::eval::row::{Grade, Shown, Task};
use minijinja::Value;
use minijinja::value::Serde;
use serde::Serialize;

#[derive(Serialize)]
pub struct View<'a> {
    /// In percent.
    confidence: String,
    seed: u64,
    resamples: usize,
    width: f64,
    sections: Vec<SectionView<'a>>,
    checks: Vec<CheckView<'a>>,
    probes: &'a [Effect],
    failed_checks: usize,
    failed_rows: usize,
    count: usize,
}

#[derive(Serialize)]
struct SectionView<'a> {
    rubric: &'a str,
    task: &'static str,
    counts: Counts,
    figures: Vec<FigureView<'a>>,
    labels: &'a [LabelFigures],
    confusion: Vec<ConfusionRow<'a>>,
    reliability: &'a [Bin],
    raters: &'a Raters,
    notes: &'a [String],
    slices: Vec<SliceView<'a>>,
    leaderboard: Option<&'a Leaderboard>,
}

#[derive(Serialize)]
struct SliceView<'a> {
    name: &'a str,
    counts: Counts,
    /// Those that say most of the task.
    figures: Vec<FigureView<'a>>,
}

#[derive(Serialize)]
struct FigureView<'a> {
    id: String,
    name: &'static str,
    hint: &'static str,
    #[serde(flatten)]
    figure: &'a Figure,
    method: Option<&'static str>,
    baselines: Vec<(&'static str, Option<f64>)>,
}

#[derive(Serialize)]
struct ConfusionRow<'a> {
    label: &'a str,
    /// The count, and its share of the row.
    cells: Vec<(usize, f64)>,
}

#[derive(Serialize)]
struct CheckView<'a> {
    rubric: &'a str,
    name: &'static str,
    at_least: Option<f64>,
    at_most: Option<f64>,
    value: Option<f64>,
    passed: bool,
}

#[derive(Serialize)]
pub struct RowView<'a> {
    rubric: &'a str,
    id: &'a str,
    cluster: Option<&'a str>,
    slice: Option<&'a str>,
    systems: &'a [String],
    answer: Option<String>,
    /// Whether judge and people say the same; of a mean score, whether the judge's is the nearest.
    agrees: bool,
    expected: Option<f64>,
    consistent: Option<bool>,
    consensus: Option<&'a str>,
    human: Vec<Option<String>>,
    disagreement: Option<f64>,
    error: Option<&'a str>,
    distribution: Vec<(String, f64)>,
    /// `None` where only the outcome counts: the texts of many rows are large.
    shown: Option<&'a Shown>,
}

impl<'a> View<'a> {
    pub fn of(report: &'a Report) -> Value {
        let check = |check: &'a crate::eval::report::Check| CheckView {
            rubric: &check.rubric,
            name: words(check.threshold.metric).0,
            at_least: check.threshold.at_least,
            at_most: check.threshold.at_most,
            value: check.value,
            passed: check.passed,
        };
        Value::from(Serde(View {
            confidence: ((report.settings.confidence * 1000.0).round() / 10.0).to_string(),
            seed: report.settings.seed,
            resamples: report.settings.resamples,
            width: report.settings.width,
            sections: report.sections.iter().map(SectionView::of).collect(),
            checks: report.checks.iter().map(check).collect(),
            probes: &report.probes,
            failed_checks: report.checks.iter().filter(|check| !check.passed).count(),
            failed_rows: report.sections.iter().map(|section| section.counts.failed).sum(),
            count: report.rows.len(),
        }))
    }

    /// The rows, the greatest disagreement first, those without a verdict before all; at most so many of them.
    pub fn rows(report: &'a Report, most: usize) -> Value {
        let rows = worst_first(report).into_iter().take(most);
        Value::from(Serde(rows.map(RowView::of).collect::<Vec<_>>()))
    }

    /// All rows in the same order, without their texts.
    pub fn outcomes(report: &'a Report) -> Value {
        let outcome =
            |row| RowView { shown: None, distribution: Vec::new(), human: Vec::new(), ..RowView::of(row) };
        Value::from(Serde(worst_first(report).into_iter().map(outcome).collect::<Vec<_>>()))
    }
}

fn worst_first(report: &Report) -> Vec<&Row> {
    let mut rows: Vec<&Row> = report.rows.iter().collect();
    let worst = |row: &Row| match (&row.graded.error, row.disagreement) {
        (Some(_), _) => f64::INFINITY,
        (None, disagreement) => disagreement.unwrap_or(f64::NEG_INFINITY),
    };
    rows.sort_by(|a, b| worst(b).total_cmp(&worst(a)));
    rows
}

impl<'a> SectionView<'a> {
    fn of(section: &'a Section) -> SectionView<'a> {
        let confusion = section.confusion.labels.iter().zip(&section.confusion.counts);
        let of_row = |(label, counts): (&'a String, &Vec<usize>)| {
            let all = counts.iter().sum::<usize>().max(1) as f64;
            ConfusionRow { label, cells: counts.iter().map(|count| (*count, *count as f64 / all)).collect() }
        };
        SectionView {
            rubric: &section.rubric,
            task: section.task.name(),
            counts: section.counts,
            figures: section.figures.iter().map(FigureView::of).collect(),
            labels: &section.labels,
            confusion: confusion.map(of_row).collect(),
            reliability: &section.reliability,
            raters: &section.raters,
            notes: &section.notes,
            slices: section.slices.iter().map(|slice| SliceView::of(slice, section.task)).collect(),
            leaderboard: section.leaderboard.as_ref(),
        }
    }
}

impl<'a> SliceView<'a> {
    fn of(slice: &'a Slice, task: Task) -> SliceView<'a> {
        let main = match task {
            Task::Score => [Metric::Pearson, Metric::MeanAbsoluteError, Metric::Accuracy],
            Task::Classify => [Metric::Accuracy, Metric::BalancedAccuracy, Metric::Kappa],
            Task::Compare => [Metric::Accuracy, Metric::AccuracyHalfTies, Metric::PositionConsistency],
        };
        let figures = slice.figures.iter().filter(|figure| main.contains(&figure.metric));
        SliceView { name: &slice.name, counts: slice.counts, figures: figures.map(FigureView::of).collect() }
    }
}

impl<'a> FigureView<'a> {
    fn of(figure: &'a Figure) -> FigureView<'a> {
        let (name, hint) = words(figure.metric);
        let baseline = |name| match name {
            BaselineName::Constant => "constant",
            BaselineName::Majority => "majority",
            BaselineName::Longer => "longer",
            BaselineName::Random => "random",
        };
        FigureView {
            id: figure.metric.to_string(),
            name,
            hint,
            figure,
            method: figure.interval.map(|interval| match interval.method {
                Method::Bca => "BCa",
                Method::DeLong => "DeLong",
                Method::Wilson => "Wilson",
            }),
            baselines: figure.baselines.iter().map(|b| (baseline(b.name), b.value)).collect(),
        }
    }
}

impl<'a> RowView<'a> {
    fn of(row: &'a Row) -> RowView<'a> {
        let graded = &row.graded;
        let answer = graded.grade.answer();
        let number = |text: &Option<String>| text.as_ref()?.parse::<f64>().ok();
        let agrees = match (&graded.grade, number(&answer), number(&row.consensus)) {
            (Grade::Score { .. }, Some(answer), Some(mean)) => (answer - mean).abs() <= 0.5,
            _ => answer.is_some() && answer == row.consensus,
        };
        RowView {
            agrees,
            rubric: &graded.rubric,
            id: &graded.id,
            cluster: graded.cluster.as_deref(),
            slice: graded.slice.as_deref(),
            systems: &graded.systems,
            answer,
            expected: graded.grade.number().filter(|_| graded.grade.task() == Task::Score),
            consistent: graded.grade.consistent(),
            consensus: row.consensus.as_deref(),
            human: graded.grade.human(),
            disagreement: row.disagreement,
            error: graded.error.as_deref(),
            distribution: graded.grade.distribution(),
            shown: Some(&graded.shown),
        }
    }
}

/// A number to three decimals; a dash where there is none.
pub fn figure(value: Option<f64>) -> Value {
    let text = match value {
        // Rounded to nothing, a sign would mean nothing.
        Some(value) if value.abs() < 0.0005 => "0.000".into(),
        Some(value) => format!("{value:.3}"),
        None => "—".into(),
    };
    Value::from_safe_string(text)
}

/// What a figure is called, and what it is.
pub fn words(metric: Metric) -> (&'static str, &'static str) {
    match metric {
        Metric::Pearson => ("Pearson r", "Linear correlation of expected and human score; 1 is best."),
        Metric::Spearman => ("Spearman ρ", "Correlation of ranks; 1 is best."),
        Metric::Kendall => {
            ("Kendall τ-b", "Pairs of rows in the same order, less those in the other; 1 is best.")
        }
        Metric::MeanAbsoluteError => ("Mean absolute error", "In points of the scale; 0 is best."),
        Metric::RootMeanSquaredError => ("Root mean squared error", "In points of the scale; 0 is best."),
        Metric::Bias => {
            ("Bias", "Mean of expected minus human score; 0 is best, above it the judge is lenient.")
        }
        Metric::Accuracy => ("Accuracy", "Rows on which judge and people say the same."),
        Metric::BalancedAccuracy => ("Balanced accuracy", "Mean of the recalls of the labels."),
        Metric::MacroF1 => ("Macro F1", "Mean of the F1 of the labels."),
        Metric::Kappa => ("Cohen κ", "Agreement beyond chance; 1 is best, 0 is chance."),
        Metric::LinearKappa => ("Cohen κ, linear", "A disagreement counts by its distance."),
        Metric::QuadraticKappa => {
            ("Cohen κ, quadratic", "A disagreement counts by the square of its distance.")
        }
        Metric::NominalAlpha => {
            ("Krippendorff α, nominal", "Agreement of judge and all raters beyond chance.")
        }
        Metric::OrdinalAlpha => ("Krippendorff α, ordinal", "The same, a disagreement counting by ranks."),
        Metric::IntervalAlpha => {
            ("Krippendorff α, interval", "The same, a disagreement counting by its square.")
        }
        Metric::Auroc => {
            ("AUROC", "How often a row that people pass stands above one that they do not; ½ is chance.")
        }
        Metric::Brier => ("Brier score", "Squared error of the probabilities; 0 is best."),
        Metric::CalibrationError => {
            ("Calibration error", "How far probabilities are from shares that are right.")
        }
        Metric::AccuracyWithoutTies => ("Accuracy without ties", "Where neither judge nor people say tie."),
        Metric::AccuracyHalfTies => ("Accuracy, ties half", "A tie against a winner is half an agreement."),
        Metric::PositionConsistency => ("Position consistency", "Comparisons of which both orders agree."),
    }
}
