use crate::{Error, Result};

/// A prompt with placeholders such as `{user_input}`. Values are put in once and are never looked at again, so that
/// a value that holds a placeholder stays as it is.
#[derive(Debug, Clone, Copy)]
pub struct Template<'a>(pub &'a str);

impl Template<'_> {
    pub fn render(&self, values: &[(&str, &str)]) -> Result<String> {
        let mut out = String::new();
        let mut used = vec![false; values.len()];
        let mut rest = self.0;
        while let Some((before, name, after)) = placeholder(rest) {
            let found = values.iter().position(|(key, _)| *key == name);
            let i = found.ok_or_else(|| {
                Error::InvalidArgument(format!(
                    "the template asks for {{{name}}}, which this task does not have"
                ))
            })?;
            out.push_str(before);
            out.push_str(values[i].1);
            used[i] = true;
            rest = after;
        }
        out.push_str(rest);
        match used.iter().position(|used| !used) {
            Some(i) => Err(Error::InvalidArgument(format!("the template lacks {{{}}}", values[i].0))),
            None => Ok(out),
        }
    }
}

/// The first placeholder: the text before it, its name, the text after it. Other braces are text.
fn placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    while let Some(open) = text[from..].find('{').map(|i| i + from) {
        let name = &text[open + 1..];
        let len = name
            .find(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'))
            .unwrap_or(name.len());
        if len > 0 && name[len..].starts_with('}') {
            return Some((&text[..open], &name[..len], &name[len + 1..]));
        }
        from = open + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_put_in_once() {
        let template = Template("{a}: {not this} {{b}} {");
        assert_eq!(template.render(&[("a", "{b}"), ("b", "x")]).unwrap(), "{b}: {not this} {x} {");
    }

    #[test]
    fn missing_and_unknown_placeholders_are_named() {
        let missing = Template("{a}").render(&[("a", ""), ("b", "")]).unwrap_err();
        assert!(missing.to_string().contains("{b}"));
        let unknown = Template("{c}").render(&[]).unwrap_err();
        assert!(unknown.to_string().contains("{c}"));
    }
}
