//! Whole verdicts of hostile texts: nothing but a text's own place in the prompt changes, and the verdict is a distribution.
//!
//! The first byte of an input chooses the task and which of its texts there are; behind it stand the texts and then up to three
//! labels, each behind a separator (U+001E).

use crate::file::File;
use crate::limits::within;
use crate::load::load;
use crate::texts::{TEXTS, Texts, options, prompts_are_ours, short, with_judge};
use lunette::Error;
use lunette::engine::{Engine, LoadOptions};
use serde_json::json;
use std::collections::HashSet;

const SEPARATOR: char = '\u{1e}';
const MOST_LABELS: usize = 3;
/// What the check puts in the place of a text begins with this; a text that has it could be taken for another.
const NAME: char = '\u{e000}';

thread_local! {
    static ENGINE: Engine = load(File::sound().bytes(&[]), LoadOptions::default()).expect("the model is sound");
}

pub fn run(data: &[u8]) {
    let Some(texts) = texts(data) else { return };
    ENGINE.with(|engine| {
        within(256 << 20, 20.0, || {
            let built_in = |name: &str| options(json!({ "critique": false, "template": name }));
            let short = short(&texts);
            for options in [&built_in("selene"), &built_in("rubric-first"), &short] {
                prompts_are_ours(engine, options, &texts);
            }
            let verdict = with_judge(engine, &short, |judge| texts.judge(judge));
            assert!(matches!(verdict, Ok(()) | Err(Error::InvalidArgument(_))), "{verdict:?}");
        });
    });
}

fn texts(data: &[u8]) -> Option<Texts> {
    let (choice, rest) = data.split_first()?;
    let rest = String::from_utf8_lossy(rest);
    if rest.contains(NAME) {
        return None;
    }
    let mut parts = rest.split(SEPARATOR).map(String::from);
    let texts = (0..TEXTS).map(|_| parts.next().unwrap_or_default()).collect();
    // An object has each name once.
    let mut seen = HashSet::new();
    let labels = parts.filter(|label| seen.insert(label.clone())).take(MOST_LABELS).collect();
    Some(Texts {
        kind: usize::from(choice % 3),
        texts,
        reference: choice & 4 != 0,
        context: choice & 8 != 0,
        labels,
    })
}
