// RMSNorm, one workgroup a run: y = x / sqrt(mean(x²) + eps) · w.
//
// A row has RUNS runs of COLS elements, each with a mean of its own: one, or its heads. x: columns FIRST … of rows of
// STRIDE f32; y: [n, RUNS, COLS] f32; w: [COLS] f32. Grid: x over rows, y over runs; a workgroup owns a run, a thread
// every LANES-th four of it.
//!const LANES
//!const TOKENS
//!include $reduce

override COLS: u32;
override RUNS: u32;
override FIRST: u32;
override STRIDE: u32;
override EPS: f32;

@group(0) @binding(0) var<uniform> count: vec4<u32>;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(8) var<storage, read> w: array<vec4<f32>>;

@compute @workgroup_size(LANES)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3<u32>) {
    let owner = min(group.x, count.x - 1u);
    let row = (owner * STRIDE + FIRST + group.y * COLS) / 4u;
    let out = (owner * RUNS + group.y) * (COLS / 4u);
    var squares: array<vec4<f32>, TOKENS>;
    for (var i = lane; i < COLS / 4u; i += LANES) {
        let v = x[row + i];
        squares[0] += v * v;
    }
    reduce(&squares, lane);
    let mean = dot(total(0u), vec4<f32>(1.0)) / f32(COLS);
    let scale = 1.0 / sqrt(mean + EPS);
    for (var i = lane; i < COLS / 4u; i += LANES) {
        y[out + i] = x[row + i] * scale * w[i];
    }
}
