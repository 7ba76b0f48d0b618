//! Files of every format and shape, read as rows; and what is wrong in them.

use lunette::eval::dataset::{BadRow, Dataset, Format, Row, Shape, parse_map};
use serde_json::{Value, json};
use std::io::{BufReader, Cursor};
use std::ops::ControlFlow;

fn dataset(name: &str, text: impl Into<Vec<u8>>, map: &str) -> lunette::Result<Dataset> {
    let bytes: Vec<u8> = text.into();
    let open = move || Ok(Box::new(BufReader::new(Cursor::new(bytes.clone()))) as Box<dyn std::io::BufRead>);
    Dataset::new(open, name, None, parse_map(map).unwrap())
}

fn all(dataset: &Dataset) -> Vec<Result<Row, BadRow>> {
    let mut rows = Vec::new();
    dataset
        .rows(&mut |row| {
            rows.push(row);
            ControlFlow::Continue(())
        })
        .unwrap();
    rows
}

fn read(name: &str, text: impl Into<Vec<u8>>, map: &str) -> Vec<Result<Row, BadRow>> {
    all(&dataset(name, text, map).unwrap())
}

fn only(name: &str, text: impl Into<Vec<u8>>, map: &str) -> Row {
    let mut rows = read(name, text, map);
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows.pop().unwrap().unwrap()
}

fn task(row: &Row) -> Value {
    Value::Object(row.task.clone())
}

/// A row's line and, where it is bad, the reason.
fn outline(rows: &[Result<Row, BadRow>]) -> Vec<(u64, &str)> {
    rows.iter()
        .map(|row| row.as_ref().map_or_else(|bad| (bad.line, bad.reason.as_str()), |row| (row.line, "")))
        .collect()
}

#[test]
fn every_format_gives_the_same_rows() {
    let expected = [
        json!({ "input": "Name a moon.", "response": "Io, \"the\" moon,\nof Jupiter" }),
        json!({ "input": "Ein Mond?", "response": "Der Mond — 月" }),
    ];
    for (name, text, format) in [
        (
            "rows.jsonl",
            "\u{feff}{\"id\": \"1\", \"question\": \"Name a moon.\", \"answer\": \"Io, \\\"the\\\" moon,\\nof Jupiter\", \"label\": 4}\n\n{\"id\": \"2\", \"question\": \"Ein Mond?\", \"answer\": \"Der Mond — 月\", \"label\": 5}".to_string(),
            Format::Jsonl,
        ),
        (
            "rows.json",
            "{\"about\": {\"rows\": [1, [2]]}, \"n\": 2.5,\n \"rows\": [{\"id\": \"1\", \"question\": \"Name a moon.\", \"answer\": \"Io, \\\"the\\\" moon,\\nof Jupiter\", \"label\": 4},\n {\"id\": \"2\", \"question\": \"Ein Mond?\", \"answer\": \"Der Mond — 月\", \"label\": 5}], \"more\": [3]}".into(),
            Format::Json,
        ),
        (
            "rows.csv",
            "\u{feff}id,question,answer,label\r\n1,Name a moon.,\"Io, \"\"the\"\" moon,\nof Jupiter\",4\r\n2,Ein Mond?,Der Mond — 月,5\r\n".into(),
            Format::Csv,
        ),
        (
            "rows.tsv",
            "id\tquestion\tanswer\tlabel\n1\tName a moon.\t\"Io, \"\"the\"\" moon,\nof Jupiter\"\t4\n2\tEin Mond?\tDer Mond — 月\t5".into(),
            Format::Tsv,
        ),
    ] {
        let dataset = dataset(name, text, "").unwrap();
        assert_eq!(dataset.format(), format, "{name}");
        let rows: Vec<Row> = all(&dataset).into_iter().map(|row| row.unwrap()).collect();
        let tasks: Vec<Value> = rows.iter().map(task).collect();
        assert_eq!(tasks, expected, "{name}");
        assert_eq!(rows[1].id.as_deref(), Some("2"), "{name}");
        let labels: Vec<String> =
            rows.iter().map(|row| row.labels[""][0].to_string().trim_matches('"').to_string()).collect();
        assert_eq!(labels, ["4", "5"], "{name}");
    }
}

#[test]
fn lines_are_those_of_the_file() {
    for (name, text, lines) in [
        (
            "a.jsonl",
            "{\"input\": \"i\", \"response\": \"r\"}\n\n{\"input\": \"i\", \"response\": \"r\"}",
            [1, 3],
        ),
        (
            "a.json",
            "[\n{\"input\": \"i\",\n \"response\": \"r\"},\n\n{\"input\": \"i\", \"response\": \"r\"}]",
            [2, 5],
        ),
        ("a.csv", "input,response\r\n\"i\r\nj\",r\r\ni,r\r\n", [2, 4]),
        ("a.csv", "input,response\n\"i\nj\",r\ni,r\n", [2, 4]),
    ] {
        let rows = read(name, text, "");
        assert_eq!(outline(&rows), lines.map(|line| (line, "")), "{name}");
    }
}

#[test]
fn shapes_are_recognized_by_themselves() {
    let pair = |a: &str, b: &str| json!({ "input": "Name a moon.", "responseA": a, "responseB": b });
    let single = json!({ "input": "Name a moon.", "response": "Io." });
    let prompt = |response: &str| {
        format!(
            "###Task Description:\nJudge.\n\n###The instruction to evaluate:\nName a moon.\n\n###Response to evaluate:\n{response}\n\n###Score Rubrics:\n[Is it one?]\nScore 1: No.\nScore 2: Yes.\n\n###Feedback: "
        )
    };
    let rated = |label: Value| json!({ "individual_human_scores": label, "mean_human": 1 });
    let table = [
        (
            json!({ "prompt": "Name a moon.", "chosen": "Io.", "rejected": "Mars.", "subset": "sky" }),
            Shape::Preference,
            pair("Io.", "Mars."),
            ("", json!(["a"])),
        ),
        (
            json!({ "chosen": "\n\nHuman: Name a moon.\n\nAssistant: Io.", "rejected": "\n\nHuman: Name a moon.\n\nAssistant: Mars." }),
            Shape::Preference,
            json!({ "input": "Human: Name a moon.", "responseA": "Io.", "responseB": "Mars." }),
            ("", json!(["a"])),
        ),
        (
            json!({ "chosen": [{ "role": "user", "content": "Name a moon." }, { "role": "assistant", "content": "Io." }],
                    "rejected": [{ "role": "user", "content": "Name a moon." }, { "role": "assistant", "content": "Mars." }] }),
            Shape::Preference,
            pair("Io.", "Mars."),
            ("", json!(["a"])),
        ),
        (
            json!({ "input": "Name a moon.", "output_1": "Mars.", "output_2": "Io.", "label": 2 }),
            Shape::Columns,
            pair("Mars.", "Io."),
            ("", json!([2])),
        ),
        (
            json!({ "idx": 0, "instruction": "Name a moon.", "input": "", "response1": "Mars.", "response2": "Io.",
                    "annotator1": 2, "annotator2": 0, "annotator3": 2 }),
            Shape::Instruction,
            pair("Mars.", "Io."),
            ("", json!([2, 0, 2])),
        ),
        // An answer that its set wrote down as a truth or a number.
        (
            json!({ "instruction": "Name a moon.", "input": "", "response1": true, "response2": 42, "annotator1": 1 }),
            Shape::Instruction,
            pair("true", "42"),
            ("", json!([1])),
        ),
        (
            json!({ "bias": "length", "instruction": "Name a moon.", "response1": "Io.", "response2": "Mars.", "label": 1 }),
            Shape::Instruction,
            pair("Io.", "Mars."),
            ("", json!([1])),
        ),
        (
            json!({ "id": 1, "instance": "Name a moon.\n\nGENERATED RESPONSE:\nIo.\nJudge the generated response:\n",
                    "annotations": { "Quality": rated(json!([4, 5])), "Odd": rated(json!(null)) } }),
            Shape::JudgeBench,
            single.clone(),
            ("Quality", json!([4, 5])),
        ),
        (
            json!({ "source": "moons", "chosen_instruction": prompt("Io."), "rejected_instruction": prompt("Mars.") }),
            Shape::PreferencePrompts,
            json!({ "input": "Name a moon.", "responseA": "Io.", "responseB": "Mars.", "criteria": "Is it one?" }),
            ("", json!(["a"])),
        ),
        (
            json!({ "instruction": prompt("Io."), "human_score": 2 }),
            Shape::Prompts,
            json!({ "input": "Name a moon.", "response": "Io.", "rubric": { "objective": "Is it one?", "scale": { "1": "No.", "2": "Yes." } } }),
            ("", json!([2])),
        ),
        (
            json!({ "input": "Name a moon.", "targets": { "choices": ["Mars.", "Io."], "labels": [0, 1] } }),
            Shape::Choices,
            pair("Io.", "Mars."),
            ("", json!(["a"])),
        ),
        (
            json!({ "ID": "1", "user_query": "Name a moon.", "chatgpt_response": "Io.", "hallucination": "no", "hallucination_spans": [] }),
            Shape::Columns,
            single.clone(),
            ("", json!(["no"])),
        ),
        (
            json!({ "knowledge": "Io is one.", "question": "Name a moon.", "right_answer": "Io.", "hallucinated_answer": "Mars." }),
            Shape::Hallucinated,
            json!({ "input": "Name a moon.", "responseA": "Io.", "responseB": "Mars.", "context": "Io is one." }),
            ("", json!(["a"])),
        ),
        (
            json!({ "messages": [{ "role": "user", "content": "Name a moon." }, { "role": "assistant", "content": "Io." }], "label": 3 }),
            Shape::Messages,
            single.clone(),
            ("", json!([3])),
        ),
        (
            json!({ "messages": [
                { "role": "system", "content": "Be brief." },
                { "role": "user", "content": [{ "type": "text", "text": "Name a moon." }] },
                { "role": "assistant", "content": "Io." },
                { "role": "user", "content": "Another." },
                { "role": "assistant", "content": "Europa." }], "label": 3 }),
            Shape::Messages,
            json!({ "input": "System: Be brief.\n\nUser: Name a moon.\n\nAssistant: Io.\n\nUser: Another.", "response": "Europa." }),
            ("", json!([3])),
        ),
        (
            json!({ "prompt": { "raw": "Name a moon.", "label": "p" }, "vars": {}, "response": { "output": "Io." }, "success": true,
                    "provider": { "id": "echo" },
                    "gradingResult": { "pass": true, "componentResults": [{ "pass": true, "assertion": { "type": "contains" } },
                                                                         { "pass": false, "assertion": { "type": "human" } }] } }),
            Shape::Promptfoo,
            single.clone(),
            ("", json!([false])),
        ),
    ];
    for (record, shape, expected, (rated, label)) in table {
        // As the only line, and as the only element of a list.
        for (name, text) in [("a.jsonl", record.to_string()), ("a.json", format!("[{record}]"))] {
            let dataset = dataset(name, text, "").unwrap();
            assert_eq!(dataset.shape(), shape, "{record}");
            let row = all(&dataset).pop().unwrap().unwrap();
            // Which of two responses is A hangs on their texts.
            let swapped = |value: &Value| {
                let mut other = value.clone();
                (other["responseA"], other["responseB"]) =
                    (value["responseB"].clone(), value["responseA"].clone());
                other
            };
            match task(&row) == expected {
                true => assert_eq!(json!(row.labels[rated]), label, "{record}"),
                false => {
                    assert_eq!(task(&row), swapped(&expected), "{record}");
                    assert_eq!(
                        (label.clone(), json!(row.labels[rated])),
                        (json!(["a"]), json!(["b"])),
                        "{record}"
                    );
                }
            }
        }
    }
}

/// Both sides must have the better response, or a judge that prefers the first looks like a good one.
#[test]
fn the_better_response_stands_on_both_sides() {
    let rows: String = (0..200)
        .map(|i| {
            format!(
                "{}\n",
                json!({ "prompt": "p", "chosen": format!("good {i}"), "rejected": format!("bad {i}") })
            )
        })
        .collect();
    let labels: Vec<Value> =
        read("a.jsonl", rows, "").into_iter().map(|row| row.unwrap().labels[""][0].clone()).collect();
    let first = labels.iter().filter(|label| **label == json!("a")).count();
    assert!((70..=130).contains(&first), "{first} of 200");
}

#[test]
fn results_of_promptfoo_are_found_in_their_file() {
    let result = |output: Value| json!({ "prompt": { "raw": "[{\"role\": \"user\", \"content\": \"Hi?\"}]" }, "vars": { "q": [{ "a": 1 }] }, "response": { "output": output }, "success": true });
    let failed = json!({ "prompt": { "raw": "p" }, "vars": {}, "response": {}, "error": "no connection" });
    let file = json!({ "evalId": "e", "config": { "tests": [{ "vars": {} }] },
        "results": { "version": 3, "prompts": [{ "raw": "p" }], "results": [result(json!("Yes.")), failed, result(json!({ "b": 1 }))] } });
    let rows = read("out.json", file.to_string(), "");
    assert_eq!(task(rows[0].as_ref().unwrap()), json!({ "input": "Hi?", "response": "Yes." }));
    assert!(rows[1].as_ref().unwrap_err().reason.contains("no connection"));
    assert_eq!(task(rows[2].as_ref().unwrap())["response"], "{\"b\":1}");
}

#[test]
fn kinds_of_rows_and_their_writers_are_known() {
    let table = [
        (
            json!({ "question": "q", "answer_1": "x", "answer_2": "y", "model_1": "luna", "model_2": "sol", "category": "sky" }),
            Some("sky"),
            vec!["luna", "sol"],
        ),
        // Without other columns these are the responses.
        (json!({ "question": "q", "model_a": "x", "model_b": "y" }), None, vec![]),
        (json!({ "question": "q", "answer": "x", "model": "luna", "subset": 3 }), Some("3"), vec!["luna"]),
        (
            json!({ "question": "q", "answer": "x", "system": "You are a helpful assistant. ".repeat(9) }),
            None,
            vec![],
        ),
        (
            json!({ "input": "q", "responseA": "x", "responseB": "y", "systems": ["luna", "sol"], "slice": "sky" }),
            Some("sky"),
            vec!["luna", "sol"],
        ),
        // One writer of two is of no use.
        (json!({ "question": "q", "answer_1": "x", "answer_2": "y", "model_1": "luna" }), None, vec![]),
        (
            json!({ "instruction": "q", "input": "", "response1": "x", "response2": "y", "cmp_key": "luna-7b_sol-7b", "bias": "length" }),
            Some("length"),
            vec!["luna-7b", "sol-7b"],
        ),
        // B is the better one here, by the hash of the texts.
        (
            json!({ "prompt": "q", "chosen": "Io.", "rejected": "Mars.", "chosen_model": "luna", "rejected_model": "sol", "subset": "sky" }),
            Some("sky"),
            vec!["sol", "luna"],
        ),
        (
            json!({ "prompt": { "raw": "q" }, "vars": {}, "response": { "output": "x" }, "success": true, "provider": { "id": "luna" } }),
            Some("luna"),
            vec!["luna"],
        ),
    ];
    for (row, slice, systems) in table {
        let [Ok(found)] = &read("a.jsonl", row.to_string(), "")[..] else { panic!("{row}") };
        assert_eq!((found.slice.as_deref(), &found.group), (slice, &None), "{row}");
        assert_eq!(found.systems, systems, "{row}");
    }
    let mapped = read(
        "a.jsonl",
        json!({ "q": "q", "r": "r", "by": "luna", "kind": "k" }).to_string(),
        "input=q,response=r,system=by,slice=kind",
    );
    let mapped = mapped[0].as_ref().unwrap();
    assert_eq!((mapped.systems.as_slice(), mapped.slice.as_deref()), (&["luna".to_string()][..], Some("k")));
}

#[test]
fn lists_side_by_side_are_slices() {
    let row = |i: i32| json!({ "input": "i", "response": i });
    let file = json!({ "long": [row(1), row(2)], "none": [], "short": [row(3)] });
    let rows: Vec<Row> = read("a.json", file.to_string(), "").into_iter().map(|row| row.unwrap()).collect();
    let slices: Vec<_> =
        rows.iter().map(|row| (row.slice.as_deref().unwrap(), row.task["response"].clone())).collect();
    assert_eq!(slices, [("long", json!("1")), ("long", json!("2")), ("short", json!("3"))]);
}

#[test]
fn a_map_names_columns_and_comes_first() {
    let text = "q1,q2,said,other,r1,r2\nWhat,moon?,Io,x,4,5\n";
    let row = only("a.csv", text, "input=q1+q2,response=said,label.clarity=r1+r2");
    assert_eq!(task(&row), json!({ "input": "What\n\nmoon?", "response": "Io" }));
    assert_eq!(row.labels["clarity"], [json!("4"), json!("5")]);
    // Over the shape's own reading.
    let record = json!({ "messages": [{ "role": "user", "content": "u" }, { "role": "assistant", "content": "a" }],
        "meta": { "text": ["one", "two"], "passages": ["p", "q"] } });
    let row = only("a.jsonl", record.to_string(), "reference=meta.text,context=meta.passages");
    let expected = json!({ "input": "u", "response": "a", "reference": "one\ntwo", "context": ["p", "q"] });
    assert_eq!(task(&row), expected);
    let row = only("a.jsonl", record.to_string(), "input=messages,response=meta.text");
    assert_eq!(task(&row)["response"], "one\ntwo");

    let record =
        json!({ "instance": "i", "annotations": { "Overall Quality": { "individual_human_scores": [2] } } });
    let row = only("a.jsonl", record.to_string(), "label.mine=Overall Quality");
    assert_eq!(row.labels["mine"], [json!(2)]);

    let wrong = dataset("a.csv", text, "response=sayd").err().unwrap().to_string();
    assert!(wrong.contains("sayd") && wrong.contains("said"), "{wrong}");
}

#[test]
fn rubrics_stand_in_rows() {
    let rubric = json!({ "objective": "o", "scale": { "0": "a", "1": "b" } });
    let row = only("a.jsonl", json!({ "input": "i", "response": "r", "rubric": rubric }).to_string(), "");
    assert_eq!(row.task["rubric"], rubric);
    let cell = rubric.to_string().replace('"', "\"\"");
    let row = only("a.csv", format!("input,response,rubric,reference\ni,r,\"{cell}\",\n"), "");
    assert_eq!((&row.task["rubric"], row.task.get("reference")), (&rubric, None));
    let rows = read("a.csv", "input,response,rubric\ni,r,nonsense\n", "");
    assert!(rows[0].as_ref().unwrap_err().reason.contains("rubric"));
}

#[test]
fn bad_rows_keep_their_place_with_line_and_reason() {
    let good = r#"{"input": "i", "response": "r"}"#;
    type Case = (&'static str, Vec<u8>, &'static [(u64, &'static str)]);
    let table: [Case; 14] = [
        (
            "a.jsonl",
            format!("{good}\n{{\"input\": \"i\"}}\n[1]\nnonsense\n{good}").into(),
            &[(1, ""), (2, "response"), (3, "no JSON object"), (4, "column 2"), (5, "")],
        ),
        ("a.jsonl", format!("{good}\n{{\"input\": NaN}}\n{good}").into(), &[(1, ""), (2, "NaN"), (3, "")]),
        (
            "a.jsonl",
            [good.as_bytes(), b"\n{\"input\": \"\xff\"}"].concat(),
            &[(1, ""), (2, "no JSON object")],
        ),
        (
            "a.jsonl",
            format!("{good}\n{}", &good[..20]).into(),
            &[(1, ""), (2, "the file ends within the row")],
        ),
        ("a.json", format!("[{good},\n7,\n{good}]").into(), &[(1, ""), (2, "JSON object"), (3, "")]),
        ("a.json", format!("[{good},\n{}", &good[..20]).into(), &[(1, ""), (2, "the file ends within")]),
        (
            "a.json",
            format!("[{good},\n{{\"input\": NaN}},\n{good}]").into(),
            &[(1, ""), (2, "nothing behind it")],
        ),
        ("a.json", format!("{{\"rows\": [{good}], \"x\": ").into(), &[(1, ""), (1, "the file ends within")]),
        (
            "a.csv",
            b"input,response\ni,r\ni\ni,r,x\ni,r".to_vec(),
            &[(2, ""), (3, "1 fields"), (4, "3 fields"), (5, "")],
        ),
        ("a.csv", b"input,response\ni,r\ni,\"r".to_vec(), &[(2, ""), (3, "within a quoted field")]),
        ("a.csv", b"input,response\ni,r\ni,\"r\ni,r\n".to_vec(), &[(2, ""), (3, "within a quoted field")]),
        ("a.csv", b"input,response\ni,\xff\ni,5\" wide".to_vec(), &[(2, "UTF-8"), (3, "")]),
        ("a.csv", b"input,response\ni,\"a \"\"b\"\"\"\ni,\"\"\"".to_vec(), &[(2, ""), (3, "within")]),
        ("a.csv", b"input,input\ni,r\n".to_vec(), &[(1, "twice")]),
    ];
    for (name, text, expected) in table {
        let shown = String::from_utf8_lossy(&text).into_owned();
        let rows = read(name, text, "");
        let found = outline(&rows);
        assert_eq!(found.len(), expected.len(), "{shown}: {found:?}");
        for ((line, reason), (expected_line, expected)) in found.into_iter().zip(expected) {
            let fits = if expected.is_empty() { reason.is_empty() } else { reason.contains(expected) };
            assert!(
                line == *expected_line && fits,
                "{shown}: line {line}: {reason:?}, not {expected_line}: {expected:?}"
            );
        }
    }
}

#[test]
fn files_without_rows_say_so() {
    for text in ["{\n\"a\": 1}", "[]", "[1, 2]"] {
        let error = dataset("a.json", text, "").err().unwrap().to_string();
        assert!(error.contains("a.json") && error.contains("an array of objects"), "{error}");
    }
    for (name, text) in [("a.jsonl", "\n \n"), ("a.csv", "input,response\n"), ("a.csv", ""), ("a", "")] {
        assert!(read(name, text, "").is_empty(), "{name}");
    }
}

#[test]
fn turns_without_an_answer_are_bad_rows() {
    for (messages, why) in [
        (json!([]), "empty"),
        (json!([{ "role": "user", "content": "u" }]), "assistant"),
        (
            json!([{ "role": "user", "content": [{ "type": "image_url" }] }, { "role": "assistant", "content": "a" }]),
            "image",
        ),
    ] {
        let rows = read("a.jsonl", json!({ "messages": messages }).to_string(), "");
        let reason = &rows[0].as_ref().unwrap_err().reason;
        assert!(reason.contains(why) && reason.contains("messages"), "{reason}");
    }
}
