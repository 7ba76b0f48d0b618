//! Files that people write, for JavaScript.

use super::convert::{plain, thrown};
use crate::judge::{Rubric, Template};
use wasm_bindgen::prelude::*;

/// A rubric from YAML or JSON: `{ objective, scale }`, `{ objective, labels }`, or the criteria of a comparison as text.
#[wasm_bindgen(js_name = parseRubric)]
pub fn parse_rubric(text: &str) -> Result<JsValue, JsValue> {
    match Rubric::parse(text).map_err(thrown)? {
        Rubric::Score(rubric) => plain(&rubric),
        Rubric::Class(rubric) => plain(&rubric),
        Rubric::Criteria(criteria) => plain(&criteria),
    }
    .map_err(thrown)
}

/// A template from YAML or JSON.
#[wasm_bindgen(js_name = parseTemplate)]
pub fn parse_template(text: &str) -> Result<JsValue, JsValue> {
    plain(&Template::parse(text).map_err(thrown)?).map_err(thrown)
}
