use super::convert::thrown;
use crate::source::ResumableSha256;
use wasm_bindgen::prelude::*;

/// SHA-256 that can be saved and taken up again.
#[wasm_bindgen]
#[derive(Default)]
pub struct WasmSha256(ResumableSha256);

#[wasm_bindgen]
impl WasmSha256 {
    #[wasm_bindgen(constructor)]
    pub fn new() -> WasmSha256 {
        WasmSha256::default()
    }

    /// Goes on from what `save` gave.
    pub fn restore(state: &[u8]) -> Result<WasmSha256, JsValue> {
        ResumableSha256::restore(state).map(WasmSha256).map_err(thrown)
    }

    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The state after the bytes so far.
    pub fn save(&self) -> Vec<u8> {
        self.0.save()
    }

    /// The hash of the bytes so far, in lower-case hexadecimal.
    pub fn digest(&self) -> String {
        self.0.digest()
    }
}
