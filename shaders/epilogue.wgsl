// The epilogue of a GEMV or GEMM.
// It says what becomes of a sum before it is stored. Included by kernels with a result `y` of f32.
const STORE: u32 = 0u; // y = w x
const ADD: u32 = 1u; // y = other + w x
const GATE: u32 = 2u; // y = silu(g x) · (u x), where w is g above u, each with as many rows as y has columns

// [n, OUT] f32, as y; looked at for ADD only.
@group(0) @binding(4) var<storage, read> other: array<f32>;

// `up` is the lower matrix's sum, for GATE.
fn epilogue(how: u32, at: u32, sum: f32, up: f32) {
    if (how == GATE) {
        y[at] = sum / (1.0 + exp(-sum)) * up;
    } else if (how == ADD) {
        y[at] = other[at] + sum;
    } else {
        y[at] = sum;
    }
}
