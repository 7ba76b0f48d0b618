//! Reports of evaluations: their figures against Python's (`golden/statistics.py`), what is undefined, and their renderings.

use lunette::eval::*;
use lunette::judge::Winner;
use lunette::statistics::holm;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn settings() -> Settings {
    Settings { resamples: 200, ..Settings::default() }
}

fn rows(rows: Value) -> Vec<Graded> {
    serde_json::from_value(rows).expect("rows")
}

fn figure(section: &Section, metric: Metric) -> &Figure {
    section.figures.iter().find(|figure| figure.metric == metric).expect("the figure")
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Golden {
    rows: Vec<Graded>,
    compared: usize,
    contested: usize,
    figures: BTreeMap<String, f64>,
    constant_mean_absolute_error: Option<f64>,
    ceiling_pearson: Option<f64>,
}

fn golden() -> Vec<Golden> {
    let mut tables: Value = serde_json::from_str(include_str!("golden/statistics.json")).expect("the tables");
    serde_json::from_value(tables["reports"].take()).expect("reports")
}

#[track_caller]
fn close(what: &str, found: Option<f64>, expected: f64) {
    let found = found.unwrap_or_else(|| panic!("{what} is undefined"));
    assert!((found - expected).abs() < 1e-9, "{what} is {found} instead of {expected}");
}

#[test]
fn figures_are_those_of_python() {
    let tasks = [Task::Score, Task::Classify, Task::Compare];
    for (golden, task) in golden().into_iter().zip(tasks) {
        let report = Report::of(golden.rows, &settings()).expect("a report");
        let section = &report.sections[0];
        assert_eq!(section.task, task);
        assert_eq!(
            (section.counts.compared, section.counts.contested),
            (golden.compared, golden.contested),
            "{:?}",
            section.counts
        );
        let names: Vec<String> = section.figures.iter().map(|figure| figure.metric.to_string()).collect();
        let mut expected: Vec<&String> = golden.figures.keys().collect();
        let mut found: Vec<&String> = names.iter().collect();
        expected.sort();
        found.sort();
        assert_eq!(found, expected);
        for (figure, name) in section.figures.iter().zip(&names) {
            close(name, figure.value, golden.figures[name]);
            let interval = figure.interval.unwrap_or_else(|| panic!("{name} has no interval"));
            let value = figure.value.unwrap_or(f64::NAN);
            assert!(interval.low < value && value < interval.high, "{name}: {figure:?}");
        }
        if let Some(expected) = golden.constant_mean_absolute_error {
            close("constant", figure(section, Metric::MeanAbsoluteError).baselines[0].value, expected);
        }
        if let Some(expected) = golden.ceiling_pearson {
            close("ceiling", figure(section, Metric::Pearson).ceiling, expected);
        }
    }
}

#[test]
fn the_same_rows_give_the_same_report() {
    for golden in golden() {
        let one = Report::of(golden.rows.clone(), &settings()).expect("a report");
        let json = one.to_json().expect("JSON");
        assert_eq!(Report::of(golden.rows, &settings()).expect("a report"), one);
        let read = Report::from_json(&json).expect("the same");
        // JSON is read to within the last digit of a number: both sides are read once.
        let written: Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!(serde_json::to_value(&read).expect("a value"), written);
        assert_eq!(read.to_html().expect("HTML"), one.to_html().expect("HTML"));
    }
}

fn scored(id: &str, expected: f64, human: Value) -> Value {
    json!({ "id": id, "task": "score", "human": human,
        "verdict": { "score": expected.round() as i64, "expected": expected, "distribution": { "1": 0.5, "5": 0.5 } } })
}

#[test]
fn what_is_not_defined_has_no_number() {
    let tables = [
        ("one row", json!([scored("a", 2.0, json!([3]))])),
        ("a constant judge", json!([scored("a", 2.0, json!([3])), scored("b", 2.0, json!([4]))])),
        ("constant people", json!([scored("a", 2.0, json!([3])), scored("b", 4.0, json!([3]))])),
        ("nobody", json!([scored("a", 2.0, json!([])), scored("b", 4.0, json!([null, null]))])),
    ];
    for (name, table) in tables {
        let report = Report::of(rows(table), &settings()).expect(name);
        let section = &report.sections[0];
        for metric in [Metric::Pearson, Metric::Spearman, Metric::Kendall] {
            let figure = figure(section, metric);
            assert_eq!(
                (figure.value, figure.interval, figure.ceiling),
                (None, None, None),
                "{name}: {metric}"
            );
        }
        assert!(!section.notes.is_empty(), "{name}");
        assert!(report.to_markdown().expect(name).contains('—'));
    }
    let empty = Report::of(Vec::new(), &settings()).expect("nothing is a report too");
    assert_eq!((empty.sections.len(), empty.rows.len()), (0, 0));
    for text in [empty.to_html(), empty.to_markdown(), empty.to_junit()] {
        assert!(!text.expect("a rendering").is_empty());
    }
    // Raters who never rate the same.
    let apart = json!([
        scored("a", 2.0, json!([3, null])),
        scored("b", 4.0, json!([null, 5])),
        scored("c", 1.0, json!([1, null])),
        scored("d", 3.0, json!([null, 2])),
    ]);
    let report = Report::of(rows(apart), &settings()).expect("a report");
    let section = &report.sections[0];
    assert!(figure(section, Metric::Pearson).value.is_some());
    assert!(section.figures.iter().all(|figure| figure.ceiling.is_none()));
    assert_eq!((section.raters.raters, section.raters.overlapping), (2, 0));
    assert_eq!((section.raters.pairwise_agreement, section.raters.nominal_alpha), (None, None));
}

#[test]
fn bad_rows_are_refused() {
    let with = |expected: f64, human: f64| {
        let verdict = Some(Scored { score: 1.into(), expected, distribution: vec![(1.into(), 1.0)] });
        let grade = Grade::Score { verdict, human: vec![Some(human)] };
        let row = Graded {
            id: "x".into(),
            rubric: String::new(),
            cluster: None,
            slice: None,
            systems: Vec::new(),
            grade,
            error: None,
            shown: Shown::default(),
        };
        Report::of(vec![row], &settings()).map(|_| ()).expect_err("a bad row").to_string()
    };
    assert!(with(f64::NAN, 1.0).contains("row \"x\""));
    assert!(with(1.0, f64::INFINITY).contains("row \"x\""));
    let refused = |table: Value, settings: Settings| {
        Report::of(rows(table), &settings).map(|_| ()).expect_err("bad rows").to_string()
    };
    let twice = json!([scored("a", 2.0, json!([3])), scored("a", 2.0, json!([3]))]);
    assert!(refused(twice, settings()).contains("twice"));
    let mixed =
        json!([scored("a", 2.0, json!([3])), { "id": "b", "task": "compare", "verdict": null, "human": [] }]);
    assert!(refused(mixed, settings()).contains("another task"));
    let one = || json!([scored("a", 2.0, json!([3]))]);
    let resamples = Settings { resamples: 1_000_000, ..settings() };
    assert!(refused(one(), resamples).contains("resamples"));
    let metric = Metric::PositionConsistency;
    let threshold = Threshold { rubric: None, metric, at_least: Some(0.5), at_most: None };
    assert!(
        refused(one(), Settings { thresholds: vec![threshold], ..settings() })
            .contains("positionConsistency")
    );
    let improbable = json!([{ "id": "a", "task": "compare", "human": ["a"], "verdict": { "winner": "a", "probabilityA": 1.5 } }]);
    assert!(refused(improbable, settings()).contains("probabilityA"));
    assert!(Report::from_json("{}").is_err());
}

#[test]
fn clusters_widen_intervals() {
    // Every answer thirty times over: there are twelve, not 360.
    let table = |clustered: bool| {
        let rows = (0..360).map(|i| {
            let mut row =
                scored(&i.to_string(), 1.0 + (i % 12) as f64 / 3.0, json!([1 + (i % 12) * (i % 5) % 5]));
            if clustered {
                row["cluster"] = json!((i % 12).to_string());
            }
            row
        });
        Value::from_iter(rows)
    };
    let width = |clustered| {
        let report = Report::of(rows(table(clustered)), &settings()).expect("a report");
        let section = &report.sections[0];
        assert_eq!(section.counts.clusters, clustered.then_some(12));
        let figure = figure(section, Metric::Bias);
        let interval = figure.interval.expect("an interval");
        assert_eq!(figure.labels_needed.expect("a number") > 360, interval.high - interval.low > 0.1);
        interval.high - interval.low
    };
    assert!(width(true) > 1.5 * width(false), "{} and {}", width(true), width(false));
}

#[test]
fn the_longer_response_is_a_judge_too() {
    let row = |id: &str, human: &str, a: &str, b: &str| {
        json!({ "id": id, "task": "compare", "human": [human], "shown": { "responses": [a, b] },
            "verdict": { "winner": "a", "probabilityA": 0.75, "consistent": true } })
    };
    let table = json!([
        row("1", "b", "short", "a longer one"),
        row("2", "a", "a longer one", "short"),
        row("3", "tie", "alike", "alike"),
        row("4", "b", "the longest of all", "no"),
    ]);
    let report = Report::of(rows(table), &settings()).expect("a report");
    let accuracy = figure(&report.sections[0], Metric::Accuracy);
    let baseline = |name| accuracy.baselines.iter().find(|b| b.name == name).and_then(|b| b.value);
    assert_eq!((accuracy.value, baseline(BaselineName::Longer)), (Some(0.25), Some(0.75)));
    assert_eq!(baseline(BaselineName::Majority), Some(0.5));
    let random = baseline(BaselineName::Random).expect("a value");
    // ½ of the three that are no tie; 100 draws.
    assert!((random - 0.375).abs() < 0.1, "{random}");
}

#[test]
fn thresholds_pass_fail_and_never_pass_undefined() {
    let threshold = |metric, at_least, at_most| Threshold { rubric: None, metric, at_least, at_most };
    let thresholds = vec![
        threshold(Metric::MeanAbsoluteError, None, Some(1.5)),
        threshold(Metric::MeanAbsoluteError, None, Some(0.5)),
        threshold(Metric::Pearson, Some(-1.0), None),
    ];
    let table = json!([scored("a", 2.0, json!([3])), scored("b", 2.0, json!([3]))]);
    let report = Report::of(rows(table), &Settings { thresholds, ..settings() }).expect("a report");
    let passed: Vec<bool> = report.checks.iter().map(|check| check.passed).collect();
    assert_eq!(passed, [true, false, false]);
    let junit = report.to_junit().expect("XML");
    assert!(junit.contains(r#"failures="2""#) && junit.contains("not defined"), "{junit}");
}

#[test]
fn two_runs_are_told_apart() {
    let run = |right: &dyn Fn(usize) -> bool| {
        let row = |i: usize| {
            let label = if right(i) { "Yes" } else { "No" };
            json!({ "id": i.to_string(), "task": "classify", "human": ["Yes"],
                "verdict": { "label": label, "distribution": { "Yes": if right(i) { 0.9 } else { 0.2 }, "No": 0.1 } } })
        };
        rows((0..40).map(row).collect())
    };
    let (bad, good) = (run(&|i| i % 2 == 0), run(&|i| i % 20 != 1));
    let paired = Paired::of(&bad, &good, &settings()).expect("two runs");
    let section = &paired.sections[0];
    let accuracy = section.figures.iter().find(|f| f.metric == Metric::Accuracy).expect("accuracy");
    assert_eq!((accuracy.n, accuracy.first, accuracy.second), (40, Some(0.5), Some(0.95)));
    assert_eq!(section.unpaired, 0);
    let test = accuracy.test.expect("a test");
    // 18 rows flip to the right side, none to the wrong one: 2 · ½¹⁸.
    assert_eq!(test.method, TestMethod::McNemar);
    assert!((test.p - 2f64.powi(-17)).abs() < 1e-15, "{test:?}");
    let tests: Vec<Test> = section.figures.iter().filter_map(|figure| figure.test).collect();
    assert!(tests.iter().all(|test| test.corrected >= test.p));
    let corrected: Vec<f64> = tests.iter().map(|test| test.corrected).collect();
    assert_eq!(corrected, holm(&tests.iter().map(|test| test.p).collect::<Vec<f64>>()));
    let same = Paired::of(&good, &good, &settings()).expect("two runs");
    assert!(same.sections[0].figures.iter().filter_map(|f| f.test).all(|test| test.p == 1.0), "{same:?}");
    let others: Vec<Graded> =
        good.into_iter().map(|row| Graded { id: format!("other {}", row.id), ..row }).collect();
    assert!(Paired::of(&bad, &others, &settings()).is_err());
}

const HOSTILE: &str = "</pre><script>alert(1)</script>\" onload='x' | `code` [a](javascript:b) ]]> & @team \u{0} {{ 7*7 }}\r\n# Title\n=1+1";

fn hostile() -> Report {
    let shown = Shown {
        input: HOSTILE.into(),
        responses: vec![HOSTILE.into()],
        critique: Some(HOSTILE.into()),
        ..Shown::default()
    };
    let row = |i: usize| Graded {
        id: format!("{i}{HOSTILE}"),
        rubric: HOSTILE.into(),
        cluster: Some(HOSTILE.into()),
        slice: Some(HOSTILE.into()),
        systems: Vec::new(),
        grade: Grade::Classify {
            verdict: (i != 3).then(|| Classified {
                label: HOSTILE.into(),
                distribution: vec![(HOSTILE.into(), 0.75), ("No".into(), 0.25)],
            }),
            human: vec![Some(HOSTILE.into()), Some("No".into()), i.is_multiple_of(2).then(|| "No".into())],
        },
        error: (i == 3).then(|| HOSTILE.into()),
        shown: shown.clone(),
    };
    let thresholds = vec![Threshold {
        rubric: Some(HOSTILE.into()),
        metric: Metric::Accuracy,
        at_least: Some(1.0),
        at_most: None,
    }];
    Report::of((0..4).map(row).collect(), &Settings { thresholds, ..settings() }).expect("a report")
}

#[test]
fn hostile_text_stays_text() {
    let report = hostile();
    let html = report.to_html().expect("HTML");
    assert_eq!(html.matches("<script>").count(), 1, "ours");
    assert_eq!(html.matches("</script>").count(), 1);
    assert!(!html.contains("onload='") && !html.contains("onload=\""));
    assert!(html.contains("&lt;script&gt;alert(1)") && html.contains("{{ 7*7 }}"));
    let markdown = report.to_markdown().expect("Markdown");
    assert!(!markdown.contains("<script") && !markdown.contains("\n# Title") && !markdown.contains("`code`"));
    assert!(!markdown.contains("](javascript") && !markdown.contains("@team"));
    // Each line of a table has as many bars as its header: none came from the data.
    let bars = |line: &str| line.matches('|').count();
    let table = markdown.lines().skip_while(|line| !line.starts_with("## Greatest"));
    let lines: Vec<&str> = table.filter(|line| line.starts_with('|')).collect();
    assert_eq!(lines.len(), 6, "{lines:?}");
    assert!(lines.iter().all(|line| bars(line) == bars(lines[0])), "{lines:?}");
    let junit = report.to_junit().expect("XML");
    assert!(!junit.contains("<script") && !junit.contains('\u{0}') && junit.contains("&lt;script&gt;"));
}

#[test]
fn a_table_of_rows_is_csv() {
    let csv = hostile().to_csv();
    let (lines, quoted) = csv.chars().fold((0, false), |(lines, quoted), c| match c {
        '"' => (lines, !quoted),
        '\n' if !quoted => (lines + 1, quoted),
        _ => (lines, quoted),
    });
    assert_eq!((lines, quoted), (5, false), "{csv}");
    let table = json!([{ "id": "=1+1", "task": "compare", "human": ["tie"], "slice": "sums", "systems": ["luna", "=sol"],
        "verdict": { "winner": "a", "probabilityA": 0.75, "consistent": false }, "shown": { "input": "-2", "responses": ["\"q\"", "x,y"] } }]);
    let csv = Report::of(rows(table), &settings()).expect("a report").to_csv();
    let line = csv.lines().nth(1).expect("a row");
    assert_eq!(
        line,
        r#",'=1+1,,sums,compare,a,,0.75,false,tie,"[""tie""]",0.5,,"[[""a"",0.75],[""b"",0.25]]",,-2,"""q""","x,y",luna,'=sol"#
    );
    assert_eq!(serde_json::to_value(Winner::Tie).expect("a word"), "tie");
}
