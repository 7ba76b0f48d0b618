// The epilogue of a GEMV or GEMM.
// It says what becomes of a sum before it is stored. Included by kernels with a result `y` of f32.
const STORE: u32 = 0u; // y = w x
const ADD: u32 = 1u; // y = other + w x
const GATE: u32 = 2u; // y = silu(g x) · (u x), where w is g above u, each with as many rows as y has columns
const BIAS: u32 = 3u; // y = w x + other, a bias for each column of y

// [n, OUT] f32, as y, for ADD; [OUT] f32 for BIAS. Not looked at otherwise.
@group(0) @binding(4) var<storage, read> other: array<f32>;

// `at` is a place in y and `column` its column; `up` is the lower matrix's sum, for GATE.
fn epilogue(how: u32, at: u32, column: u32, sum: f32, up: f32) {
    if (how == GATE) {
        y[at] = sum / (1.0 + exp(-sum)) * up;
    } else if (how == ADD) {
        y[at] = other[at] + sum;
    } else if (how == BIAS) {
        y[at] = sum + other[column];
    } else {
        y[at] = sum;
    }
}
