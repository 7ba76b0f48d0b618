// Gated linear unit (SwiGLU, GEGLU): y = f(gate) · up, where f is SiLU, or GELU with GELU set.
//
// gate, up, y: [n, COLS] f32. Grid: x over fours of a row, y over rows; a thread owns four elements.
//!include activations

override COLS: u32;
override GELU: bool;

@group(0) @binding(0) var<uniform> count: vec4<u32>;
@group(0) @binding(1) var<storage, read> gate: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> up: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= COLS / 4u || id.y >= count.x) {
        return;
    }
    let at = id.y * (COLS / 4u) + id.x;
    let g = gate[at];
    y[at] = select(silu(g), gelu(g), GELU) * up[at];
}
