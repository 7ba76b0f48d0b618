//! How a chat template lets its model think before it answers, as its text and its generation prompt show.

use super::{ChatTemplate, Message};
use serde::{Deserialize, Serialize};

/// What a thought begins and ends with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThoughtMarks {
    pub open: String,
    pub close: String,
}

impl ThoughtMarks {
    fn new((open, close): (&str, &str)) -> ThoughtMarks {
        ThoughtMarks { open: open.into(), close: close.into() }
    }

    /// Those of published models.
    pub fn known() -> impl Iterator<Item = ThoughtMarks> {
        KNOWN.into_iter().map(ThoughtMarks::new)
    }
}

/// The marks of published models.
const KNOWN: [(&str, &str); 8] = [
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|channel>thought", "<channel|>"),
    ("Here are my reasoning steps:", "[BEGIN FINAL RESPONSE]"),
];

/// All names of `KNOWN` that a vocabulary may have as tokens: what a user writes must not become one.
pub(super) fn known_marks() -> impl Iterator<Item = &'static str> {
    KNOWN.iter().flat_map(|(open, close)| [*open, *close])
}

/// When a chat template's model thinks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Habit {
    /// The template opens a thought in every prompt.
    Always,
    /// The template has a switch.
    Switch,
    /// The template knows of thoughts, but opens none.
    Knows,
}

/// The thoughts of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thinking {
    pub habit: Habit,
    pub marks: ThoughtMarks,
    /// What opens a thought where the template does not: the mark and what surrounds it.
    pub opening: String,
    /// What stands between a thought and its closing mark, and behind that.
    pub before_close: String,
    pub after_close: String,
}

impl Thinking {
    /// Thoughts as most models write them: the marks stand on lines of their own.
    pub fn of_marks(marks: ThoughtMarks) -> Thinking {
        Thinking {
            habit: Habit::Knows,
            opening: format!("{}\n", marks.open),
            before_close: "\n".into(),
            after_close: "\n\n".into(),
            marks,
        }
    }

    /// What `template` shows; `None` where it knows of no thoughts.
    pub(super) fn of_template(template: &ChatTemplate) -> Option<Thinking> {
        let tail = |think: bool| {
            // A template may say other things as well to a model that thinks: the end of the prompt counts.
            let text = template.render(&[Message::user(PROBE)], "", "", true, Some(think)).ok()?;
            text.rsplit_once(PROBE).map(|(_, tail)| tail.to_string())
        };
        let is_known =
            |marks: &ThoughtMarks| [&marks.open, &marks.close].iter().any(|m| template.source.contains(*m));
        let mut known = ThoughtMarks::known().filter(is_known).peekable();
        known.peek()?;
        let (on, off) = (tail(true).unwrap_or_default(), tail(false).unwrap_or_default());
        // A template may mention several kinds; the one that it uses in a prompt is the model's.
        known.map(|marks| Thinking::of_tails(marks, &on, &off)).reduce(|best, next| match best.habit {
            Habit::Knows if next.habit != Habit::Knows => next,
            _ => best,
        })
    }

    /// From what a template writes behind the conversation with its switch on and off.
    fn of_tails(marks: ThoughtMarks, on: &str, off: &str) -> Thinking {
        let mut thinking = Thinking::of_marks(marks);
        let (on_state, off_state) = (thinking.state(on), thinking.state(off));
        thinking.habit = match (on_state, off_state) {
            (State::Opened, State::Opened) => Habit::Always,
            (on, off) if on != off => Habit::Switch,
            _ => Habit::Knows,
        };
        let closed = Empty::find(off, &thinking.marks);
        // Whether a thought begins on the line behind its mark.
        let lined = match (on_state, &closed) {
            (State::Opened, _) => on.ends_with('\n'),
            (_, Some(closed)) => closed.within.starts_with('\n'),
            _ => true,
        };
        let after = closed.as_ref().map_or("", |closed| closed.after);
        let lead = closed.as_ref().and_then(|closed| closed.before.strip_prefix(space_behind(on)));
        let (line, lines) = if lined { ("\n", "\n\n") } else { ("", "") };
        thinking.opening = format!("{}{}{line}", lead.unwrap_or_default(), thinking.marks.open);
        thinking.before_close = line.into();
        thinking.after_close = if after.is_empty() { lines } else { after }.into();
        thinking
    }

    /// What closes an open thought, and leaves the place behind it.
    pub fn closing(&self) -> String {
        format!("{}{}{}", self.before_close, self.marks.close, self.after_close)
    }

    /// What must follow a template's prompt for the model to be inside a thought, or outside of one.
    pub fn completion(&self, prompt: &str, think: bool) -> String {
        match (self.state(prompt), think) {
            (State::Opened, false) => self.closing(),
            (State::Plain | State::Closed, true) => self.opening.clone(),
            _ => String::new(),
        }
    }

    fn state(&self, prompt: &str) -> State {
        let prompt = prompt.trim_end();
        match () {
            _ if prompt.ends_with(&self.marks.open) => State::Opened,
            _ if prompt.ends_with(&self.marks.close) => State::Closed,
            _ => State::Plain,
        }
    }
}

/// The user's text in the prompts that show what a template does; no template holds it.
const PROBE: &str = "\u{fdd0}?";

/// White space around and within a thought that holds nothing, at the end of a prompt.
struct Empty<'a> {
    before: &'a str,
    within: &'a str,
    after: &'a str,
}

impl<'a> Empty<'a> {
    fn find(prompt: &'a str, marks: &ThoughtMarks) -> Option<Empty<'a>> {
        let (rest, after) = prompt.rsplit_once(&marks.close)?;
        let (rest, within) = rest.rsplit_once(&marks.open)?;
        let is_empty = within.trim().is_empty() && after.trim().is_empty();
        is_empty.then(|| Empty { before: space_behind(rest), within, after })
    }
}

/// The white space that a text ends with.
fn space_behind(text: &str) -> &str {
    &text[text.trim_end().len()..]
}

/// Where the end of a prompt is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Opened,
    Closed,
    Plain,
}
