//! Bias probes, and bounds on rows as a whole, as a shell sees them, on a model that is made here.

mod support;

use serde_json::{Value, json};
use std::fs;
use support::{Workplace, lines};

const QUICK: [&str; 2] = ["evaluate", "--no-critique"];

fn rows(count: usize, label: impl Fn(usize) -> Value) -> String {
    let row = |i: usize| {
        let response = "moon ".repeat(1 + (i * 7) % 13);
        json!({ "id": i, "input": format!("Say moon, {i}."), "response": response, "label": label(i) })
            .to_string()
            + "\n"
    };
    (0..count).map(row).collect()
}

fn read(place: &Workplace, name: &str) -> String {
    fs::read_to_string(place.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn effects(place: &Workplace, folder: &str) -> Vec<Value> {
    serde_json::from_str(&read(place, &format!("{folder}/probes.json"))).unwrap()
}

#[test]
fn every_probe_is_measured() {
    let place = Workplace::new("probes-all");
    fs::write(place.path("rows.jsonl"), rows(6, |i| json!(1 + i % 5))).unwrap();
    let lists = "user_template: '{rubric_objective} {rubric_levels} {rubric_labels} {user_input} {assistant_response}'\n";
    fs::write(place.path("lists.yaml"), lists.replace("{rubric_labels} ", "")).unwrap();
    let args = [
        &QUICK[..],
        &["--data=rows.jsonl", "--rubric=score.yaml", "--template=lists.yaml", "--probes=all", "--out=out"],
    ]
    .concat();
    let run = place.run(&args, "");
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stderr.contains("position is not for score rows"), "{}", run.stderr);
    assert!(
        run.stdout.contains("Bias probes") && run.stdout.contains("redundant restatement"),
        "{}",
        run.stdout
    );
    let found = effects(&place, "out");
    assert_eq!(found.len(), 26);
    assert_eq!(found.iter().filter(|effect| effect["probe"] == "attacks").count(), 11);
    for effect in &found {
        // The template has no place for labels, so letters are an error of each row, which is counted.
        let judged = if effect["variant"] == "score-labels" { 0 } else { 6 };
        assert_eq!((&effect["n"], &effect["failed"]), (&json!(judged), &json!(6 - judged)), "{effect}");
        assert_eq!(
            effect["passed"].is_object(),
            effect["probe"] == "empty-answer"
                || effect["probe"] == "master-key"
                || effect["variant"] == "instruction-alone",
            "{effect}"
        );
    }
    let report: Value = serde_json::from_str(&read(&place, "out/report.json")).unwrap();
    assert_eq!(report["probes"], json!(found));
    assert!(read(&place, "out/report.html").contains("Bias probes"));
    // The shift is that of the verdicts in the journal.
    let plain: f64 = lines(&read(&place, "out/results.jsonl"))
        .iter()
        .map(|line| line["verdicts"]["score"]["expected"].as_f64().unwrap())
        .sum();
    let unlabelled = rows(6, |_| json!(null));
    let cheerful = unlabelled.lines().map(|line| {
        let mut row: Value = serde_json::from_str(line).unwrap();
        let response = row["response"].as_str().unwrap().to_string();
        row["response"] = json!(format!("✨ {response} 🎉👍"));
        row.to_string() + "\n"
    });
    fs::write(place.path("emoji.jsonl"), cheerful.collect::<String>()).unwrap();
    let args =
        [&QUICK[..], &["--data=emoji.jsonl", "--rubric=score.yaml", "--template=lists.yaml", "--out=emoji"]]
            .concat();
    assert_eq!(place.run(&args, "").code, 0);
    let changed: f64 = lines(&read(&place, "emoji/results.jsonl"))
        .iter()
        .map(|line| line["verdicts"]["score"]["expected"].as_f64().unwrap())
        .sum();
    let emoji = found.iter().find(|effect| effect["variant"] == "emoji").unwrap();
    let shift = emoji["shift"]["value"].as_f64().unwrap();
    assert!((shift - (changed - plain) / 6.0).abs() < 1e-3, "{shift} {changed} {plain}");
}

#[test]
fn probes_are_not_judged_twice() {
    let place = Workplace::new("probes-again");
    fs::write(place.path("rows.jsonl"), rows(4, |_| json!("Yes"))).unwrap();
    fs::write(place.path("eval.yaml"), "data: rows.jsonl\nrubrics: [{file: class.yaml}]\ntemplate: labels.yaml\ncritique: false\nprobes: [verbosity, rubric-order, score-labels]\nout: out\n").unwrap();
    let run = || place.run(&["evaluate", "eval.yaml"], "");
    assert_eq!(run().code, 0);
    let journal = read(&place, "out/verdicts.jsonl");
    assert_eq!(journal.lines().count(), 16);
    let first = effects(&place, "out");
    assert!(first.iter().all(|effect| effect["n"] == 4), "{first:?}");
    assert_eq!(run().code, 0);
    assert_eq!((read(&place, "out/verdicts.jsonl"), effects(&place, "out")), (journal, first));
    // A run without probes does not show those of another one.
    fs::write(place.path("eval.yaml"), read(&place, "eval.yaml").replace("probes", "#")).unwrap();
    assert_eq!(run().code, 0);
    assert!(!place.path("out/probes.json").exists());
    let wrong = place
        .run(&[&QUICK[..], &["--data=rows.jsonl", "--rubric=class.yaml", "--probes=lenght"]].concat(), "");
    assert!(wrong.code == 2 && wrong.stderr.contains("verbosity"), "{}", wrong.stderr);
}

#[test]
fn comparisons_are_probed_on_one_side() {
    let place = Workplace::new("probes-pairs");
    let pair = |i: usize| {
        json!({ "input": format!("Say {i}."), "responseA": "moon moon", "responseB": "sun", "label": "a" })
            .to_string()
            + "\n"
    };
    fs::write(place.path("pairs.jsonl"), (0..8).map(pair).collect::<String>()).unwrap();
    fs::write(place.path("better.yaml"), "objective: Which is moony?").unwrap();
    let args = [
        &QUICK[..],
        &[
            "--data=pairs.jsonl",
            "--rubric=better.yaml",
            "--template=pair.yaml",
            "--probes=position,authority,empty-answer,rubric-order",
            "--out=out",
        ],
    ]
    .concat();
    let run = place.run(&args, "");
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stderr.contains("rubric-order is not for compare rows"), "{}", run.stderr);
    let found = effects(&place, "out");
    let position = found.iter().find(|effect| effect["probe"] == "position").unwrap();
    let shifts = lines(&read(&place, "out/results.jsonl")).into_iter().map(|line| {
        let orders = &line["verdicts"]["better"]["orders"];
        orders[0]["probabilityA"].as_f64().unwrap() - orders[1]["probabilityA"].as_f64().unwrap()
    });
    let mean = shifts.sum::<f64>() / 8.0;
    assert!((position["shift"]["value"].as_f64().unwrap() - mean).abs() < 1e-12, "{position} {mean}");
    assert_eq!(found.len(), 3);
}

#[test]
fn rows_as_a_whole_have_bounds() {
    let place = Workplace::new("probes-whole");
    fs::write(place.path("rows.jsonl"), rows(4, |i| json!(1 + i % 5))).unwrap();
    let run = |args: &[&str]| {
        let all = [&QUICK[..], &["--template=short.yaml", "--rubric=score.yaml", "--data=rows.jsonl"], args]
            .concat();
        place.run(&all, "")
    };
    for (args, code, why) in [
        (&["--threshold=score=1", "--fail-under=passRate=1", "--fail-under=overall=0"][..], 0, ""),
        (&["--threshold=score=1", "--fail-over=passRate=0.5"], 4, "passRate is 1.000 [0.510, 1.000]"),
        (&["--threshold=score=6", "--fail-under=passRate=0.5"], 4, "passRate is 0.000"),
        (&["--fail-under=overall=1"], 4, "overall is 0."),
        // Nothing says which rows pass.
        (&["--fail-under=passRate=0"], 4, "not defined"),
    ] {
        let run = run(args);
        assert_eq!(run.code, code, "{args:?}: {}", run.stderr);
        assert!(run.stderr.contains(why), "{args:?}: {}", run.stderr);
    }
}
