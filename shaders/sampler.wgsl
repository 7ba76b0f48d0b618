// Sampler (temperature, top-k, top-p, min-p).
// Draws a token from each row of logits that requests for one. results[out ..] = (token, bits of its log-probability), then
// (token, bits of its log-probability) of each of the `top` likeliest.
//
// logits: [n, VOCAB] f32. Grid: x over rows; a workgroup of LANES threads owns a row, a thread every LANES-th logit of
// it.
//
// Probabilities after temperature are whole numbers of 2⁻³¹, so that their sums do not depend on an order. A threshold
// (the k-th largest logit; the least of those that hold top_p) is found digit by digit in four histograms of 256 bins;
// the token likewise, by sums of probabilities over 256 stretches of the vocabulary, then over stretches of these.
//!const LANES
//!include logit_row
//!include barrier_workgroup

override VOCAB: u32;
override PIECES: u32;

@group(0) @binding(3) var<storage, read> logits: array<u32>;
@group(0) @binding(4) var<storage, read_write> results: array<u32>;

var<workgroup> bins: array<atomic<u32>, 256>;
var<workgroup> found: vec2<u32>;
var<workgroup> bests: array<vec2<u32>, LANES>;

fn clear_bins(lane: u32) {
    for (var b = lane; b < 256u; b += LANES) {
        atomicStore(&bins[b], 0u);
    }
    barrier();
}

// The probability of a logit after temperature, relative to the largest.
fn sharp_share(bits: u32, row: Row, request: SamplerRequest) -> f32 {
    return share((bitcast<f32>(bits) - row.most) * request.sharpness);
}

fn weight(p: f32, row: Row) -> u32 {
    return u32(p / row.sharp_total * 2147483648.0 + 0.5);
}

// The key of the least logit from `least` on, such that the logits from it on are `wanted` in number; or, for `wanted` 0,
// hold at least top_p of the probability of those from `least` on.
fn threshold(base: u32, lane: u32, row: Row, request: SamplerRequest, wanted: u32, least: u32) -> u32 {
    var prefix = 0u;
    var mask = 0u;
    var left = wanted;
    for (var digit = 0u; digit < 4u; digit++) {
        let shift = 24u - 8u * digit;
        clear_bins(lane);
        for (var i = lane; i < VOCAB; i += LANES) {
            let bits = logits[base + i];
            let key = key_of(bits);
            if (key >= least && (key & mask) == prefix) {
                var more = 1u;
                if (wanted == 0u) {
                    more = weight(sharp_share(bits, row, request), row);
                }
                atomicAdd(&bins[(key >> shift) & 255u], more);
            }
        }
        barrier();
        if (lane == 0u) {
            if (digit == 0u && wanted == 0u) {
                var total = 0u;
                for (var b = 0u; b < 256u; b++) {
                    total += atomicLoad(&bins[b]);
                }
                left = clamp(u32(f32(total) * request.top_p), 1u, total);
            }
            var bin = 255u;
            var held = atomicLoad(&bins[255]);
            while (held < left && bin > 0u) {
                left -= held;
                bin--;
                held = atomicLoad(&bins[bin]);
            }
            found = vec2<u32>(bin, left);
        }
        barrier();
        prefix |= found.x << shift;
        left = found.y;
        mask = 0xffffffffu << shift;
    }
    return prefix;
}

// The upper half of a · b.
fn high_product(a: u32, b: u32) -> u32 {
    let low = vec2<u32>(a & 0xffffu, b & 0xffffu);
    let high = vec2<u32>(a >> 16u, b >> 16u);
    let carried = high.x * low.y + ((low.x * low.y) >> 16u);
    let middle = low.x * high.y + (carried & 0xffffu);
    return high.x * high.y + (carried >> 16u) + (middle >> 16u);
}

// The first token such that the probabilities up to it exceed `random` of those of all from `least` on.
fn pick(base: u32, lane: u32, row: Row, request: SamplerRequest, least: u32) -> u32 {
    var first = 0u;
    var width = VOCAB;
    var left = 0u;
    while (width > 1u) {
        let each = (width + 255u) / 256u;
        let end = min(first + width, VOCAB);
        clear_bins(lane);
        for (var i = first + lane; i < end; i += LANES) {
            let bits = logits[base + i];
            let p = sharp_share(bits, row, request);
            if (key_of(bits) >= least && p >= request.min_p) {
                atomicAdd(&bins[(i - first) / each], weight(p, row));
            }
        }
        barrier();
        if (lane == 0u) {
            if (width == VOCAB) {
                var total = 0u;
                for (var b = 0u; b < 256u; b++) {
                    total += atomicLoad(&bins[b]);
                }
                left = high_product(request.random, total);
            }
            var bin = 0u;
            var held = atomicLoad(&bins[0]);
            while (held <= left && bin < 255u) {
                left -= held;
                bin++;
                held = atomicLoad(&bins[bin]);
            }
            found = vec2<u32>(bin, left);
        }
        barrier();
        first += found.x * each;
        left = found.y;
        width = each;
    }
    return first;
}

// The first (key, id) that comes after `last`.
fn following(base: u32, lane: u32, last: vec2<u32>) -> vec2<u32> {
    var best = vec2<u32>(0u, 0xffffffffu);
    for (var i = lane; i < VOCAB; i += LANES) {
        let candidate = vec2<u32>(key_of(logits[base + i]), i);
        if (before(last, candidate) && before(candidate, best)) {
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
    barrier();
    return best;
}

@compute @workgroup_size(LANES)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3<u32>) {
    let request = requests[group.x];
    if (request.kind != REQUESTS_TOKEN) {
        return;
    }
    let row = whole(group.x);
    if (!row.sound) {
        if (lane == 0u) {
            results[request.out] = UNSOUND;
        }
        return;
    }
    let base = group.x * VOCAB;
    var token = row.best;
    if (request.sharpness > 0.0) {
        var least = 0u;
        if (request.top_k > 0u && request.top_k < VOCAB) {
            least = threshold(base, lane, row, request, request.top_k, 0u);
        }
        if (request.top_p < 1.0) {
            least = max(least, threshold(base, lane, row, request, 0u, least));
        }
        token = pick(base, lane, row, request, least);
    }
    let total = row.most + log(row.total);
    if (lane == 0u) {
        results[request.out] = token;
        results[request.out + 1u] = bitcast<u32>(bitcast<f32>(logits[base + token]) - total);
    }
    var last = vec2<u32>(NOT_A_NUMBER, 0u);
    for (var n = 0u; n < request.top; n++) {
        last = following(base, lane, last);
        if (lane == 0u) {
            results[request.out + 2u + 2u * n] = last.y;
            results[request.out + 3u + 2u * n] = bitcast<u32>(value_of(last.x) - total);
        }
    }
}
