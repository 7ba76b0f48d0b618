//! Prompt templates: data that anyone can write, in the format of the published prompts of Selene Mini.

use super::field::{Field, Part};
use crate::tokenizer::{Message, ThoughtMarks};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// A prompt with placeholders such as `{user_input}`, and the markers of the answer that it asks for.
///
/// As YAML (or JSON) it has `user_template`, and optionally `system_template`, `reasoning_marker`, `result_marker`,
/// `rubric: first` or `last`, and `thinking: { open, close }`. `{#name}…{/name}` is kept only where the task has `name`.
/// Values are put in once and are never looked at again, so that a value that holds a placeholder stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all(serialize = "camelCase"), deny_unknown_fields)]
pub struct Template {
    #[serde(alias = "userTemplate")]
    user_template: String,
    #[serde(default, alias = "systemTemplate", skip_serializing_if = "Option::is_none")]
    system_template: Option<String>,
    /// What a reply begins with.
    #[serde(default = "reasoning_marker", alias = "reasoningMarker")]
    pub reasoning_marker: String,
    /// What the verdict follows.
    #[serde(default = "result_marker", alias = "resultMarker")]
    pub result_marker: String,
    /// What a thought before the reply begins and ends with, for models that think because the template asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thinking: Option<ThoughtMarks>,
    /// Where it says that the rubric stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rubric: Option<Place>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Place {
    First,
    Last,
}

fn reasoning_marker() -> String {
    "**Reasoning:**".into()
}

fn result_marker() -> String {
    "**Result:**".into()
}

/// No prompt that a model here could read comes near it.
const MAX_BYTES: usize = 1 << 20;
/// Nor near this, with the values in their places: a template may name one a hundred thousand times.
const MAX_PROMPT_BYTES: usize = 64 << 20;

/// Of what opens or closes a thought.
const MAX_MARK_BYTES: usize = 256;

impl Template {
    /// From YAML or JSON.
    pub fn parse(text: &str) -> Result<Template> {
        if text.len() > MAX_BYTES {
            return Err(wrong(format!("it has {} bytes; {MAX_BYTES} are the most", text.len())));
        }
        let template: Template = serde_saphyr::from_str(text).map_err(|e| wrong(e.to_string()))?;
        template.checked()
    }

    /// Itself, if it can be rendered at all.
    pub fn checked(self) -> Result<Template> {
        for (name, marker) in
            [("reasoning_marker", &self.reasoning_marker), ("result_marker", &self.result_marker)]
        {
            if marker.trim().is_empty() || marker.contains('\n') {
                return Err(wrong(format!("`{name}` must be one line with something on it")));
            }
        }
        if let Some(ThoughtMarks { open, close }) = &self.thinking {
            for (name, mark) in [("thinking.open", open), ("thinking.close", close)] {
                if mark.trim() != mark
                    || mark.is_empty()
                    || mark.contains('\n')
                    || mark.len() > MAX_MARK_BYTES
                {
                    return Err(wrong(format!(
                        "`{name}` must be a short text on one line, without white space around it"
                    )));
                }
            }
            if open == close {
                return Err(wrong("`thinking.open` and `thinking.close` must differ".into()));
            }
        }
        for text in self.texts() {
            let mut open = None;
            for piece in pieces(text) {
                match piece {
                    Piece::Open(name) if open.replace(name).is_some() => {
                        return Err(wrong(format!("{{#{name}}} stands inside another section")));
                    }
                    Piece::Close(name) if open.take() != Some(name) => {
                        return Err(wrong(format!("{{/{name}}} closes no {{#{name}}}")));
                    }
                    _ => {}
                }
            }
            if let Some(name) = open {
                return Err(wrong(format!("{{#{name}}} is never closed by {{/{name}}}")));
            }
        }
        match self.rubric {
            Some(Place::First) if !self.rubric_first() => {
                Err(wrong("it says `rubric: first`, but a response comes before the rubric".into()))
            }
            Some(Place::Last) if self.rubric_first() => {
                Err(wrong("it says `rubric: last`, but the rubric comes before the responses".into()))
            }
            _ => Ok(self),
        }
    }

    /// Whether the rubric stands before what is judged: many responses under one rubric then share the most of their
    /// prompts. Else one response under many rubrics does.
    pub fn rubric_first(&self) -> bool {
        let names = || self.texts().flat_map(pieces).filter_map(Piece::value);
        let rubric = names().position(|name| name.contains("rubric") || name == "criteria");
        let response =
            names().position(|name| name.starts_with("assistant_response") || name.starts_with("response"));
        matches!((rubric, response), (Some(rubric), Some(response)) if rubric < response)
    }

    /// What begins a section of the prompt or a part of the judge's answer: its markers, and lines of its own that end in a colon.
    pub(super) fn headings(&self) -> Vec<String> {
        let own = self.texts().flat_map(str::lines).map(str::trim);
        let own = own.filter(|line| line.len() > 1 && line.ends_with(':') && !line.contains('{'));
        // Sentences end in a colon too.
        let own = own.filter(|line| line.split_whitespace().count() <= 3);
        own.chain([self.reasoning_marker.as_str(), &self.result_marker]).map(str::to_string).collect()
    }

    /// Whether `{name}` stands in it.
    pub(super) fn mentions(&self, name: &str) -> bool {
        self.texts().flat_map(pieces).any(|piece| piece.value() == Some(name))
    }

    /// The conversation that puts `fields` to the model. All that the task holds must be in it.
    pub(super) fn render(&self, texts: &[Field], rubric: &[Field]) -> Result<Vec<Message>> {
        let fields: Vec<&Field> = texts.iter().chain(rubric).collect();
        let mut shown = Vec::new();
        let system =
            self.system_template.as_deref().map(|text| substitute(text, &fields, &mut shown)).transpose()?;
        let user = substitute(&self.user_template, &fields, &mut shown)?;
        for field in fields.iter().filter(|field| field.value.is_some()) {
            if let Some(part) = field.parts.iter().find(|part| !shown.contains(part)) {
                return Err(wrong(format!(
                    "it lacks {{{}}}, so that {part} would not be seen",
                    field.name()
                )));
            }
        }
        let system = system.map(|content| Message { role: "system".into(), content });
        Ok(system.into_iter().chain([Message::user(user)]).collect())
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        self.system_template.as_deref().into_iter().chain([self.user_template.as_str()])
    }
}

fn wrong(what: String) -> Error {
    Error::InvalidArgument(format!("the template cannot be used: {what}"))
}

/// `text` with the values of `fields` in their places; their parts are added to `shown`.
fn substitute(text: &str, fields: &[&Field], shown: &mut Vec<Part>) -> Result<String> {
    let find = |name: &str| {
        let found = fields.iter().find(|field| field.names.iter().any(|known| known == name));
        found.ok_or_else(|| {
            let known: Vec<String> = fields.iter().map(|field| format!("{{{}}}", field.name())).collect();
            wrong(format!("it asks for {{{name}}}, but this task has only {}", known.join(", ")))
        })
    };
    let mut out = String::new();
    let mut left_out = false;
    for piece in pieces(text) {
        match piece {
            Piece::Open(name) => left_out = find(name)?.value.is_none(),
            Piece::Close(_) => left_out = false,
            _ if left_out => {}
            _ if out.len() > MAX_PROMPT_BYTES => {
                return Err(wrong(format!("it makes a prompt of more than {MAX_PROMPT_BYTES} bytes")));
            }
            Piece::Text(text) => out.push_str(text),
            Piece::Value(name) => {
                let field = find(name)?;
                let value = field.value.as_deref();
                out.push_str(
                    value.ok_or_else(|| wrong(format!("it asks for {{{name}}}, which was not given")))?,
                );
                shown.extend(&field.parts);
            }
        }
    }
    Ok(out)
}

/// What a template's text is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece<'a> {
    Text(&'a str),
    Value(&'a str),
    Open(&'a str),
    Close(&'a str),
}

impl<'a> Piece<'a> {
    fn value(self) -> Option<&'a str> {
        match self {
            Piece::Value(name) => Some(name),
            _ => None,
        }
    }
}

/// Cuts a text at its placeholders. Other braces are text.
fn pieces(mut rest: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut pending = None;
    std::iter::from_fn(move || {
        if let Some(piece) = pending.take() {
            return Some(piece);
        }
        if rest.is_empty() {
            return None;
        }
        let Some((start, end, piece)) = placeholder(rest) else {
            return Some(Piece::Text(std::mem::take(&mut rest)));
        };
        let before = &rest[..start];
        rest = &rest[end..];
        if before.is_empty() {
            return Some(piece);
        }
        pending = Some(piece);
        Some(Piece::Text(before))
    })
}

/// The first placeholder, and where it begins and ends.
fn placeholder<'a>(text: &'a str) -> Option<(usize, usize, Piece<'a>)> {
    for (open, _) in text.match_indices('{') {
        let (name, kind): (&'a str, fn(&'a str) -> Piece<'a>) = match &text[open + 1..] {
            rest if rest.starts_with('#') => (&rest[1..], Piece::Open),
            rest if rest.starts_with('/') => (&rest[1..], Piece::Close),
            rest => (rest, Piece::Value),
        };
        let len = name.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(name.len());
        if len > 0 && name[len..].starts_with('}') {
            let end = text.len() - name.len() + len + 1;
            return Some((open, end, kind(&name[..len])));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field<'a>(name: &str, value: Option<&'a str>, parts: &[Part]) -> Field<'a> {
        Field { names: vec![name.into()], value: value.map(Into::into), parts: parts.to_vec() }
    }

    fn render(text: &str, fields: &[Field]) -> Result<String> {
        let json = serde_json::json!({ "user_template": text }).to_string();
        Ok(Template::parse(&json)?.render(fields, &[])?.remove(0).content)
    }

    #[test]
    fn values_are_put_in_once() {
        let fields = [field("a", Some("{b}"), &[]), field("b", Some("x"), &[])];
        assert_eq!(render("{a}: {not this} {{b}} {", &fields).unwrap(), "{b}: {not this} {x} {");
    }

    #[test]
    fn sections_depend_on_what_the_task_has() {
        let text = "a{#r} with {r}{/r}.";
        assert_eq!(render(text, &[field("r", None, &[])]).unwrap(), "a.");
        assert_eq!(render(text, &[field("r", Some("{/r}"), &[])]).unwrap(), "a with {/r}.");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let fields = [field("a", Some(""), &[Part::Input]), field("b", None, &[])];
        for (text, name) in [
            ("none", "{a}"),
            ("{a} {c}", "{c}"),
            ("{a} {b}", "{b}"),
            ("{a} {#b}", "{#b}"),
            ("{a} {/b}", "{/b}"),
            ("{a} {#b}{#a}{/a}{/b}", "{#a}"),
        ] {
            let error = render(text, &fields).unwrap_err().to_string();
            assert!(error.contains(name), "{text}: {error}");
        }
    }

    #[test]
    fn the_place_of_the_rubric_is_checked() {
        let first = "rubric: first\nuser_template: '{rubric_objective} {assistant_response}'";
        assert!(Template::parse(first).unwrap().rubric_first());
        assert!(Template::parse(&first.replace("first", "last")).is_err());
        let misspelt = Template::parse("user_tempalte: x").unwrap_err();
        assert!(misspelt.to_string().contains("user_tempalte"), "{misspelt}");
    }
}
