// Quantized GEMV for decode.
// y[t, r] = Σₖ w[r, k] x[t, k] for at most TOKENS rows of activations. Reads the weights once;
// bound by memory bandwidth.
//
// w: [ROWS, COLS] quantized, a shard whose rows are FIRST .. FIRST + ROWS of the OUT columns of y. x: [n, COLS], as the
// role `$dot` wants it; y: [n, OUT] f32. Grid: x and y together count tiles of 4 rows of w. A workgroup owns 4 rows (of
// a gated matrix, see epilogue.wgsl, 2 of each half); a thread takes runs of each, LANES such runs apart, so that
// neighbours read neighbouring words and each load of x serves four products. How a run is multiplied is the role
// `$dot`; the sums of the threads are reduced by the role `$reduce`: with subgroups, or without.
//!const LANES
//!const TOKENS
//!include group8
//!include $dequant
//!include $dot
//!include $reduce
//!include epilogue

override COLS: u32;
override ROWS: u32;
override FIRST: u32;
override OUT: u32;
override EPILOGUE: u32;

@group(0) @binding(0) var<uniform> count: vec4<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(LANES)
fn main(
    @builtin(local_invocation_index) lane: u32,
    @builtin(workgroup_id) tile: vec3<u32>,
    @builtin(num_workgroups) tiles: vec3<u32>,
) {
    let gated = is_gated(EPILOGUE);
    let owned = select(4u, 2u, gated);
    let row = (tile.y * tiles.x + tile.x) * owned;
    // Rows past the end repeat the last one, and are not stored. Of a gated matrix two from each half.
    let offsets = select(vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(0u, 1u, 0u, 1u), gated);
    let halves = select(vec4<u32>(), vec4<u32>(0u, 0u, ROWS, ROWS), gated);
    let r = min(vec4<u32>(row) + offsets, vec4<u32>(ROWS - 1u)) + halves;
    let starts = r * (COLS / 8u);
    var sums: array<vec4<f32>, TOKENS>;
    add_products(&sums, starts, lane);
    reduce(&sums, lane);
    if (lane < min(count.x, TOKENS) && row < ROWS) {
        let sum = total(lane);
        for (var j = 0u; j < min(owned, ROWS - row); j++) {
            let column = FIRST + row + j;
            epilogue(EPILOGUE, lane * OUT + column, column, sum[j], sum[(j + 2u) & 3u]);
        }
    }
}
