//! Constraints of what is generated: any text as a regular expression, a grammar or a JSON schema.

use crate::file::File;
use crate::limits::within;
use crate::load::load;
use lunette::Uninterrupted;
use lunette::engine::{Constraint, Engine, GenerateOptions, LoadOptions, Prompt};
use pollster::block_on;

thread_local! {
    static ENGINE: Engine = load(File::sound().bytes(&[]), LoadOptions::default()).expect("the file is sound");
}

pub fn run(data: &[u8]) {
    let [kind, text @ ..] = data else { return };
    let text = String::from_utf8_lossy(text).into_owned();
    let constraint = match kind {
        b'r' => Constraint::Regex(text),
        b'g' => Constraint::Grammar(text),
        b'j' => match serde_json::from_str(&text) {
            Ok(schema) => Constraint::JsonSchema(schema),
            Err(_) => return,
        },
        _ => return,
    };
    let options = GenerateOptions { max_tokens: 6, constraint: Some(constraint), ..Default::default() };
    ENGINE.with(|engine| {
        let generate =
            || block_on(engine.generate(Prompt::Text("a".into()), &options, &mut |_| (), &Uninterrupted));
        let _ = within(768 << 20, 10.0, generate);
    });
}
