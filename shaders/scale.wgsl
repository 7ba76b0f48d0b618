// Element-wise scale, in place: x = FACTOR · x.
//
// x: [n, COLS] f32. Grid: x over a row, y over rows; a thread owns an element.
override COLS: u32;
override FACTOR: f32;

@group(0) @binding(0) var<uniform> count: vec4<u32>;
@group(0) @binding(1) var<storage, read_write> x: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= COLS || id.y >= count.x) {
        return;
    }
    x[id.y * COLS + id.x] *= FACTOR;
}
