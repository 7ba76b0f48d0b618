// RoPE, in place: rotates pairs of each head by the row's position, (a, b) → (a cos − b sin, a sin + b cos).
//
// x: [n, COLS] f32, heads of DIM elements side by side, of which the first 2 · HALF are rotated. rotations: [n, HALF] of
// (cos, sin), computed on the CPU because WGSL promises little about sin and cos of large angles. HALVES: pairs are
// (i, i + HALF) of a head, else (2i, 2i + 1). Grid: x over pairs of a row, y over rows; a thread owns a pair.
override COLS: u32;
override DIM: u32;
override HALF: u32;
override HALVES: bool;

@group(0) @binding(0) var<uniform> count: vec4<u32>;
@group(0) @binding(1) var<storage, read> rotations: array<vec2<f32>>;
@group(0) @binding(2) var<storage, read_write> x: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= COLS / DIM * HALF || id.y >= count.x) {
        return;
    }
    let i = id.x % HALF;
    let head = id.y * COLS + id.x / HALF * DIM;
    let first = head + select(2u * i, i, HALVES);
    let second = first + select(1u, HALF, HALVES);
    let rotation = rotations[id.y * HALF + i];
    let a = x[first];
    let b = x[second];
    x[first] = a * rotation.x - b * rotation.y;
    x[second] = a * rotation.y + b * rotation.x;
}
