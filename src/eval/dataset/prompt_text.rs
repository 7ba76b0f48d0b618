//! Rows whose text is the whole prompt that another judge was given: its sections are taken apart again.

use serde_json::{Value, json};

/// The sections of a prompt in Prometheus's layout.
#[derive(Debug, PartialEq)]
pub struct Sections {
    pub input: String,
    pub response: String,
    pub reference: Option<String>,
    /// A scoring rubric.
    pub rubric: Option<Value>,
    pub objective: Option<String>,
}

const INPUT: &str = "###The instruction to evaluate:";
const RESPONSE: &str = "###Response to evaluate:";
const REFERENCE: &str = "###Reference Answer (Score 5):";
const RUBRIC: &str = "###Score Rubrics:";
const END: &str = "###Feedback:";

pub fn is_prometheus(prompt: &str) -> bool {
    prompt.contains(INPUT) && prompt.contains(RESPONSE)
}

/// Fails where a section is missing, or there twice: a text that holds the layout's own headings cannot be told apart.
pub fn prometheus(prompt: &str) -> Result<Sections, String> {
    for heading in [INPUT, RESPONSE, REFERENCE, RUBRIC, END] {
        if prompt.matches(heading).count() > 1 {
            return Err(format!(
                "the prompt has the heading {heading:?} twice, so its texts cannot be told apart"
            ));
        }
    }
    let (_, rest) = prompt.split_once(INPUT).ok_or("the prompt has no instruction")?;
    let (input, rest) = rest.split_once(RESPONSE).ok_or("the prompt has no response")?;
    let rest = rest.split_once(END).map_or(rest, |(rest, _)| rest);
    let (rest, rubric) = rest.split_once(RUBRIC).map_or((rest, None), |(rest, rubric)| (rest, Some(rubric)));
    let (response, reference) =
        rest.split_once(REFERENCE).map_or((rest, None), |(response, reference)| (response, Some(reference)));
    let (objective, scale) = rubric.map_or((None, None), described);
    Ok(Sections {
        input: input.trim().into(),
        response: response.trim().into(),
        reference: reference.map(|text| text.trim().into()),
        rubric: objective
            .as_ref()
            .zip(scale)
            .map(|(objective, scale)| json!({ "objective": objective, "scale": scale })),
        objective,
    })
}

/// `[objective]`, then a line for each score.
fn described(rubric: &str) -> (Option<String>, Option<Value>) {
    let rubric = rubric.trim();
    let Some((objective, lines)) = rubric.strip_prefix('[').and_then(|rest| rest.split_once("]\n")) else {
        return (None, None);
    };
    let level = |line: &str| -> Option<(String, Value)> {
        let (score, text) = line.trim().strip_prefix("Score ")?.split_once(": ")?;
        Some((score.to_string(), Value::from(text)))
    };
    let scale: Option<serde_json::Map<String, Value>> = lines.trim().lines().map(level).collect();
    (Some(objective.to_string()), scale.map(Value::Object))
}

/// Headings behind which the text to be judged stands in other sets' prompts, and what it ends with.
const GENERATED: [(&str, &str); 2] = [
    ("GENERATED RESPONSE:\n", "Judge the generated response:"),
    ("### Generated Summary", "### Source Article"),
];

/// What is asked and what was generated, of a prompt that has both; all of it is the response where they cannot be told
/// apart.
pub fn split(prompt: &str) -> (String, String) {
    for (start, end) in GENERATED {
        // The last heading: what comes before is the prompt's own.
        let Some((before, rest)) = prompt.rsplit_once(start) else { continue };
        let (response, behind) = rest.split_once(end).unwrap_or((rest, ""));
        let input = [before.trim(), behind.trim()].into_iter().filter(|part| !part.is_empty());
        return (input.collect::<Vec<_>>().join("\n\n"), response.trim().to_string());
    }
    (String::new(), prompt.trim().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_told_apart() {
        let prompt = "###Task Description:\nJudge.\n\n###The instruction to evaluate:\nName a moon.\n\n\
            ###Response to evaluate:\nIo.\n\n###Reference Answer (Score 5):\nEuropa.\n\n\
            ###Score Rubrics:\n[Is it a moon?]\nScore 1: No.\nScore 2: Yes: it is.\n\n###Feedback: ";
        let sections = prometheus(prompt).unwrap();
        assert_eq!((sections.input.as_str(), sections.response.as_str()), ("Name a moon.", "Io."));
        assert_eq!(sections.reference.as_deref(), Some("Europa."));
        let rubric = json!({ "objective": "Is it a moon?", "scale": { "1": "No.", "2": "Yes: it is." } });
        assert_eq!(sections.rubric, Some(rubric));
        assert!(prometheus(&prompt.replace("Io.", "###Response to evaluate:")).is_err());
        assert!(prometheus("###The instruction to evaluate:").is_err());
    }

    #[test]
    fn generated_texts_are_taken_out() {
        let prompt = "Judge it.\n\nQuestion: 1 + 1?\n\nGENERATED RESPONSE:\nStep 1 - 2\nJudge the generated response:\n";
        assert_eq!(split(prompt), ("Judge it.\n\nQuestion: 1 + 1?".into(), "Step 1 - 2".into()));
        let prompt = "### Generated Summary\n\nShort.\n\n### Source Article\n\nLong.";
        assert_eq!(split(prompt), ("Long.".into(), "Short.".into()));
        assert_eq!(split(" Only this. "), (String::new(), "Only this.".into()));
    }
}
