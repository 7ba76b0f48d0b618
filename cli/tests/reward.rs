//! `lunette reward` as a shell sees it, on a model and a head that are made here.

mod support;

use serde_json::{Value, json};
use std::collections::HashSet;
use std::fs;
use support::{Workplace, lines};

fn text(rows: &[Value]) -> String {
    rows.iter().map(|row| format!("{row}\n")).collect()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("no number: {value}"))
}

#[test]
fn responses_have_rewards() {
    let place = Workplace::new("reward");
    fs::write(place.path("head.gguf"), support::heads::usual()).unwrap();
    fs::write(place.path("wide.gguf"), support::adapters::file("llama", "wide")).unwrap();
    let row = |i: usize| json!({ "input": format!("Say moon, {i}."), "response": "moon ".repeat(1 + 7 * i) });
    let rows = text(&[row(0), row(1), row(2)]);
    let reward = |more: &[&str]| {
        let run = place.run(&[&["reward", "--head=head.gguf"], more].concat(), &rows);
        (run.code, lines(&run.stdout), run.stderr)
    };
    let (code, plain, stderr) = reward(&["--ignore=0"]);
    assert_eq!(code, 0, "{stderr}");
    for line in &plain {
        let verdict = &line["verdict"];
        assert!(verdict["reward"].is_f64() && verdict["minimum"]["at"].is_u64(), "{line}");
        assert!(verdict.get("q").is_none() && verdict.get("timing").is_none(), "{line}");
    }
    let (_, traced, _) = reward(&["--trace"]);
    let tokens = traced[0]["verdict"]["tokens"].as_array().unwrap();
    // The model's chat template trims replies.
    assert_eq!(tokens.iter().map(|token| token.as_str().unwrap()).collect::<String>(), "moon");
    assert_eq!(traced[0]["verdict"]["q"].as_array().unwrap().len(), tokens.len());
    let (_, shunned, _) = reward(&["--goal=kind=-1"]);
    let (_, kind, _) = reward(&["--goal=kind"]);
    assert!((number(&kind[0]["verdict"]["end"]) + number(&shunned[0]["verdict"]["end"])).abs() < 1e-6);
    let hashes = [&plain, &traced, &shunned, &kind].map(|lines| lines[0]["hash"].to_string());
    assert_eq!(HashSet::from(hashes).len(), 4);
    assert_eq!(reward(&["--fail-below=1000"]).0, 3);

    // Several responses: the best of them. A row that has neither or both is an error of its own.
    let many = [
        json!({ "input": "Say moon.", "responses": ["moon", "sun and moon", "moon"] }),
        json!({ "input": "Say moon.", "responses": [], "response": "moon" }),
    ];
    let run = place.run(&["reward", "--head=head.gguf", "--threshold=-1"], &text(&many));
    let answers = lines(&run.stdout);
    let choice = &answers[0]["verdict"];
    let rewards: Vec<f64> =
        choice["rewards"].as_array().unwrap().iter().map(|r| number(&r["reward"])).collect();
    let best = choice["order"][0].as_u64().unwrap() as usize;
    assert!(rewards.iter().all(|reward| *reward <= rewards[best]), "{choice}");
    assert_eq!(choice["kept"], json!([0, 1, 2]));
    assert_eq!((run.code, &answers[1]["error"]["code"]), (1, &json!("invalid-row")));

    for (args, why) in [
        (&["reward", "--head=wide.gguf"][..], "an adapter without one"),
        (&["reward", "--head=none.gguf"], "none.gguf"),
        (&["reward", "--head=head.gguf", "--goal=long"], "kind"),
        (&["reward", "--head=head.gguf", "--threshold=NaN"], "threshold"),
        (&["reward", "--head=head.gguf", "--adapter=wide.gguf"], "leave out `--adapter`"),
    ] {
        let run = place.run(args, &rows);
        assert!(run.code == 2 && run.stderr.contains(why), "{}", run.stderr);
    }
}
