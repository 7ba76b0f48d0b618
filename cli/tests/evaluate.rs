//! `lunette evaluate` and `merge-runs` as a shell sees them, on a model that is made here.

mod support;

use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use support::{Run, Workplace, lines};

/// Critiques are drawn, and rows judged one by one: what is read depends on every bit, and on nothing else.
const DRAWN: [&str; 6] =
    ["evaluate", "--template=short.yaml", "--max-tokens=12", "--temperature=1", "--seed=7", "--batch=1"];
const QUICK: [&str; 3] = ["evaluate", "--no-critique", "--template=short.yaml"];

/// What a finished run leaves beside its verdicts.
const FILES: [&str; 7] =
    ["results.jsonl", "run.json", "report.json", "report.md", "report.html", "report.csv", "report.xml"];

fn rows(count: usize) -> String {
    let row = |i: usize| {
        let response = "moon ".repeat(1 + (i * 7) % 13);
        let label = 1 + i % 5;
        format!(
            "{}\n",
            json!({ "id": format!("row {i}"), "input": format!("Say moon, {i}."), "response": response, "label": label })
        )
    };
    (0..count).map(row).collect()
}

fn evaluate(place: &Workplace, args: &[&str]) -> Run {
    place.run(args, "")
}

fn text(place: &Workplace, name: &str) -> String {
    fs::read_to_string(place.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn results(place: &Workplace, folder: &str) -> Vec<Value> {
    lines(&text(place, &format!("{folder}/results.jsonl")))
}

#[test]
fn every_shape_is_judged() {
    let place = Workplace::new("evaluate-shapes");
    let prompt = |response: &str| {
        format!(
            "###The instruction to evaluate:\nName a moon.\n\n###Response to evaluate:\n{response}\n\n###Score Rubrics:\n[Is it one?]\nScore 1: No.\nScore 2: Yes.\n\n###Feedback: "
        )
    };
    let turns = json!([{ "role": "user", "content": "Name a moon." }, { "role": "assistant", "content": "Io." },
        { "role": "user", "content": "Another." }, { "role": "assistant", "content": "Europa." }]);
    let table = [
        ("plain.csv", "id,question,answer,label\n1,\"Name,\na moon.\",Io,4\n".to_string(), "score"),
        ("plain.tsv", "id\tquestion\tanswer\tlabel\n1\tName a moon.\tIo\t4\n".into(), "score"),
        ("messages.jsonl", json!({ "messages": turns, "label": 2 }).to_string(), "score"),
        ("promptfoo.json", json!({ "results": { "results": [{ "prompt": { "raw": "Name a moon." }, "vars": {}, "response": { "output": "Io." },
            "success": true, "gradingResult": { "componentResults": [{ "pass": true, "assertion": { "type": "human" } }] } }] } }).to_string(), "classify"),
        ("halueval.json", json!({ "ID": "1", "user_query": "Name a moon.", "chatgpt_response": "Io.", "hallucination": "no", "hallucination_spans": [] }).to_string(), "classify"),
        ("judgebench.json", json!({ "dataset": "d", "annotations": [{ "metric": "Quality" }], "instances": [
            { "id": 1, "instance": "Q\n\nGENERATED RESPONSE:\nIo.\nJudge the generated response:\n",
              "annotations": { "Quality": { "mean_human": 4.5, "individual_human_scores": [4, 5] } } }] }).to_string(), "score"),
        ("rewardbench.jsonl", json!({ "prompt": "Name a moon.", "chosen": "Io.", "rejected": "Mars.", "subset": "sky" }).to_string(), "compare"),
        ("llmbar.json", json!([{ "input": "Name a moon.", "output_1": "Io.", "output_2": "Mars.", "label": 1 }]).to_string(), "compare"),
        ("pandalm.json", json!([{ "idx": 0, "instruction": "Name a moon.", "input": "", "response1": "Io.", "response2": "Mars.",
            "annotator1": 1, "annotator2": 0, "annotator3": 1 }]).to_string(), "compare"),
        ("hhh.json", json!([{ "source": "moons", "chosen_instruction": prompt("Io."), "rejected_instruction": prompt("Mars.") }]).to_string(), "compare"),
        ("hh.jsonl", json!({ "chosen": "\n\nHuman: Hi\n\nAssistant: Io.", "rejected": "\n\nHuman: Hi\n\nAssistant: Mars." }).to_string(), "compare"),
        ("lists.json", json!({ "one": [{ "bias": "one", "instruction": "i", "response1": "Io.", "response2": "Mars.", "label": 1 }],
            "two": [{ "bias": "two", "instruction": "i", "response1": "Io.", "response2": "Mars.", "label": 2 }] }).to_string(), "compare"),
    ];
    fs::write(place.path("Quality.yaml"), text(&place, "score.yaml")).unwrap();
    fs::write(place.path("better.yaml"), "objective: Which is moony?").unwrap();
    for (name, data, task) in table {
        fs::write(place.path(name), data).unwrap();
        let (rubric, template) = match task {
            "score" => ("Quality.yaml", "short.yaml"),
            "classify" => ("class.yaml", "labels.yaml"),
            _ => ("better.yaml", "pair.yaml"),
        };
        let run = evaluate(
            &place,
            &[
                "evaluate",
                "--no-critique",
                "--data",
                name,
                "--rubric",
                rubric,
                "--template",
                template,
                "--out",
                "out",
            ],
        );
        assert_eq!(run.code, 0, "{name}: {}", run.stderr);
        for line in results(&place, "out") {
            let stem = rubric.trim_end_matches(".yaml");
            assert!(
                line["verdicts"][stem]["distribution"].is_object()
                    || line["verdicts"][stem]["winner"].is_string(),
                "{name}: {line}"
            );
            assert!(line["labels"][stem].is_array(), "{name}: {line}");
        }
        let report: Value = serde_json::from_str(&text(&place, "out/report.json")).unwrap();
        let counts = &report["sections"][0]["counts"];
        assert_eq!(counts["failed"], 0, "{name}: {counts}");
        assert_eq!(counts["rows"], if name == "lists.json" { 2 } else { 1 }, "{name}: {counts}");
    }
}

/// When a run is killed, whatever it is doing then.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// As soon as this many verdicts are written.
    Verdicts(usize),
    /// While it starts, or any time later.
    Milliseconds(u64),
}

/// Kills the program, and returns how many verdicts there are.
fn kill(place: &Workplace, args: &[&str], moment: Moment) -> usize {
    let mut child =
        place.command(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let path = place.path("broken/verdicts.jsonl");
    let written = || fs::read(&path).map_or(0, |bytes| bytes.iter().filter(|byte| **byte == b'\n').count());
    let start = Instant::now();
    let over = || match moment {
        Moment::Verdicts(count) => written() >= count,
        Moment::Milliseconds(time) => start.elapsed() >= Duration::from_millis(time),
    };
    while !over() {
        assert!(child.try_wait().unwrap().is_none(), "it has ended before it was killed: {moment:?}");
        assert!(start.elapsed() < Duration::from_secs(120), "{} verdicts, {moment:?}", written());
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success());
    written()
}

#[test]
fn a_run_that_is_killed_goes_on_where_it_was() {
    let place = Workplace::new("evaluate-killed");
    const ROWS: usize = 60;
    fs::write(place.path("rows.jsonl"), rows(ROWS)).unwrap();
    let args = |out: &'static str| [&DRAWN[..], &["--data=rows.jsonl", "--rubric=score.yaml", out]].concat();
    let whole = evaluate(&place, &args("--out=whole"));
    assert_eq!(whole.code, 0, "{}", whole.stderr);
    let mut before = 0;
    // Twenty times, and then once more with a line that was half written.
    for i in 0..20 {
        let moment = match i % 2 {
            0 => Moment::Verdicts(before + 1 + i % 4),
            _ => Moment::Milliseconds(i as u64 * 37 % 50),
        };
        let written = kill(&place, &args("--out=broken"), moment);
        assert!((before..ROWS).contains(&written), "{written} after {before}, {moment:?}");
        assert!(
            !place.path("broken/results.jsonl").exists(),
            "results of a part look like those of the whole"
        );
        before = written;
    }
    let journal = place.path("broken/verdicts.jsonl");
    let mut bytes = fs::read(&journal).unwrap();
    bytes.extend_from_slice(b"{\"hash\":\"0123");
    fs::write(&journal, &bytes).unwrap();
    let kept: Vec<u8> = bytes[..bytes.iter().rposition(|byte| *byte == b'\n').unwrap() + 1].to_vec();
    let run = evaluate(&place, &args("--out=broken"));
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stderr.contains("answered before"), "{}", run.stderr);
    for name in FILES {
        assert_eq!(text(&place, &format!("broken/{name}")), text(&place, &format!("whole/{name}")), "{name}");
    }
    // No verdict was lost, and none reached twice.
    let after = fs::read(&journal).unwrap();
    assert_eq!(after[..kept.len()], kept[..]);
    let mut hashes: Vec<Value> =
        lines(&text(&place, "broken/verdicts.jsonl")).into_iter().map(|line| line["hash"].clone()).collect();
    hashes.sort_by_key(Value::to_string);
    hashes.dedup();
    assert_eq!((hashes.len(), after.iter().filter(|byte| **byte == b'\n').count()), (ROWS, ROWS));
    // Nothing is left to judge.
    let again = evaluate(&place, &args("--out=broken"));
    assert!(again.stderr.contains(&format!("{ROWS} answered before")), "{}", again.stderr);
    assert_eq!(fs::read(&journal).unwrap(), after);
}

#[test]
fn equal_rows_are_judged_once() {
    let place = Workplace::new("evaluate-equal");
    let twins = json!({ "input": "Name a moon.", "response": "Io." }).to_string() + "\n";
    fs::write(place.path("rows.jsonl"), twins.repeat(8)).unwrap();
    let args = [&QUICK[..], &["--data=rows.jsonl", "--rubric=score.yaml", "--batch=4", "--out=out"]].concat();
    let run = evaluate(&place, &args);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(lines(&text(&place, "out/verdicts.jsonl")).len(), 1);
    let results = results(&place, "out");
    assert_eq!(results.len(), 8);
    assert!(results.iter().all(|line| line["verdicts"] == results[0]["verdicts"]));
}

#[test]
fn merged_shards_are_the_single_run() {
    let place = Workplace::new("evaluate-shards");
    // With a row that cannot be judged, which belongs to a shard like any other.
    let data = rows(11) + "{\"id\": \"odd\", \"input\": \"i\"}\n" + &rows(3);
    fs::write(place.path("rows.jsonl"), data).unwrap();
    let run = |args: &[&str]| {
        let all =
            [&DRAWN[..], &["--data=rows.jsonl", "--rubric=score.yaml", "--allow-errors"], args].concat();
        // clap takes an option once.
        let seeds = all.iter().filter(|arg| arg.starts_with("--seed")).count();
        let args: Vec<&str> = all.into_iter().filter(|arg| seeds == 1 || *arg != DRAWN[4]).collect();
        let run = evaluate(&place, &args);
        assert_eq!(run.code, 0, "{}", run.stderr);
    };
    run(&["--out=whole"]);
    let shards = ["--shard=0/3", "--shard=1/3", "--shard=2/3"];
    for (shard, out) in shards.iter().zip(["--out=a", "--out=b", "--out=c"]) {
        run(&[shard, out]);
    }
    let merged = evaluate(&place, &["merge-runs", "c", "a", "b", "--out=merged"]);
    assert_eq!(merged.code, 1, "{}", merged.stderr);
    for name in FILES {
        assert_eq!(text(&place, &format!("merged/{name}")), text(&place, &format!("whole/{name}")), "{name}");
    }
    assert_eq!(results(&place, "merged").len(), 15);
    // What does not belong together is not joined.
    run(&["--shard=2/3", "--out=d", "--seed=8"]);
    for (args, why) in [
        (&["a", "b"][..], "2/3 is missing"),
        (&["a", "a", "b"], "twice"),
        (&["a", "b", "d"], "another model, rubric, option"),
        (&["a", "b", "none"], "run.json"),
    ] {
        let run = evaluate(&place, &[&["merge-runs", "--out=wrong"], args].concat());
        assert!(run.code == 2 && run.stderr.contains(why), "{args:?}: {} {}", run.code, run.stderr);
    }
    fs::remove_file(place.path("b/results.jsonl")).unwrap();
    let run = evaluate(&place, &["merge-runs", "a", "b", "c", "--out=wrong"]);
    assert!(run.code == 2 && run.stderr.contains("not finished"), "{}", run.stderr);
}

#[test]
fn figures_change_the_exit_code() {
    let place = Workplace::new("evaluate-bounds");
    fs::write(place.path("rows.jsonl"), rows(12)).unwrap();
    let unlabelled: String = rows(12).replace("\"label\"", "\"rank\"");
    fs::write(place.path("unlabelled.jsonl"), unlabelled).unwrap();
    let run = |data: &str, args: &[&str]| {
        evaluate(&place, &[&QUICK[..], &["--rubric=score.yaml", "--data", data], args].concat())
    };
    for (data, args, code, why) in [
        ("rows.jsonl", &["--fail-under=accuracy=0"][..], 0, ""),
        ("rows.jsonl", &["--fail-under=score.accuracy=0"], 0, ""),
        ("rows.jsonl", &["--fail-under=kappa=1"], 4, "kappa"),
        ("rows.jsonl", &["--fail-under=accuracy=0", "--fail-under=kappa=1"], 4, "kappa"),
        ("rows.jsonl", &["--fail-over=meanAbsoluteError=4"], 0, ""),
        ("rows.jsonl", &["--fail-over=meanAbsoluteError=0"], 4, "meanAbsoluteError"),
        ("unlabelled.jsonl", &["--fail-under=kappa=-1"], 4, "not defined"),
        ("unlabelled.jsonl", &[], 0, ""),
        ("rows.jsonl", &["--fail-under=kapa=1"], 2, "kapa"),
        ("rows.jsonl", &["--fail-under=other.kappa=1"], 2, "other"),
        ("rows.jsonl", &["--fail-under=kappa"], 2, "NAME=VALUE"),
    ] {
        let run = run(data, args);
        assert_eq!(run.code, code, "{data} {args:?}: {}", run.stderr);
        assert!(run.stderr.contains(why), "{data} {args:?}: {}", run.stderr);
    }
}

#[test]
fn a_file_says_what_flags_do() {
    let place = Workplace::new("evaluate-file");
    fs::create_dir(place.path("inner")).unwrap();
    let data = "question,answer,clear,true1,true2,more\nSay moon.,moon,4,yes,no,x\nSay sun.,sun,,no,,x\n";
    fs::write(place.path("inner/rows.csv"), data).unwrap();
    fs::write(place.path("inner/clarity.yaml"), text(&place, "score.yaml")).unwrap();
    let file = "data: rows.csv\nmap: {input: question, response: answer}\ntask: score\ncritique: false\nout: run\n\
        template: ../short.yaml\nseed: 3\nlabels: {clarity: clear}\nbackend: cpu\n\
        rubrics:\n  - {file: clarity.yaml, weight: 3, threshold: 1}\n  - name: length\n    objective: Is it short?\n    scale: {-1: No., 0: Rather., 1: Yes.}\n    threshold: 2\n";
    fs::write(place.path("inner/eval.yaml"), file).unwrap();
    let run = evaluate(&place, &["evaluate", "inner/eval.yaml"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let rows = results(&place, "inner/run");
    assert_eq!(rows.len(), 2);
    assert_eq!((&rows[0]["labels"], rows[1].get("labels")), (&json!({ "clarity": [4.0] }), None));
    for row in &rows {
        let expected = |rubric: &str| row["verdicts"][rubric]["expected"].as_f64().unwrap();
        let overall = (3.0 * (expected("clarity") - 1.0) / 4.0 + (expected("length") + 1.0) / 2.0) / 4.0;
        assert!((row["overall"].as_f64().unwrap() - overall).abs() < 1e-12, "{row}");
        // No score of `length` is as high as its threshold.
        assert_eq!(row["passed"], false);
    }
    // A flag comes first, and what was judged already is not judged again.
    let run =
        evaluate(&place, &["evaluate", "inner/eval.yaml", "--threshold=length=-1", "--weight=length=0"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stderr.contains("2 answered before"), "{}", run.stderr);
    assert!(results(&place, "inner/run").iter().all(|row| row["passed"] == true));
    // A rubric that is changed is judged again, the other one is not.
    let count = || lines(&text(&place, "inner/run/verdicts.jsonl")).len();
    assert_eq!(count(), 4);
    fs::write(place.path("inner/eval.yaml"), file.replace("Is it short?", "Is it brief?")).unwrap();
    assert_eq!(evaluate(&place, &["evaluate", "inner/eval.yaml"]).code, 0);
    assert_eq!(count(), 6);

    let labels = [
        "evaluate",
        "--data=inner/rows.csv",
        "--labels=true1+true2",
        "--rubric=class.yaml",
        "--no-critique",
        "--template=labels.yaml",
    ];
    let run = evaluate(&place, &labels);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let said: Vec<Value> =
        results(&place, "evaluation").iter().map(|row| row["labels"]["class"].clone()).collect();
    assert_eq!(said, [json!(["Yes", "No"]), json!(["No", null])]);
}

#[test]
fn bad_rows_are_lines_and_never_scores() {
    let place = Workplace::new("evaluate-bad");
    let row =
        |label: &str| format!("{{\"id\": 1, \"input\": \"i\", \"response\": \"r\", \"label\": {label}}}\n");
    let long = format!("{{\"input\": \"i\", \"response\": \"{}\"}}\n", "moon ".repeat(10_000));
    let data = row("3")
        + "nonsense\n"
        + &row("9")
        + &row("\"NaN\"")
        + &row("\"\"")
        + &row("NaN")
        + &long
        + &row("\"good\"")
        + "{\"id\": 2, \"input";
    fs::write(place.path("rows.jsonl"), data).unwrap();
    let args = [&QUICK[..], &["--rubric=score.yaml", "--data=rows.jsonl"]].concat();
    let run = evaluate(&place, &args);
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(run.stderr.contains("id of another row"), "{}", run.stderr);
    let rows = results(&place, "evaluation");
    let why = ["", "column 2", "off the scale", "", "", "NaN", "context", "no number", "ends within the row"];
    assert_eq!(rows.len(), why.len());
    for ((row, why), line) in rows.iter().zip(why).zip(1..) {
        let said = row["error"]["message"].as_str().or(row["errors"]["score"]["message"].as_str());
        assert_eq!(row["line"], line);
        match why {
            "" => assert!(row["verdicts"]["score"]["score"].is_i64() && said.is_none(), "{row}"),
            why => assert!(
                said.is_some_and(|said| said.contains(why)) && row.get("verdicts").is_none(),
                "{why}: {row}"
            ),
        }
    }
    assert_eq!((&rows[0]["labels"], rows[3].get("labels")), (&json!({ "score": [3.0] }), None));
    let report: Value = serde_json::from_str(&text(&place, "evaluation/report.json")).unwrap();
    let counts = &report["sections"][0]["counts"];
    assert_eq!(
        (&counts["rows"], &counts["failed"], &counts["compared"]),
        (&json!(9), &json!(6), &json!(1)),
        "{counts}"
    );
    assert_eq!(evaluate(&place, &[&args[..], &["--allow-errors"]].concat()).code, 0);
}

#[test]
fn a_preview_judges_nothing() {
    let place = Workplace::new("evaluate-preview");
    fs::write(place.path("rows.csv"), "question,answer,human\nSay moon.,moon,4\n").unwrap();
    let run = evaluate(&place, &["evaluate", "--data=rows.csv", "--rubric=score.yaml", "--preview"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    for part in ["input = question", "response = answer", "label = human", "line 2", "Say moon."] {
        assert!(run.stdout.contains(part), "{part}: {}", run.stdout);
    }
    assert!(!place.path("evaluation").exists());
    let schema = evaluate(&place, &["evaluate", "--schema"]);
    assert_eq!(serde_json::from_str::<Value>(&schema.stdout).unwrap()["title"], "EvalFile");
}

#[test]
fn wrong_calls_end_with_code_2_before_anything_is_judged() {
    let place = Workplace::new("evaluate-usage");
    fs::write(place.path("rows.jsonl"), rows(1)).unwrap();
    fs::write(
        place.path("pairs.jsonl"),
        json!({ "input": "i", "responseA": "a", "responseB": "b" }).to_string(),
    )
    .unwrap();
    fs::write(place.path("other.jsonl"), json!({ "x": "i", "y": "r" }).to_string()).unwrap();
    fs::write(place.path("empty.jsonl"), "\n").unwrap();
    fs::write(place.path("wrong.yaml"), "data: rows.jsonl\nrubrics: [{objective: o, wieght: 2}]").unwrap();
    fs::write(place.path("diary"), "Dear diary,\n").unwrap();
    for (args, why) in [
        (&["--rubric=score.yaml"][..], "--data"),
        (&["--data=absent.jsonl", "--rubric=score.yaml"], "absent.jsonl"),
        (&["--data=-", "--rubric=score.yaml"], "a file"),
        (&["--data=rows.jsonl"], "task"),
        (&["--data=pairs.jsonl", "--rubric=score.yaml"], "compare"),
        (&["--data=rows.jsonl", "--task=compare"], "responseA"),
        (&["--data=other.jsonl", "--rubric=score.yaml"], "input=NAME"),
        (&["--data=empty.jsonl", "--rubric=score.yaml"], "no rows"),
        (&["--data=rows.jsonl", "--rubric=score.yaml", "--labels=humane"], "labels"),
        (&["--data=rows.jsonl", "--rubric=score.yaml", "--labels=other=label"], "other"),
        (&["--data=rows.jsonl", "--rubric=score.yaml", "--rubric=score.yaml"], "two rubrics"),
        (&["--data=rows.jsonl", "--rubric=score.yaml", "--rubric=class.yaml"], "different tasks"),
        (&["--data=rows.jsonl", "--rubric=score.yaml", "--weight=score=0"], "weight"),
        (&["--data=rows.jsonl", "--rubric=score.yaml", "--map=inptu=x"], "inptu"),
        (&["--data=rows.jsonl", "--rubric=score.yaml", "--shard=2/2"], "counted from 0"),
        (&["--data=rows.jsonl", "--rubric=score.yaml", "--model=absent.gguf"], "absent.gguf"),
        (&["--data=rows.jsonl", "--rubric=score.yaml", "--out=diary"], "diary"),
        (&["wrong.yaml"], "wieght"),
        (&["absent.yaml"], "absent.yaml"),
    ] {
        let run = evaluate(&place, &[&["evaluate"], args].concat());
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{args:?}: {}", run.stderr);
        assert!(run.stderr.contains(why), "{args:?}: {}", run.stderr);
    }
    assert!(!Path::new(&place.path("evaluation/results.jsonl")).exists());
}

#[test]
fn a_report_knows_kinds_of_rows_and_who_wrote_them() {
    let place = Workplace::new("evaluate-systems");
    let writers = ["me", "luna", "sol"];
    let row = |i: usize| {
        let kind = if i.is_multiple_of(2) { "long" } else { "short" };
        json!({ "input": format!("Say moon, {i}."), "output_1": "moon ".repeat(1 + i % 5), "output_2": "moon ".repeat(1 + i % 3),
            "model_1": writers[i % 3], "model_2": writers[(i + 1 + i % 2) % 3], "category": kind,
            "label": 1 + i % 2 })
            .to_string()
            + "\n"
    };
    fs::write(place.path("pairs.jsonl"), (0..12).map(row).collect::<String>()).unwrap();
    fs::write(place.path("better.yaml"), "objective: Which is moony?").unwrap();
    let args = |more: &[&'static str]| -> Vec<&str> {
        [
            &["evaluate", "--no-critique", "--batch=1", "--own=me", "--data=pairs.jsonl"][..],
            &["--rubric=better.yaml", "--template=pair.yaml"],
            more,
        ]
        .concat()
    };
    for more in [&["--out=whole"][..], &["--out=a", "--shard=0/2"], &["--out=b", "--shard=1/2"]] {
        let run = evaluate(&place, &args(more));
        assert_eq!(run.code, 0, "{}", run.stderr);
    }
    let merged = evaluate(&place, &["merge-runs", "a", "b", "--out=merged"]);
    assert_eq!(merged.code, 0, "{}", merged.stderr);
    for file in FILES {
        assert_eq!(text(&place, &format!("merged/{file}")), text(&place, &format!("whole/{file}")), "{file}");
    }
    let report: Value = serde_json::from_str(&text(&place, "whole/report.json")).unwrap();
    let section = &report["sections"][0];
    let named = |list: &Value| -> Vec<String> {
        let mut names: Vec<String> =
            list.as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap().into()).collect();
        names.sort();
        names
    };
    assert_eq!(named(&section["slices"]), ["long", "short"]);
    assert_eq!(named(&section["leaderboard"]["systems"]), ["luna", "me", "sol"]);
    assert_eq!(section["leaderboard"]["judged"], 12);
    assert_eq!(report["probes"][0]["probe"], "self-preference");
    assert!(text(&place, "whole/report.md").contains("Leaderboard of 12 comparisons"));
    let run = evaluate(&place, &args(&["--out=whole", "--own=nobody"]));
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(!run.stderr.contains("no response is by"), "me is there: {}", run.stderr);
    let other: Vec<&str> =
        args(&["--out=whole"]).into_iter().filter(|arg| !arg.starts_with("--own")).collect();
    let run = evaluate(&place, &[&other[..], &["--own=nobody"]].concat());
    assert!(run.stderr.contains("no response is by nobody"), "{}", run.stderr);
}
