// Flash attention (online softmax), one thread a head.
// out[r, h, :] = softmax(SCALE · q[r, h, :] · K) V over the positions of r's sequence up to its own, WINDOW at most; with
// CAP above 0 scores are soft-capped. Without barriers.
//
// q, out: [n, HEADS · 4 · DIM4] f32. Caches: [blocks, KV_HEADS, BLOCK_LEN, DIM4] entries of four elements; tables[t +
// i] is the i-th block of the sequence whose table starts at t. Heads FIRST … are these KV heads', GROUP each. Grid: x over
// rows, y over heads, or with BY_HEAD, for few rows, x over heads, y over rows; z over splits. A thread owns a split of a
// head of a row. The softmax is online: for each four positions of the cache the scores, their maximum, then the weighted
// sum of V, with what was summed before scaled down to the new maximum. Four at a time, because a software adapter pays as
// much for q, and for the sums, as for an entry of the cache.
//
// SPLITS > 1: a row's positions are cut into that many pieces, and out is [n, HEADS, SPLITS, DIM4 + 1], as of
// attention_tile.
//!include $kv
//!include bounded_tanh
//!const DIM4
//!const BLOCK_LEN
//!const POSITIONS
//!const SPLITS
//!include kv_splits

override HEADS: u32;
override KV_HEADS: u32;
override GROUP: u32;
override FIRST: u32;
override SCALE: f32;
override CAP: f32;
override WINDOW: u32;
override BY_HEAD: bool;

@group(0) @binding(0) var<uniform> count: vec4<u32>;
@group(0) @binding(1) var<storage, read> rows: array<vec4<u32>>; // (token, position, slot, table)
@group(0) @binding(2) var<storage, read> tables: array<u32>;
@group(0) @binding(3) var<storage, read> q: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> keys: array<Kv>;
@group(0) @binding(5) var<storage, read> values: array<Kv>;
@group(0) @binding(6) var<storage, read_write> out: array<vec4<f32>>;

const LOWEST: f32 = -3.0e38;
const FOUR: vec4<u32> = vec4<u32>(0u, 1u, 2u, 3u);

@compute @workgroup_size(8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let r = select(id.x, id.y, BY_HEAD);
    let head = select(id.y, id.x, BY_HEAD);
    if (r >= count.x || head >= KV_HEADS * GROUP) {
        return;
    }
    let row = rows[r];
    let query = r * HEADS + FIRST + head;
    let source = query * DIM4;
    var sums: array<vec4<f32>, DIM4>;
    var most = LOWEST;
    var total = 0.0;
    let length = row.y + 1u;
    let seen_length = min(length, WINDOW);
    let span = split_span(seen_length);
    // The first position that this split sees, whose block is the first that is looked at.
    let start = length - seen_length + id.z * span;
    let end = min(length, start + span);
    for (var first = start / BLOCK_LEN * BLOCK_LEN; first < end; first += BLOCK_LEN) {
        let block = tables[row.w + first / BLOCK_LEN];
        let base = (block * KV_HEADS + head / GROUP) * BLOCK_LEN * DIM4;
        let here = min(BLOCK_LEN, end - first);
        for (var p = 0u; p < here; p += 4u) {
            // Positions past the end repeat the last one, with no weight.
            let at = base + min(vec4<u32>(p) + FOUR, vec4<u32>(here - 1u)) * DIM4;
            var p0 = vec4<f32>();
            var p1 = vec4<f32>();
            var p2 = vec4<f32>();
            var p3 = vec4<f32>();
            for (var i = 0u; i < DIM4; i++) {
                let a = q[source + i];
                p0 += a * unpack_kv(keys[at.x + i]);
                p1 += a * unpack_kv(keys[at.y + i]);
                p2 += a * unpack_kv(keys[at.z + i]);
                p3 += a * unpack_kv(keys[at.w + i]);
            }
            let ones = vec4<f32>(SCALE);
            let products = vec4<f32>(dot(p0, ones), dot(p1, ones), dot(p2, ones), dot(p3, ones));
            var scores = products;
            if (CAP > 0.0) {
                scores = soft_capped(products, CAP);
            }
            let position = vec4<u32>(first + p) + FOUR;
            let seen = (position >= vec4<u32>(start)) & (position < vec4<u32>(first + here));
            scores = select(vec4<f32>(LOWEST), scores, seen);
            let highest = max(most, max(max(scores.x, scores.y), max(scores.z, scores.w)));
            let shrink = exp(most - highest);
            most = highest;
            let exps = exp(scores - vec4<f32>(highest));
            let weights = select(vec4<f32>(), exps, seen);
            total = total * shrink + dot(weights, vec4<f32>(1.0));
            for (var i = 0u; i < DIM4; i++) {
                sums[i] = sums[i] * shrink
                    + weights.x * unpack_kv(values[at.x + i])
                    + weights.y * unpack_kv(values[at.y + i])
                    + weights.z * unpack_kv(values[at.z + i])
                    + weights.w * unpack_kv(values[at.w + i]);
            }
        }
    }
    if (SPLITS == 1u) {
        for (var i = 0u; i < DIM4; i++) {
            out[source + i] = sums[i] / total;
        }
        return;
    }
    let piece = (query * SPLITS + id.z) * (DIM4 + 1u);
    for (var i = 0u; i < DIM4; i++) {
        out[piece + i] = sums[i];
    }
    out[piece + DIM4] = vec4<f32>(most, total, 0.0, 0.0);
}
