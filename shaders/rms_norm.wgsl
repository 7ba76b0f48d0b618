// RMSNorm without barriers, one thread a row: y[r, :] = x[r, :] / sqrt(mean(x[r, :]²) + eps) · w.
//
// x, y: [n, COLS] f32; w: [COLS] f32. Grid: x over rows; a thread owns a row.
override COLS: u32;
override EPS: f32;

@group(0) @binding(0) var<uniform> count: vec4<u32>;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(8) var<storage, read> w: array<vec4<f32>>;

@compute @workgroup_size(4)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= count.x) {
        return;
    }
    let row = id.x * (COLS / 4u);
    var squares = vec4<f32>();
    for (var i = 0u; i < COLS / 4u; i++) {
        let v = x[row + i];
        squares += v * v;
    }
    let mean = dot(squares, vec4<f32>(1.0)) / f32(COLS);
    let scale = 1.0 / sqrt(mean + EPS);
    for (var i = 0u; i < COLS / 4u; i++) {
        y[row + i] = x[row + i] * scale * w[i];
    }
}
