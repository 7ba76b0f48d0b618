//! Rubrics and prompt templates: any text as YAML or JSON.

use crate::limits::within;
use lunette::judge::{Rubric, Template};

pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    within((64 << 20) + data.len() * 1024, 2.0, || {
        let _ = Rubric::parse(&text);
        if let Ok(template) = Template::parse(&text) {
            let _ = template.rubric_first();
        }
    });
}
