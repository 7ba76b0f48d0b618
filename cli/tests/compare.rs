//! Runs side by side, as a shell sees them, on a model that is made here.

mod support;

use serde_json::{Value, json};
use std::fs;
use support::{Workplace, lines};

fn text(place: &Workplace, name: &str) -> String {
    fs::read_to_string(place.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// A folder with labelled rows, and a second template.
fn place(name: &str) -> Workplace {
    let place = Workplace::new(name);
    let row = |i: usize| {
        let response = "moon ".repeat(1 + i % 9);
        json!({ "id": i, "input": format!("Say moon, {i}."), "response": response, "label": 1 + i % 5 })
            .to_string()
    };
    let rows: Vec<String> = (0..40).map(row).collect();
    fs::write(place.path("rows.jsonl"), rows.join("\n")).unwrap();
    fs::write(
        place.path("long.yaml"),
        "user_template: 'Judge. {user_input} {assistant_response} {rubric}'\n",
    )
    .unwrap();
    place
}

const ARGUMENTS: [&str; 5] =
    ["evaluate", "--data=rows.jsonl", "--rubric=score.yaml", "--no-critique", "--backend=cpu"];

#[test]
fn templates_and_judges_are_compared() {
    let place = place("compare-variants");
    let templates = ["--template=short.yaml", "--template=long.yaml", "--out=robust"];
    let run = place.run(&[&ARGUMENTS[..], &templates].concat(), "");
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.contains("# Comparison of 2 runs"), "{}", run.stdout);
    let comparison: Value = serde_json::from_str(&text(&place, "robust/comparison.json")).unwrap();
    assert_eq!(comparison["runs"], json!(["robust/short", "robust/long"]));
    let section = &comparison["sections"][0];
    assert_eq!((&section["rows"], &section["leftOut"]), (&json!(40), &json!(0)));
    // Each run stands on its own as well.
    for name in ["short", "long"] {
        assert_eq!(lines(&text(&place, &format!("robust/{name}/results.jsonl"))).len(), 40);
        let report: Value =
            serde_json::from_str(&text(&place, &format!("robust/{name}/report.json"))).unwrap();
        let figure = |of: &Value| of["figures"][0]["value"].clone();
        let at = usize::from(name == "long");
        assert_eq!(section["figures"][0]["runs"][at]["value"], figure(&report["sections"][0]));
    }
    for name in ["comparison.md", "comparison.html"] {
        assert!(text(&place, &format!("robust/{name}")).contains("long"), "{name}");
    }

    // In a file: two judges with two templates. What was judged is not judged again.
    let file = "data: rows.jsonl\ncritique: false\nbackend: cpu\nout: both\nrubrics: [{file: score.yaml}]\n\
        templates: [short.yaml, long.yaml]\njudges: [{name: one, model: tiny.gguf}, {name: two, model: tiny.gguf, context: 300}]\n";
    fs::write(place.path("eval.yaml"), file).unwrap();
    for judged in ["40 rows judged", "40 answered before"] {
        let run = place.run(&["evaluate", "eval.yaml"], "");
        assert_eq!(run.code, 0, "{}", run.stderr);
        assert_eq!(run.stderr.matches(judged).count(), 4, "{}", run.stderr);
    }
    let comparison: Value = serde_json::from_str(&text(&place, "both/comparison.json")).unwrap();
    assert_eq!(
        comparison["runs"],
        json!(["both/one-short", "both/one-long", "both/two-short", "both/two-long"])
    );

    for (args, why) in [
        (&["--judge=one"][..], "NAME=FILE"),
        (&["--judge=a/b=tiny.gguf", "--judge=c=tiny.gguf"], "a folder's"),
        (&["--template=short.yaml", "--template=x/short.yaml"], "names of their own"),
        (&["--template=short.yaml", "--template=long.yaml", "--baseline=robust/short"], "compare-runs"),
    ] {
        let run = place.run(&[&ARGUMENTS[..], args].concat(), "");
        assert!(run.code == 2 && run.stderr.contains(why), "{args:?}: {} {}", run.code, run.stderr);
    }
}

/// A run whose judge is always right: its report with people's labels as verdicts.
fn perfect(place: &Workplace, run: &str, better: &str) {
    let mut report: Value = serde_json::from_str(&text(place, &format!("{run}/report.json"))).unwrap();
    for row in report["rows"].as_array_mut().unwrap() {
        let label = row["human"][0].as_f64().unwrap();
        row["verdict"]["score"] = json!(label as i64);
        row["verdict"]["expected"] = json!(label);
        row["verdict"]["distribution"] = json!({ (label as i64).to_string(): 1.0 });
    }
    fs::create_dir_all(place.path(better)).unwrap();
    fs::write(place.path(&format!("{better}/report.json")), report.to_string()).unwrap();
}

#[test]
fn a_significant_drop_changes_the_exit_code() {
    let place = place("compare-baseline");
    let args = [&ARGUMENTS[..], &["--template=short.yaml", "--out=run"]].concat();
    assert_eq!(place.run(&args, "").code, 0);
    perfect(&place, "run", "better");
    let run = place.run(&[&args[..], &["--baseline=better"]].concat(), "");
    assert_eq!(run.code, 4, "{}", run.stderr);
    assert!(run.stderr.contains("pearson of score is"), "{}", run.stderr);
    assert!(place.path("run/comparison.html").exists());
    // The same run is no drop, and a better one is none.
    assert_eq!(
        place.run(&[&args[..], &["--baseline=run"]].concat(), "").code,
        2,
        "a run cannot be its own baseline"
    );
    let compare = |args: &[&str]| place.run(&[&["compare-runs"], args].concat(), "");
    assert_eq!(compare(&["better", "run"]).code, 0);
    assert_eq!(compare(&["better", "run", "--fail-on-drop", "--out=compared"]).code, 4);
    assert_eq!(compare(&["run", "better", "--fail-on-drop"]).code, 0);
    assert!(text(&place, "compared/comparison.md").contains("**worse**"));
    for (args, why) in [
        (&["run", "nowhere"][..], "nowhere"),
        (&["run", "rows.jsonl"], "no report"),
        (&["run", "run"], "same name"),
    ] {
        let run = compare(args);
        assert!(run.code == 2 && run.stderr.contains(why), "{args:?}: {} {}", run.code, run.stderr);
    }
}
