// Logit soft-capping, in place: x = CAP · tanh(x / CAP).
//
// x: [n, COLS] f32. Grid: x over a row, y over rows; a thread owns an element.
//!include bounded_tanh

override COLS: u32;
override CAP: f32;

@group(0) @binding(0) var<uniform> count: vec4<u32>;
@group(0) @binding(1) var<storage, read_write> x: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= COLS || id.y >= count.x) {
        return;
    }
    let at = id.y * COLS + id.x;
    x[at] = soft_capped(vec4<f32>(x[at]), CAP).x;
}
