// RMSNorm without barriers, one thread a run: y = x / sqrt(mean(x²) + eps) · w.
//
// A row has RUNS runs of COLS elements, each with a mean of its own: one, or its heads. x: columns FIRST … of rows of
// STRIDE f32; y: [n, RUNS, COLS] f32; w: [COLS] f32. Grid: x over rows, y over runs; a thread owns a run.
override COLS: u32;
override RUNS: u32;
override FIRST: u32;
override STRIDE: u32;
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
    let row = (id.x * STRIDE + FIRST + id.y * COLS) / 4u;
    let out = (id.x * RUNS + id.y) * (COLS / 4u);
    var squares = vec4<f32>();
    for (var i = 0u; i < COLS / 4u; i++) {
        let v = x[row + i];
        squares += v * v;
    }
    let mean = dot(squares, vec4<f32>(1.0)) / f32(COLS);
    let scale = 1.0 / sqrt(mean + EPS);
    for (var i = 0u; i < COLS / 4u; i++) {
        y[out + i] = x[row + i] * scale * w[i];
    }
}
