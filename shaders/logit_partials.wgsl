// Partial softmax statistics of logits.
// parts[r, p] = (key of the largest logit of piece p of row r, its lowest id, Σ e^(logit - largest), Σ e^((logit -
// largest) · sharpness)), the sums as bits of f32; the second is 0 where the row's sharpness is.
//
// logits: [n, VOCAB] f32; parts: [n, PIECES]. Grid: x over pieces, y over rows; a workgroup of LANES threads owns a
// piece, a thread every LANES-th logit of it.
//!const LANES
//!include logit_keys
//!include sampler_request
//!include $barrier

override VOCAB: u32;
override PIECES: u32;

@group(0) @binding(0) var<uniform> count: vec4<u32>; // (outputs, tokens gathered)
@group(0) @binding(1) var<storage, read> requests: array<SamplerRequest>;
@group(0) @binding(2) var<storage, read> logits: array<u32>;
@group(0) @binding(3) var<storage, read_write> parts: array<vec4<u32>>;

var<workgroup> bests: array<vec2<u32>, LANES>;
var<workgroup> sums: array<vec2<f32>, LANES>;

@compute @workgroup_size(LANES)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3<u32>) {
    let row = min(group.y, count.x - 1u);
    let sharpness = requests[row].sharpness;
    let width = (VOCAB + PIECES - 1u) / PIECES;
    let first = group.x * width;
    let end = min(first + width, VOCAB);

    var best = vec2<u32>();
    for (var i = first + lane; i < end; i += LANES) {
        let candidate = vec2<u32>(key_of(logits[row * VOCAB + i]), i);
        if (before(candidate, best)) {
            best = candidate;
        }
    }
    bests[lane] = best;
    barrier();
    for (var l = 0u; l < LANES; l++) {
        let candidate = bests[l];
        if (before(candidate, best)) {
            best = candidate;
        }
    }

    let most = value_of(best.x);
    var sum = vec2<f32>();
    for (var i = first + lane; i < end; i += LANES) {
        let less = bitcast<f32>(logits[row * VOCAB + i]) - most;
        sum.x += share(less);
        if (sharpness > 0.0) {
            sum.y += share(less * sharpness);
        }
    }
    sums[lane] = sum;
    barrier();
    if (lane == 0u) {
        for (var l = 1u; l < LANES; l++) {
            sum += sums[l];
        }
        parts[row * PIECES + group.x] = vec4<u32>(best, bitcast<u32>(sum.x), bitcast<u32>(sum.y));
    }
}
