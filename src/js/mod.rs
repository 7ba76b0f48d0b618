//! The classes and functions that JavaScript sees. The npm package wraps them; nothing else should use them.

mod convert;
mod engine;
mod evaluation;
mod hash;
mod host;
mod judge;
mod parse;
mod reward;
mod rows;
mod statistics;
mod threads;

use wasm_bindgen::prelude::*;

#[wasm_bindgen(start)]
fn start() {
    console_error_panic_hook::set_once();
}
