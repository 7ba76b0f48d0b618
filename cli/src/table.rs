//! A ranking of what was compared already: no model is needed.

use crate::arguments::{RankTableArguments, Shard};
use crate::exit::{Exit, Stop};
use crate::past::unreadable;
use crate::rows;
use lunette::judge::{MOST_RESULTS, PairwiseResult, RankOptions, Standing, rank_results};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::io::{BufRead, Write, stdin, stdout};

/// One result, of players by their names. A line of `lunette compare --keep a,b` is one as well.
#[derive(Deserialize)]
struct ResultRow {
    a: Name,
    b: Name,
    verdict: Option<Outcome>,
    #[serde(flatten)]
    outcome: Outcome,
}

/// One of the two.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    winner: Option<Value>,
    probability_a: Option<Value>,
}

#[derive(Deserialize, Serialize, Clone, PartialEq, Eq, Hash)]
#[serde(untagged)]
enum Name {
    Text(String),
    Number(i64),
}

/// The players, numbered as they first appear.
#[derive(Default)]
struct Players {
    names: Vec<Name>,
    numbers: HashMap<Name, usize>,
}

/// Ranks the players of the table on stdin.
pub fn rank(arguments: &RankTableArguments) -> Result<Exit, Stop> {
    let RankTableArguments { prior, resamples, seed } = *arguments;
    let options = RankOptions { players: None, prior, resamples, seed };
    let line = format!("{}\n", ranking(stdin().lock(), &options)?);
    stdout().write_all(line.as_bytes()).map(|()| Exit::Done).map_err(|_| Stop::Unread)
}

/// The players, the best first. A table with a wrong row has no ranking: it would be another table's.
fn ranking(input: impl BufRead, options: &RankOptions) -> Result<Value, Stop> {
    let mut players = Players::default();
    let mut results = Vec::new();
    // One more than allowed is enough to be refused.
    let rows = rows::rows(input, Shard { index: 0, count: 1 }).take(MOST_RESULTS + 1);
    for (number, row) in (1..).zip(rows) {
        let result = players.result(&row.map_err(unreadable)?.text);
        results.push(result.map_err(|e| Stop::Fault(format!("row {number} of the table: {e}")))?);
    }
    let ranking = rank_results(&results, options)?;
    let named = |index: &usize| standing(&players.names[*index], &ranking.players[*index]);
    Ok(json!({ "players": ranking.order.iter().map(named).collect::<Vec<_>>() }))
}

/// With the name in place of our number.
fn standing(name: &Name, standing: &Standing) -> Value {
    let mut fields = Map::from_iter([("name".to_string(), json!(name))]);
    if let Value::Object(of_index) = json!(standing) {
        fields.extend(of_index.into_iter().filter(|(field, _)| field != "index"));
    }
    Value::Object(fields)
}

impl Players {
    fn result(&mut self, text: &[u8]) -> serde_json::Result<PairwiseResult> {
        let ResultRow { a, b, verdict, outcome } = serde_json::from_slice(text)?;
        let Outcome { winner, probability_a } = match verdict {
            // A verdict has both. Its probability says more, but not that it is a tie.
            Some(Outcome { winner, .. }) if winner == Some("tie".into()) => {
                Outcome { winner, probability_a: None }
            }
            Some(Outcome { probability_a, .. }) => Outcome { winner: None, probability_a },
            None => outcome,
        };
        let (a, b) = (self.number(a), self.number(b));
        serde_json::from_value(json!({ "a": a, "b": b, "winner": winner, "probabilityA": probability_a }))
    }

    fn number(&mut self, name: Name) -> usize {
        let next = self.names.len();
        let number = *self.numbers.entry(name.clone()).or_insert(next);
        if number == next {
            self.names.push(name);
        }
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(table: &str) -> Result<Value, String> {
        ranking(table.as_bytes(), &RankOptions::default()).map_err(|stop| format!("{stop:?}"))
    }

    #[test]
    fn players_are_ranked_by_name() {
        let table = r#"
            {"a": "sun", "b": "moon", "winner": "b"}
            {"a": "moon", "b": 7, "probabilityA": 0.9}
            {"a": "sun", "b": 7, "verdict": {"winner": "tie", "probabilityA": 0.6}}
        "#;
        let players = of(table).unwrap()["players"].take();
        let names: Vec<&Value> = players.as_array().unwrap().iter().map(|player| &player["name"]).collect();
        assert_eq!(names, [&json!("moon"), &json!(7), &json!("sun")]);
        assert_eq!((&players[0]["rank"], &players[0]["comparisons"]), (&json!(1), &json!(2)));
        assert!(players[0]["interval"].is_array() && players[0].get("index").is_none(), "{players}");
    }

    #[test]
    fn wrong_rows_are_named() {
        for (row, why) in [
            (r#"{"a": "x", "b": "y"}"#, "row 2"),
            (r#"{"a": "x", "winner": "a"}"#, "`b`"),
            (r#"{"a": "x", "b": "x", "winner": "a"}"#, "itself"),
            (r#"{"a": "x", "b": "y", "probabilityA": 2}"#, "between 0 and 1"),
            (r#"{"a": "x", "b": "y", "error": {"code": "c"}}"#, "either"),
            ("x", "row 2"),
        ] {
            let error = of(&format!("{{\"a\": 1, \"b\": 2, \"winner\": \"a\"}}\n{row}\n")).unwrap_err();
            assert!(error.contains(why), "{row}: {error}");
        }
        assert!(of("").unwrap_err().contains("no results"));
    }
}
