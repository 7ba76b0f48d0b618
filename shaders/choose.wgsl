// Of each row the columns of its sequence's adapter, times the sequence's scale; the others become zero. In place.
//
// x: [n, COLS] f32, WIDTH columns for each adapter. chosen: for each row (its adapter, the bits of its f32 scale).
// Grid: x over a row, y over rows; a thread owns an element.
override COLS: u32;
override WIDTH: u32;

@group(0) @binding(0) var<uniform> count: vec4<u32>;
@group(0) @binding(1) var<storage, read_write> x: array<f32>;
@group(0) @binding(2) var<storage, read> chosen: array<vec2<u32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= COLS || id.y >= count.x) {
        return;
    }
    let i = id.y * COLS + id.x;
    let own = chosen[id.y];
    x[i] = select(0.0, x[i] * bitcast<f32>(own.y), id.x / WIDTH == own.x);
}
