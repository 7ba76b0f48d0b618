//! What people said, as an evaluation takes it: a number on the scale, one of the labels, a winner.

use crate::judge::Winner;
use serde_json::Value;

/// The words of a value; `None` where nobody said anything.
fn words(value: &Value) -> Result<Option<String>, String> {
    let text = match value {
        Value::Null => return Ok(None),
        Value::String(text) => text.trim().to_string(),
        Value::Number(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Array(_) | Value::Object(_) => {
            return Err(
                "the label is a list or an object: map what is within it, such as label=human.score".into()
            );
        }
    };
    Ok(Some(text).filter(|text| !text.is_empty()))
}

/// How tables write that there is no value.
fn missing(text: &str) -> bool {
    ["nan", "na", "n/a", "null", "none", "-"].contains(&text.to_lowercase().as_str())
}

/// A human score, which lies on the scale or between two of its levels.
pub fn score(value: &Value, lowest: f64, highest: f64) -> Result<Option<f64>, String> {
    let Some(text) = words(value)?.filter(|text| !missing(text)) else { return Ok(None) };
    let number = match text.parse::<f64>() {
        Ok(number) if number.is_finite() => number,
        _ => {
            return Err(format!(
                "the label {text:?} is no number; the scale goes from {lowest} to {highest}"
            ));
        }
    };
    match (lowest..=highest).contains(&number) {
        true => Ok(Some(number)),
        false => Err(format!("the label {text} is off the scale, which goes from {lowest} to {highest}")),
    }
}

/// One of `labels`: as it is written, else but for upper and lower case, else by the usual words for yes and no.
pub fn class(value: &Value, labels: &[String]) -> Result<Option<String>, String> {
    let Some(text) = words(value)? else { return Ok(None) };
    if let Some(label) = labels.iter().find(|label| **label == text) {
        return Ok(Some(label.clone()));
    }
    let folded = |text: &str| text.to_lowercase();
    let alike = |wanted: &str| {
        let mut found = labels.iter().filter(|label| folded(label) == wanted);
        // Of two that differ only by case, neither is meant.
        found.next().filter(|_| found.next().is_none())
    };
    let own = folded(&text);
    const YES: [&str; 5] = ["yes", "true", "1", "pass", "y"];
    const NO: [&str; 5] = ["no", "false", "0", "fail", "n"];
    let synonyms = [YES, NO].into_iter().find(|words| words.contains(&own.as_str())).unwrap_or_default();
    let found = std::iter::once(own.as_str()).chain(synonyms).filter(|word| !word.is_empty()).find_map(alike);
    match found {
        Some(label) => Ok(Some(label.clone())),
        None if missing(&text) => Ok(None),
        None => Err(format!("the label {text:?} is none of {}", labels.join(", "))),
    }
}

/// The better response. 1 and 2 are A and B, 0 is a tie.
pub fn winner(value: &Value) -> Result<Option<Winner>, String> {
    let Some(text) = words(value)? else { return Ok(None) };
    let plain: String = text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    let bare = ["response", "output", "answer", "assistant", "model"]
        .iter()
        .find_map(|word| plain.strip_prefix(word))
        .unwrap_or(&plain);
    match bare {
        "a" | "1" | "first" | "left" => Ok(Some(Winner::A)),
        "b" | "2" | "second" | "right" => Ok(Some(Winner::B)),
        "tie" | "0" | "equal" | "same" | "draw" | "both" | "neither" => Ok(Some(Winner::Tie)),
        _ if missing(&text) => Ok(None),
        _ => Err(format!("the label {text:?} is no winner: it is a, b or tie, or 1, 2 or 0")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn scores_lie_on_the_scale() {
        for (value, score) in [
            (json!(3), Some(3.0)),
            (json!("2.5"), Some(2.5)),
            (json!(" 5 "), Some(5.0)),
            (json!(null), None),
            (json!(""), None),
            (json!("NaN"), None),
        ] {
            assert_eq!(super::score(&value, 1.0, 5.0), Ok(score), "{value}");
        }
        assert_eq!(super::score(&json!(-2), -3.0, 0.0), Ok(Some(-2.0)));
        for (value, why) in [
            (json!(7), "off the scale"),
            (json!("good"), "no number"),
            (json!([1]), "map"),
            (json!("inf"), "no number"),
        ] {
            let error = super::score(&value, 1.0, 5.0).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn labels_are_found_but_never_by_their_beginning() {
        let labels = ["Not", "Not relevant", "Ωραίο", "好"].map(String::from);
        for (value, label) in [
            (json!("not relevant"), Some("Not relevant")),
            (json!("Not"), Some("Not")),
            (json!("ΩΡΑΊΟ"), Some("Ωραίο")),
            (json!("好"), Some("好")),
            (json!("NaN"), None),
            (json!(""), None),
        ] {
            assert_eq!(class(&value, &labels), Ok(label.map(String::from)), "{value}");
        }
        assert!(class(&json!("Not rel"), &labels).unwrap_err().contains("Not relevant"));
        let yes = ["Yes", "No"].map(String::from);
        for (value, label) in
            [(json!(true), "Yes"), (json!(0), "No"), (json!("fail"), "No"), (json!("YES"), "Yes")]
        {
            assert_eq!(class(&value, &yes), Ok(Some(label.into())), "{value}");
        }
        // A label of this very name comes before a word for nothing, and case decides only where it can.
        assert_eq!(class(&json!("none"), &["None".into(), "Some".into()]), Ok(Some("None".into())));
        assert!(class(&json!("AB"), &["Ab".into(), "aB".into()]).is_err());
    }

    #[test]
    fn winners_have_many_names() {
        for (value, found) in [
            (json!(1), Some(Winner::A)),
            (json!("Response B"), Some(Winner::B)),
            (json!("output_2"), Some(Winner::B)),
            (json!("model_a"), Some(Winner::A)),
            (json!("TIE"), Some(Winner::Tie)),
            (json!(0), Some(Winner::Tie)),
            (json!(null), None),
            (json!("nan"), None),
        ] {
            assert_eq!(winner(&value), Ok(found), "{value}");
        }
        assert!(winner(&json!(3)).unwrap_err().contains("a, b or tie"));
    }
}
