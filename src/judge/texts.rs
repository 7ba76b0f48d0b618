//! The texts of a task, without what they are judged by.

use crate::{Error, Result};
use serde::Deserialize;

/// What a response may draw on: one passage, or several.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Passages {
    One(String),
    Many(Vec<String>),
}

impl Passages {
    fn joined(&self) -> Option<String> {
        let passages = match self {
            Passages::One(passage) => std::slice::from_ref(passage),
            Passages::Many(passages) => passages,
        };
        let marked: Vec<String> = passages.iter().map(|passage| format!("Context:\n{passage}")).collect();
        (!marked.is_empty()).then(|| marked.join("\n\n"))
    }
}

/// What the judge reads of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Texts {
    pub input: String,
    pub responses: Vec<String>,
    pub reference: Option<String>,
    pub context: Option<String>,
}

impl Texts {
    pub fn new(
        input: &str,
        responses: &[&str],
        reference: &Option<String>,
        context: &Option<Passages>,
    ) -> Result<Texts> {
        let texts = Texts {
            input: input.into(),
            responses: responses.iter().map(|response| response.to_string()).collect(),
            reference: reference.clone(),
            context: context.as_ref().and_then(Passages::joined),
        };
        // What no prompt could hold is refused before it is copied about and tokenized.
        const MOST: usize = 1 << 26;
        let bytes = texts.all().map(str::len).sum::<usize>();
        match bytes <= MOST {
            true => Ok(texts),
            false => Err(Error::InvalidArgument(format!(
                "the texts of the task have {bytes} bytes; {MOST} are the most that is accepted. Shorten them."
            ))),
        }
    }

    fn all(&self) -> impl Iterator<Item = &str> {
        let optional = [&self.reference, &self.context].into_iter().flatten();
        self.responses.iter().chain([&self.input]).chain(optional).map(String::as_str)
    }

    /// The same texts with one of the responses alone.
    pub fn only(&self, response: usize) -> Texts {
        Texts { responses: vec![self.responses[response].clone()], ..self.clone() }
    }

    /// The same texts with the two responses in each other's place.
    pub fn swapped(&self) -> Texts {
        Texts { responses: self.responses.iter().rev().cloned().collect(), ..self.clone() }
    }
}
