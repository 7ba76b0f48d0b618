// The epilogue of a GEMV or GEMM.
// It says what becomes of a sum before it is stored. Included by kernels with a result `y` of f32.
//!include activations

const STORE: u32 = 0u; // y = w x
const ADD: u32 = 1u; // y = other + w x
const GATE: u32 = 2u; // y = silu(g x) · (u x), where w is g above u, each with as many rows as y has columns
const BIAS: u32 = 3u; // y = w x + other, a bias for each column of y
const GATE_GELU: u32 = 4u; // as GATE, with gelu

// [n, OUT] f32, as y, for ADD; [OUT] f32 for BIAS. Not looked at otherwise.
@group(0) @binding(4) var<storage, read> other: array<f32>;

fn is_gated(how: u32) -> bool {
    return how == GATE || how == GATE_GELU;
}

// `at` is a place in y and `column` its column; `up` is the lower matrix's sum, for GATE.
fn epilogue(how: u32, at: u32, column: u32, sum: f32, up: f32) {
    if (how == GATE) {
        y[at] = silu(vec4<f32>(sum)).x * up;
    } else if (how == GATE_GELU) {
        y[at] = gelu(vec4<f32>(sum)).x * up;
    } else if (how == ADD) {
        y[at] = other[at] + sum;
    } else if (how == BIAS) {
        y[at] = sum + other[column];
    } else {
        y[at] = sum;
    }
}
