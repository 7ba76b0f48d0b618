//! Chat templates: the Jinja program in a model's metadata that turns messages into its prompt.

mod bounds;
mod date;
mod fuel;
mod json;
mod lead;
mod thinking;

pub use date::Date;
pub use lead::{Lead, Thoughts};
pub use thinking::{Habit, Thinking, ThoughtMarks};

use super::Tokenizer;
use crate::gguf::Metadata;
use crate::{Error, Result};
use bounds::Bounds;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, ErrorKind, Value, context};
use serde::{Deserialize, Serialize};
use std::cell::OnceCell;

/// A turn of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// "system", "user" or "assistant".
    pub role: String,
    pub content: String,
}

impl Message {
    pub fn user(content: impl Into<String>) -> Message {
        Message { role: "user".into(), content: content.into() }
    }
}

pub struct ChatTemplate {
    environment: Environment<'static>,
    source: String,
    /// Found when it is first asked for.
    thinking: OnceCell<Option<Thinking>>,
}

/// Fuel for a template, and more for each message and each byte of text. One pays for an instruction, for 64 bytes that
/// are written or copied, or for looking at two items; published templates use a hundredth of it.
const FUEL: usize = 100_000;
const FUEL_PER_MESSAGE: usize = 1000;
const BYTES_PER_FUEL: usize = 2;
/// A value in a template, see [`Bounds`]: this much, and what the messages have.
const MAX_SIZE: usize = 10_000;
/// Macros and blocks within each other; a macro counts four times.
const MAX_RECURSION: usize = 64;
/// Ten times the longest one published.
const MAX_TEMPLATE_BYTES: usize = 1 << 18;
/// Of what a template says through `raise_exception`.
const MAX_MESSAGE_CHARS: usize = 1000;
const NAME: &str = "chat";

impl ChatTemplate {
    /// `Ok(None)` where the file has no template.
    pub fn from_metadata(meta: &Metadata, date: Date) -> Result<Option<ChatTemplate>> {
        meta.str("tokenizer.chat_template").map(|source| ChatTemplate::new(source, date)).transpose()
    }

    /// From the text of a Jinja template; `date` is what it may print.
    pub fn new(source: &str, date: Date) -> Result<ChatTemplate> {
        if source.len() > MAX_TEMPLATE_BYTES {
            return Err(Error::ChatTemplate(format!("it has {} bytes", source.len())));
        }
        let mut environment = Environment::new();
        environment.set_recursion_limit(MAX_RECURSION);
        // Hugging Face's settings, which published templates are written for.
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().map_err(failed)?;
        environment.set_syntax(syntax.clone());
        environment.set_unknown_method_callback(bounds::method);
        environment.add_function("raise_exception", |message: String| -> Result<String, minijinja::Error> {
            Err(minijinja::Error::new(ErrorKind::InvalidOperation, message))
        });
        environment.add_function("strftime_now", move |format: String| date.format(&format));
        let checked = bounds::with_checks(source, &syntax).map_err(failed)?;
        environment.add_template_owned(NAME, checked).map_err(failed)?;
        Ok(ChatTemplate { environment, source: source.to_string(), thinking: OnceCell::new() })
    }

    /// The prompts that make the model answer `messages`, one for each of `answers`, with that as the beginning of its
    /// answer.
    ///
    /// Text that is a user's (the messages' contents, and the answers) cannot become a control token, nor a token that opens or
    /// closes a thought.
    pub fn prompts(
        &self,
        tokenizer: &Tokenizer,
        messages: &[Message],
        answers: &[impl AsRef<str>],
    ) -> Result<Vec<Vec<u32>>> {
        let lead = self.lead(tokenizer, messages, &Thoughts::AsTemplate)?;
        answers.iter().map(|answer| lead.prompt(tokenizer, answer.as_ref())).collect()
    }

    /// What the model's answer to `messages` stands behind, a thought that is opened or closed included.
    pub fn lead(&self, tokenizer: &Tokenizer, messages: &[Message], thoughts: &Thoughts) -> Result<Lead> {
        let texts = || messages.iter().flat_map(|m| [&m.role, &m.content]);
        let guard = unused_character(|c| {
            self.source.contains(c) || tokenizer.specials.mention(c) || texts().any(|text| text.contains(c))
        })?;
        let guarded: Vec<Message> = messages
            .iter()
            .map(|m| Message {
                role: tokenizer.guard(&m.role, guard),
                content: tokenizer.guard(&m.content, guard),
            })
            .collect();
        let [bos, eos] = [tokenizer.bos, tokenizer.eos].map(|token| tokenizer.name(token));
        let mut text = self.render(&guarded, &bos, &eos, true, thoughts.switch())?;
        // Without an order about thoughts, the template is not even looked at.
        let thinking = thoughts.switch().and_then(|_| self.thinking());
        text.push_str(&thoughts.completion(thinking, &text));
        Lead::of_rendered(tokenizer, &text, guard, thoughts.tokens(tokenizer))
    }

    /// How the template lets its model think; `None` where it knows of no thoughts.
    pub fn thinking(&self) -> Option<&Thinking> {
        self.thinking.get_or_init(|| Thinking::of_template(self)).as_ref()
    }

    /// The text of `messages`. Here names of control tokens in them are names like any others: see
    /// [`ChatTemplate::prompts`] for prompts. `generation`: with the beginning of the model's answer. `think`: what the
    /// template's switch for thoughts is set to, if it has one.
    pub fn render(
        &self,
        messages: &[Message],
        bos: &str,
        eos: &str,
        generation: bool,
        think: Option<bool>,
    ) -> Result<String> {
        let bytes: usize = messages.iter().map(|m| m.role.len() + m.content.len()).sum();
        let mut environment = self.environment.clone();
        let fuel = FUEL + FUEL_PER_MESSAGE * messages.len() + bytes / BYTES_PER_FUEL;
        environment.set_fuel(Some(fuel as u64));
        Bounds { size: MAX_SIZE + 10 * messages.len() + bytes / 64 }.install(&mut environment);
        let template = environment.get_template(NAME).map_err(failed)?;
        let known = context! {
            messages => Value::from(Serde(messages.to_vec())),
            add_generation_prompt => generation,
            bos_token => bos,
            eos_token => eos,
        };
        let known = match think {
            // Models have either name for it.
            Some(think) => context! { enable_thinking => think, thinking => think, ..known },
            None => known,
        };
        // Hugging Face says that there are no tools. A template that wants some fails then, and may do without this.
        let none = context! { tools => Value::from(()), documents => Value::from(()), ..known.clone() };
        template.render(none).or_else(|error| template.render(known).map_err(|_| error)).map_err(failed)
    }
}

fn failed(error: minijinja::Error) -> Error {
    Error::ChatTemplate(error.to_string().chars().take(MAX_MESSAGE_CHARS).collect())
}

/// A character that occurs nowhere: one of Unicode's noncharacters, else one for private use.
fn unused_character(occurs: impl Fn(char) -> bool) -> Result<char> {
    ('\u{fdd0}'..='\u{fdef}').chain('\u{f0000}'..='\u{f00ff}').find(|c| !occurs(*c)).ok_or_else(|| {
        Error::InvalidArgument("the text holds every character that could serve as a mark".into())
    })
}
