// out[r, h, :] = softmax(q[r, h, :] · K / √dim) V over the positions 0 ..= position of r's sequence, without barriers.
//
// q, out: [n, HEADS · 4 · DIM4] f32. Caches: [blocks, KV_HEADS, BLOCK_LEN, DIM4] entries of four elements; tables[t + i]
// is the i-th block of the sequence whose table starts at t. Grid: x over rows, y over heads; a thread owns a head of a
// row. The softmax is online: for each block of the cache the scores, their maximum, then the weighted sum of V, with
// what was summed before scaled down to the new maximum.
//!include $kv
//!const DIM4
//!const BLOCK_LEN

override HEADS: u32;
override KV_HEADS: u32;

@group(0) @binding(0) var<uniform> count: vec4<u32>;
@group(0) @binding(1) var<storage, read> rows: array<vec4<u32>>; // (token, position, slot, table)
@group(0) @binding(2) var<storage, read> tables: array<u32>;
@group(0) @binding(3) var<storage, read> q: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> keys: array<Kv>;
@group(0) @binding(5) var<storage, read> values: array<Kv>;
@group(0) @binding(6) var<storage, read_write> out: array<vec4<f32>>;

const LOWEST: f32 = -3.0e38;

@compute @workgroup_size(8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= count.x) {
        return;
    }
    let row = rows[id.x];
    let head = id.y;
    let source = (id.x * HEADS + head) * DIM4;
    let scale = inverseSqrt(f32(4u * DIM4));
    var sums: array<vec4<f32>, DIM4>;
    var scores: array<f32, BLOCK_LEN>;
    var most = LOWEST;
    var total = 0.0;
    let length = row.y + 1u;
    for (var first = 0u; first < length; first += BLOCK_LEN) {
        let block = tables[row.w + first / BLOCK_LEN];
        let base = (block * KV_HEADS + head / (HEADS / KV_HEADS)) * BLOCK_LEN * DIM4;
        let here = min(BLOCK_LEN, length - first);
        var highest = most;
        for (var p = 0u; p < here; p++) {
            var products = vec4<f32>();
            for (var i = 0u; i < DIM4; i++) {
                products += q[source + i] * unpack_kv(keys[base + p * DIM4 + i]);
            }
            let score = dot(products, vec4<f32>(scale));
            scores[p] = score;
            highest = max(highest, score);
        }
        let shrink = exp(most - highest);
        most = highest;
        total *= shrink;
        for (var i = 0u; i < DIM4; i++) {
            sums[i] *= shrink;
        }
        for (var p = 0u; p < here; p++) {
            let weight = exp(scores[p] - most);
            total += weight;
            for (var i = 0u; i < DIM4; i++) {
                sums[i] += weight * unpack_kv(values[base + p * DIM4 + i]);
            }
        }
    }
    for (var i = 0u; i < DIM4; i++) {
        out[source + i] = sums[i] / total;
    }
}
