// y[t, r] = Σₖ w[r, k] x[t, k] for at most TOKENS rows of activations: reads the weights once, bound by their bandwidth.
//
// w: [ROWS, COLS] quantized, a shard whose rows are FIRST .. FIRST + ROWS of the OUT columns of y.
// x: [n, COLS] f32; y: [n, OUT] f32. Grid: x and y together count tiles of 4 rows of w. A workgroup owns 4 rows
// (of a gated matrix, see finish.wgsl, 2 of each half); a thread
// takes runs of EIGHTS · 8 elements of each, LANES such runs apart, so that neighbours read neighbouring words and each
// load of x serves four products. Quants are added up before they are scaled: Σ (d q + m) x = d Σ q x + m Σ x, once a run,
// which therefore must not be longer than a group, unless all weights have the scale 1. The sums of the threads are
// reduced by the role `$reduce`: with subgroups, or without.
//!const LANES
//!const TOKENS
//!const EIGHTS
//!include eight
//!include $dequant
//!include $reduce
//!include finish

override COLS: u32;
override ROWS: u32;
override FIRST: u32;
override OUT: u32;
override FINISH: u32;

@group(0) @binding(0) var<uniform> count: vec4<u32>;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(LANES)
fn main(
    @builtin(local_invocation_index) lane: u32,
    @builtin(workgroup_id) tile: vec3<u32>,
    @builtin(num_workgroups) tiles: vec3<u32>,
) {
    let gated = FINISH == GATE;
    let owned = select(4u, 2u, gated);
    let row = (tile.y * tiles.x + tile.x) * owned;
    // Rows past the end repeat the last one, and are not stored. Of a gated matrix two from each half.
    let offsets = select(vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(0u, 1u, 0u, 1u), gated);
    let halves = select(vec4<u32>(), vec4<u32>(0u, 0u, ROWS, ROWS), gated);
    let r = min(vec4<u32>(row) + offsets, vec4<u32>(ROWS - 1u)) + halves;
    let starts = r * (COLS / 8u);
    var sums: array<vec4<f32>, TOKENS>;
    for (var e = lane * EIGHTS; e < COLS / 8u; e += LANES * EIGHTS) {
        let at = starts + e;
        var products: array<vec4<f32>, TOKENS>;
        var sum_x: array<f32, TOKENS>;
        for (var i = 0u; i < EIGHTS; i++) {
            let w0 = eight(at.x + i);
            let w1 = eight(at.y + i);
            let w2 = eight(at.z + i);
            let w3 = eight(at.w + i);
            for (var t = 0u; t < TOKENS; t++) {
                if (t < count.x) {
                    let at_x = t * (COLS / 4u) + (e + i) * 2u;
                    let a = x[at_x];
                    let b = x[at_x + 1u];
                    products[t] += vec4<f32>(dot(w0.a, a), dot(w1.a, a), dot(w2.a, a), dot(w3.a, a));
                    products[t] += vec4<f32>(dot(w0.b, b), dot(w1.b, b), dot(w2.b, b), dot(w3.b, b));
                    sum_x[t] += dot(a + b, vec4<f32>(1.0));
                }
            }
        }
        let group = at * 8u / GROUP;
        let s0 = group_scale(group.x);
        let s1 = group_scale(group.y);
        let s2 = group_scale(group.z);
        let s3 = group_scale(group.w);
        let d = vec4<f32>(s0.x, s1.x, s2.x, s3.x);
        let m = vec4<f32>(s0.y, s1.y, s2.y, s3.y);
        for (var t = 0u; t < TOKENS; t++) {
            sums[t] += products[t] * d + sum_x[t] * m;
        }
    }
    reduce(&sums, lane);
    if (lane < min(count.x, TOKENS) && row < ROWS) {
        let sum = total(lane);
        for (var j = 0u; j < min(owned, ROWS - row); j++) {
            finish(FINISH, lane * OUT + FIRST + row + j, sum[j], sum[(j + 2u) & 3u]);
        }
    }
}
