//! What a template from a file may do, beyond what fuel pays for.
//!
//! Fuel bounds the instructions that run and the bytes that they make. It does not bound values within values: those may
//! be nested deeper than the stack, and one that holds another twice, which holds a third twice, takes forever to
//! compare. So every name that a template binds (by `set`, by a loop, as a parameter) is bound to something that
//! [`Bounds::check`] has seen, by a call of it that is written into the template.

use super::fuel::{is_of_engine, measure, pay_for, refused};
use minijinja::machinery::{Span, Token, tokenize};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, StringInput, ValueKind};
use minijinja::{Environment, Error, State, Value, filters};

/// Parts of a tag: the compiler recurses along chains such as `a + a + a`.
const MAX_TOKENS: usize = 256;
/// What the checks are called in a template, which must not know the name.
const CHECK: &str = "lunette_checked";
const CHECK_PART: &str = "lunette_checked_part";

/// `source` with a check at each place where it binds a name.
pub(super) fn with_checks(source: &str, syntax: &SyntaxConfig) -> Result<String, Error> {
    if source.contains(CHECK) {
        return Err(refused(format!("it names {CHECK}")));
    }
    let mut out = String::with_capacity(source.len() + source.len() / 4);
    let mut copied = 0;
    let mut tag: Vec<(Token, Span)> = Vec::new();
    for token in tokenize(source, false, syntax.clone()) {
        let (token, span) = token?;
        match token {
            Token::TemplateData(_) => {}
            Token::BlockStart | Token::VariableStart => tag.clear(),
            Token::VariableEnd => accepted(&tag)?,
            Token::BlockEnd => {
                accepted(&tag)?;
                if let Some((at, name)) = generation(&tag) {
                    out.push_str(&source[copied..at.start_offset as usize]);
                    out.push_str(name);
                    copied = at.end_offset as usize;
                }
                let end = &source[span.start_offset as usize..span.end_offset as usize];
                for (at, text) in insertions(&tag, end, span) {
                    out.push_str(&source[copied..at]);
                    out.push_str(&text);
                    copied = at;
                }
            }
            token => tag.push((token, span)),
        }
        if tag.len() > MAX_TOKENS {
            return Err(refused(format!(
                "line {} has a tag of more than {MAX_TOKENS} parts",
                span.start_line
            )));
        }
    }
    out.push_str(&source[copied..]);
    Ok(out)
}

/// Hugging Face's `{% generation %}` marks what the model wrote, and changes no text. What stands for it here is a block
/// that names nothing.
fn generation(tag: &[(Token, Span)]) -> Option<(Span, &'static str)> {
    match tag {
        [(Token::Ident("generation"), at)] => Some((*at, "with")),
        [(Token::Ident("endgeneration"), at)] => Some((*at, "endwith")),
        _ => None,
    }
}

/// Refuses what makes values within values without a name: lists that are multiplied, and loops that call themselves.
fn accepted(tag: &[(Token, Span)]) -> Result<(), Error> {
    let token = |i: usize| tag.get(i).map(|(token, _)| token);
    for (i, (found, span)) in tag.iter().enumerate() {
        let harmless = match found {
            Token::Mul => {
                let text = matches!(i.checked_sub(1).and_then(token), Some(Token::Str(_) | Token::String(_)));
                let left = match i.checked_sub(1).and_then(token) {
                    Some(Token::Ident("length" | "count" | "int")) => true,
                    Some(Token::Ident(_)) => i < 2 || !matches!(token(i - 2), Some(Token::Pipe)),
                    Some(Token::Int(_) | Token::Float(_)) => true,
                    _ => text,
                };
                let right = match token(i + 1) {
                    Some(Token::ParenOpen) => text,
                    next => !matches!(next, Some(Token::BracketOpen | Token::BraceOpen)),
                };
                left && right
            }
            Token::Ident("recursive") => !matches!(token(0), Some(Token::Ident("for"))),
            _ => true,
        };
        if !harmless {
            return Err(refused(format!(
                "line {} multiplies a list or has a recursive loop",
                span.start_line
            )));
        }
    }
    Ok(())
}

/// What to write into the source for a tag, and where; `end` is what closes it, at `closed`.
fn insertions(tag: &[(Token, Span)], end: &str, closed: Span) -> Vec<(usize, String)> {
    let [(Token::Ident(kind), _), rest @ ..] = tag else { return Vec::new() };
    let names: Vec<&str> = match *kind {
        "set" => {
            let Some(assign) = top_level(rest, |token| matches!(token, Token::Assign)) else {
                return Vec::new();
            };
            let part = rest[..assign].iter().any(|(token, _)| matches!(token, Token::Dot));
            let check = if part { CHECK_PART } else { CHECK };
            let value = rest[assign].1.end_offset as usize;
            return match rest.last() {
                // The inner parentheses make a tuple of `a, b`.
                Some((_, last)) if assign + 1 < rest.len() => {
                    vec![(value, format!(" {check}((")), (last.end_offset as usize, "))".into())]
                }
                _ => Vec::new(),
            };
        }
        "for" => {
            let target = rest.iter().take_while(|(token, _)| !matches!(token, Token::Ident("in")));
            target.filter_map(ident).collect()
        }
        "with" => followed_by_assign(rest),
        "macro" => parameters(rest.get(1..).unwrap_or_default()),
        "call" => parameters(rest),
        _ => Vec::new(),
    };
    let checks =
        names.iter().map(|name| format!("{{% set {name} = {CHECK}({name}) {end}")).collect::<String>();
    vec![(closed.end_offset as usize, checks)]
}

fn ident<'a>((token, _): &(Token<'a>, Span)) -> Option<&'a str> {
    match token {
        Token::Ident(name) => Some(name),
        _ => None,
    }
}

/// Where `wanted` is first found outside of all brackets.
fn top_level(tokens: &[(Token, Span)], wanted: impl Fn(&Token) -> bool) -> Option<usize> {
    let mut depth = 0usize;
    tokens.iter().position(|(token, _)| {
        match token {
            Token::ParenOpen | Token::BracketOpen | Token::BraceOpen => depth += 1,
            Token::ParenClose | Token::BracketClose | Token::BraceClose => depth = depth.saturating_sub(1),
            token => return depth == 0 && wanted(token),
        }
        false
    })
}

/// The names of `(a, b=1)` at the start of `tokens`.
fn parameters<'a>(tokens: &[(Token<'a>, Span)]) -> Vec<&'a str> {
    let [(Token::ParenOpen, _), rest @ ..] = tokens else { return Vec::new() };
    let mut names = Vec::new();
    let mut rest = rest;
    while let Some(name) = rest.first().and_then(ident) {
        names.push(name);
        // Past the default value.
        let Some(comma) = top_level(rest, |token| matches!(token, Token::Comma)) else { break };
        rest = &rest[comma + 1..];
    }
    names
}

/// The names of `a = 1, b = 2`.
fn followed_by_assign<'a>(tokens: &[(Token<'a>, Span)]) -> Vec<&'a str> {
    let mut names = Vec::new();
    let mut rest = tokens;
    while let Some(assign) = top_level(rest, |token| matches!(token, Token::Assign)) {
        names.extend(assign.checked_sub(1).and_then(|i| ident(&rest[i])));
        rest = &rest[assign + 1..];
    }
    names
}

/// How large a value may be, written out.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    /// Values, with one more for each 64 bytes of text.
    pub size: usize,
}

impl Bounds {
    /// Puts the checks into `environment`, and checks into what it has already where that makes values within values.
    pub fn install(self, environment: &mut Environment) {
        let namespace = environment.globals().find(|(name, _)| *name == "namespace").map(|(_, value)| value);
        environment.add_filter("join", join);
        environment.add_filter("tojson", super::json::tojson);
        environment.add_function(CHECK, move |state: &State, value: Value| self.check(state, value, false));
        environment
            .add_function(CHECK_PART, move |state: &State, value: Value| self.check(state, value, true));
        if let Some(namespace) = namespace {
            environment.add_function("namespace", move |state: &mut State, parts: Kwargs| {
                for name in parts.args() {
                    self.check(state, parts.peek(name)?, true)?;
                }
                namespace.call(state, &[parts.into()])
            });
        }
    }

    /// `value`, if it is not too large; a lazy sequence as a list. A part of a namespace must be data, since a namespace
    /// that holds itself has no end.
    fn check(self, state: &State, value: Value, part: bool) -> Result<Value, Error> {
        let value = match value.kind() {
            ValueKind::Iterable => {
                let items = value.try_iter()?.take(self.size + 1).collect::<Vec<_>>();
                Value::from(items)
            }
            _ => value,
        };
        let mut left = self.size;
        if part || !value.as_object().is_some_and(is_of_engine) {
            measure(&value, &mut left)?;
        }
        state.consume_fuel(((self.size - left) / 8) as u64)?;
        Ok(value)
    }
}

/// The filter `join`, which by itself pays for what it puts between the items but not for the items.
fn join(
    state: &mut State,
    value: &Value,
    joiner: Option<StringInput<'_>>,
    attribute: Option<&str>,
    kwargs: Kwargs,
) -> Result<Value, Error> {
    for item in value.try_iter()? {
        pay_for(state, &item)?;
    }
    filters::join(state, value, joiner, attribute, kwargs)
}

/// Python's methods, with bounds for two that could make texts without any.
pub(super) fn method(state: &mut State, value: &Value, name: &str, args: &[Value]) -> Result<Value, Error> {
    match (name, args) {
        ("join", [items]) if value.as_str().is_some() => {
            state.apply_filter("join", &[items.clone(), value.clone()])
        }
        ("format", _) => {
            if !value.as_str().is_some_and(is_short_format) {
                return Err(refused(
                    "a format asks for a field of more than 999 characters, or has one in another",
                ));
            }
            let text = minijinja_contrib::pycompat::unknown_method_callback(state, value, name, args)?;
            state.consume_fuel((text.as_str().map_or(0, str::len) / 64) as u64)?;
            Ok(text)
        }
        _ => minijinja_contrib::pycompat::unknown_method_callback(state, value, name, args),
    }
}

/// Whether no field of a format for `str.format` asks for a width that is long, or that a value gives.
fn is_short_format(format: &str) -> bool {
    let mut open = false;
    let mut digits = 0;
    for c in format.chars() {
        match c {
            '{' if open => return false,
            '{' | '}' => open = c == '{',
            _ => {}
        }
        digits = if open && c.is_ascii_digit() { digits + 1 } else { 0 };
        if digits > 3 {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use minijinja::context;

    fn syntax() -> SyntaxConfig {
        SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().unwrap()
    }

    fn render(source: &str, bounds: Option<Bounds>) -> Result<String, Error> {
        let mut environment = Environment::new();
        environment.set_syntax(syntax());
        environment.set_fuel(Some(100_000));
        environment.set_unknown_method_callback(method);
        let source = match bounds {
            Some(bounds) => {
                bounds.install(&mut environment);
                with_checks(source, &syntax())?
            }
            None => source.to_string(),
        };
        environment.render_str(&source, context! { messages => ["a", "b"], map => context! { k => [1, 2] } })
    }

    #[test]
    fn checks_change_nothing_of_what_is_written() {
        for source in [
            "{% set a = 1, 2 %}\n{{ a }} {% set b = (3,) %}{{ b }}",
            "{% set a, b = 1, 2 %}{{ a + b }}",
            "{%- set ns = namespace(n=0) -%}  {% for m in messages -%}\n  {{ m }}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}",
            "  {% for k, v in map.items() %}\n  {{ k }}={{ v }}\n  {% endfor %}\nend",
            "{% for (k, v) in map | items if v +%}\n{{ k }}{% else %}\nnone{% endfor %}",
            "{% macro f(a, b=[1, 2], c=\"x,y\") -%}\n {{ a }}{{ b }}{{ c }}{{ caller(1) if caller }}{% endmacro %}{{ f(1) }}{{ f(1, c=2) }}",
            "{% macro f() %}[{{ caller(1, 2) }}]{% endmacro %}{% call(a, b) f() %}{{ a }}{{ b }}{% endcall %}",
            "{% with a = 1, b = [2, 3] %}\n{{ a }}{{ b }}{% endwith %}",
            "{% set a %}block{% endset %}{{ a }}{% set a | upper %}x{% endset %}{{ a }}",
            "{% set a = messages[1:] + [\"c\"] %}{{ a | join(\"-\") }}{{ \"+\".join(a) }}",
            "{% raw %}{% set a = 1 %}{% endraw %}{# {% set a = [ %} #}{{ \"{% set b = %}\" }}",
            "{{ \"ab\" * 3 }}{{ 2 * 3 }}{{ map.k | length * 2 }}{{ \"-\" * (1 + 1) }}",
            "{% set a = {\"x\": \"%}\", \"y\": {\"z\": [1]}} %}{{ a.y.z[0] }}{% if a == a %}same{% endif %}",
        ] {
            let plain = render(source, None);
            let checked = render(source, Some(Bounds { size: 1000 }));
            match (plain, checked) {
                (Ok(plain), Ok(checked)) => assert_eq!(plain, checked, "{source}"),
                (plain, checked) => panic!("{source}: {plain:?}, {checked:?}"),
            }
        }
    }

    #[test]
    fn what_has_no_end_is_refused() {
        let long = format!("{{{{ a{} }}}}", "+a".repeat(MAX_TOKENS));
        for (source, reason) in [
            (
                "{% set ns = namespace() %}{% for i in range(99) %}{% set ns.a = [ns.a] %}{% endfor %}",
                "too deep",
            ),
            ("{% set ns = namespace() %}{% set ns.me = ns %}{{ ns }}", "no data"),
            ("{% set ns = namespace() %}{% set ns.me = [ns] %}{{ ns }}", "no data"),
            ("{% set a = namespace() %}{% set b = namespace(a=a) %}", "no data"),
            ("{% set ns = namespace() %}{% for i in [1] %}{% set ns.l = loop %}{% endfor %}", "no data"),
            (
                "{% set a = [1, 1] %}{% set b = [a, a, a, a, a, a] %}{% set c = [b, b, b, b, b, b] %}{% set d = [c, c, c, c] %}{% set e = [d, d, d, d] %}",
                "too large",
            ),
            ("{% macro f(a) %}{{ f([a, a]) }}{% endmacro %}{{ f([1]) }}", "too large"),
            ("{% macro f(a) %}{{ f(a) }}{% endmacro %}{{ f([1]) }}", "recursion"),
            ("{% for a in [[1]] recursive %}{{ loop([a, a]) }}{% endfor %}", "recursive"),
            ("{{ [[[1] * 999] * 999] * 999 == 1 }}", "multiplies"),
            ("{{ (messages | list * 999) }}", "multiplies"),
            ("{{ messages * (999) }}", "multiplies"),
            ("{{ 999 * [messages] }}", "multiplies"),
            (
                "{% set big = \"x\" * 50000 %}{{ (messages * 9999) | map(\"replace\", \"a\", big) | join }}",
                "fuel",
            ),
            ("{% set big = \"x\" * 500000 %}{% set all = [big, big] * 1 %}", "multiplies"),
            ("{{ \"{:99999999999}\".format(1) }}", "999 characters"),
            ("{{ \"{:{}}\".format(1, 99999999999) }}", "999 characters"),
            ("{{ lunette_checked(1) }}", "lunette_checked"),
            (&long, "256 parts"),
        ] {
            let error = render(source, Some(Bounds { size: 1000 })).expect_err(source);
            let message = std::iter::successors(Some(&error as &dyn std::error::Error), |e| e.source())
                .map(|e| e.to_string())
                .collect::<String>();
            assert!(message.contains(reason), "{source}: {message}");
        }
    }
}
