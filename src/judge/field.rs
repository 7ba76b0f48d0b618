//! The values that a task puts into a template, by the names that published templates use.

use super::level::Level;
use super::texts::Texts;
use std::borrow::Cow;
use std::fmt;

/// A part of a task that the judge must see to judge it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Input,
    /// The response with this index.
    Response(usize),
    Reference,
    Context,
    Objective,
    /// The description of the level or label with this index.
    Label(usize),
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Part::Input => write!(f, "the input"),
            Part::Response(_) => write!(f, "a response"),
            Part::Reference => write!(f, "the reference"),
            Part::Context => write!(f, "the context"),
            Part::Objective => write!(f, "the rubric's objective"),
            Part::Label(_) => write!(f, "a part of the rubric"),
        }
    }
}

/// A value under its names: ours, which is Selene's, then those of other families of templates.
#[derive(Debug)]
pub(super) struct Field<'a> {
    pub names: Vec<String>,
    /// `None`: the task could have it, but has not.
    pub value: Option<Cow<'a, str>>,
    /// What is seen where this value is seen.
    pub parts: Vec<Part>,
}

impl<'a> Field<'a> {
    fn new(names: &[&str], value: impl Into<Cow<'a, str>>, parts: &[Part]) -> Field<'a> {
        Field { value: Some(value.into()), ..Field::absent(names, parts) }
    }

    fn absent(names: &[&str], parts: &[Part]) -> Field<'a> {
        Field {
            names: names.iter().map(|name| name.to_string()).collect(),
            value: None,
            parts: parts.to_vec(),
        }
    }

    pub fn name(&self) -> &str {
        &self.names[0]
    }
}

/// The texts that are judged. Where the template has no place for the passages, they precede the instruction: there
/// Selene was trained to find them.
pub(super) fn of_texts<'a>(texts: &'a Texts, has_context: bool) -> Vec<Field<'a>> {
    let mut fields = match (&texts.context, has_context) {
        (Some(context), false) => vec![Field::new(
            &["user_input", "instruction"],
            format!("{context}\n\n{}", texts.input),
            &[Part::Input, Part::Context],
        )],
        _ => vec![Field::new(&["user_input", "instruction"], &*texts.input, &[Part::Input])],
    };
    let names: &[&[&str]] = match texts.responses.len() {
        1 => &[&["assistant_response", "response"]],
        _ => &[
            &["assistant_response_a", "response_a", "response_A"],
            &["assistant_response_b", "response_b", "response_B"],
        ],
    };
    for (i, (names, response)) in names.iter().zip(&texts.responses).enumerate() {
        fields.push(Field::new(names, &**response, &[Part::Response(i)]));
    }
    let optional = |names: &[&str], value: &'a Option<String>, part| Field {
        value: value.as_deref().map(Cow::from),
        ..Field::absent(names, &[part])
    };
    fields.push(optional(&["reference_response", "reference_answer"], &texts.reference, Part::Reference));
    match has_context {
        true => fields.push(optional(&["context"], &texts.context, Part::Context)),
        false => fields.push(Field::absent(&["context"], &[])),
    }
    fields
}

pub(super) fn of_objective(objective: &str) -> Vec<Field<'_>> {
    vec![Field::new(&["rubric_objective", "criteria", "rubric"], objective, &[Part::Objective])]
}

/// A level or label as the rubric lists it.
#[derive(Clone)]
pub(super) struct Described<'a> {
    /// Its index in the rubric.
    pub index: usize,
    pub name: String,
    pub description: &'a str,
}

/// A scale's levels, in the order in which they are to be listed.
pub(super) fn of_scale<'a>(objective: &'a str, levels: &[Described<'a>]) -> Vec<Field<'a>> {
    let lines: Vec<String> = levels.iter().map(|l| format!("Score {}: {}", l.name, l.description)).collect();
    let by_score = |level: &Described<'a>| {
        let (long, short) =
            (format!("rubric_score_{}_description", level.name), format!("score{}_description", level.name));
        Field::new(&[&long, &short], level.description, &[Part::Label(level.index)])
    };
    let mut fields = of_rubric(objective, "rubric_levels", &lines, levels);
    fields.extend(levels.iter().map(by_score));
    let mut scores: Vec<Level> = levels.iter().filter_map(|level| level.name.parse().ok()).collect();
    scores.sort_unstable();
    if let [lowest, .., highest] = scores[..] {
        fields.push(Field::new(&["lowest_score"], lowest.to_string(), &[]));
        fields.push(Field::new(&["highest_score"], highest.to_string(), &[]));
    }
    fields.push(Field::new(&["possible_scores"], possible(&scores), &[]));
    fields
}

/// What a judge may answer, in words: "an integer from 1 to 5", or each level where there are others than integers.
fn possible(scores: &[Level]) -> String {
    match scores {
        [lowest, .., highest] if scores.iter().all(|score| score.is_integer()) => {
            format!("an integer from {lowest} to {highest}")
        }
        _ => {
            let names: Vec<String> = scores.iter().map(Level::to_string).collect();
            format!("one of {}", names.join(", "))
        }
    }
}

/// A classification's labels, in the order in which they are to be listed.
pub(super) fn of_labels<'a>(objective: &'a str, labels: &[Described<'a>]) -> Vec<Field<'a>> {
    let lines: Vec<String> = labels.iter().map(|l| format!("{}: {}", l.name, l.description)).collect();
    let by_label = |label: &Described<'a>| {
        let name = format!("rubric_{}_description", placeholder_name(&label.name));
        Field::new(&[&name], label.description, &[Part::Label(label.index)])
    };
    let mut fields = of_rubric(objective, "rubric_labels", &lines, labels);
    fields.extend(labels.iter().map(by_label));
    let names: Vec<&str> = labels.iter().map(|label| label.name.as_str()).collect();
    let list = match names.split_last() {
        Some((last, [])) => last.to_string(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    };
    fields.push(Field::new(&["label_list"], list, &[]));
    fields
}

fn of_rubric<'a>(
    objective: &'a str,
    lines_name: &str,
    lines: &[String],
    labels: &[Described],
) -> Vec<Field<'a>> {
    let parts: Vec<Part> = labels.iter().map(|label| Part::Label(label.index)).collect();
    let whole: Vec<Part> = [Part::Objective].into_iter().chain(parts.iter().copied()).collect();
    vec![
        Field::new(&["rubric_objective", "criteria"], objective, &[Part::Objective]),
        Field::new(&[lines_name], lines.join("\n"), &parts),
        Field::new(&["rubric"], format!("[{objective}]\n{}", lines.join("\n")), &whole),
    ]
}

/// A label as it can stand in a placeholder: `Not relevant` is `not_relevant`.
fn placeholder_name(label: &str) -> String {
    label.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect()
}
