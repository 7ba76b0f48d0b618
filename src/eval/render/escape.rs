//! Texts as text: nothing that stands in the data becomes markup.

use minijinja::{AutoEscape, Error, Output, State, Value, escape_formatter};

const MARKDOWN: &str = "markdown";
const XML: &str = "xml";

/// How a template escapes, by the ending of its name.
pub fn kind(name: &str) -> AutoEscape {
    match name.rsplit('.').next() {
        Some("md") => AutoEscape::Custom(MARKDOWN.into()),
        Some("xml") => AutoEscape::Custom(XML.into()),
        _ => AutoEscape::Html,
    }
}

/// Writes a value of a template, escaped as the rendering needs it.
pub fn format(out: &mut Output, state: &mut State, value: &Value) -> Result<(), Error> {
    let escape = match state.auto_escape() {
        AutoEscape::Custom(kind) if kind == MARKDOWN => markdown,
        AutoEscape::Custom(kind) if kind == XML => xml,
        _ => return escape_formatter(out, state, value),
    };
    let text = value.to_string();
    let plain = value.is_safe() || value.is_number();
    out.write_str(&if plain { text } else { escape(&text) }).map_err(Error::from)
}

/// A text in one line of Markdown. Every sign that could mean something there is escaped; a word joiner keeps `@name` from
/// calling anybody.
pub fn markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut before = ' ';
    for c in text.chars() {
        match c {
            '@' => escaped.push_str("@\u{2060}"),
            // As entities, because a backslash before a bar or an angle bracket is not taken for an escape everywhere.
            '|' => escaped.push_str("&#124;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            // `://` and `www.` would become links.
            '.' if matches!(before, 'w' | 'W') => escaped.push_str("\\."),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '+' | '-' | '!' | '~'
            | '$' | ':' => {
                escaped.extend(['\\', c]);
            }
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => escaped.push(' '),
            c => escaped.push(c),
        }
        before = c;
    }
    escaped
}

/// A text in XML 1.0, as an attribute or between tags. What XML cannot hold becomes a replacement character.
pub fn xml(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // In an attribute they would be read as spaces.
            '\n' | '\r' | '\t' => escaped.push_str(&format!("&#{};", c as u32)),
            c if c.is_ascii_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}
