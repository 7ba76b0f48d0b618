// Softmax statistics of a row of logits, merged from logit_partials. Included. The including kernel has `override
// PIECES`.
//!include logit_keys
//!include sampler_request

struct Row {
    best: u32,
    most: f32,
    // Σ e^(logit - most), and the same with logits times `sharpness`.
    total: f32,
    sharp_total: f32,
    // Whether a token can be chosen: no logit is NaN or +∞, and not all are -∞.
    sound: bool,
}

// Stands in `results` where a row is not sound.
const UNSOUND: u32 = 0xffffffffu;

@group(0) @binding(0) var<uniform> count: vec4<u32>; // (outputs, tokens gathered)
@group(0) @binding(1) var<storage, read> requests: array<SamplerRequest>;
@group(0) @binding(2) var<storage, read> parts: array<vec4<u32>>;

fn whole(row: u32) -> Row {
    var best = vec2<u32>();
    for (var p = 0u; p < PIECES; p++) {
        let part = parts[row * PIECES + p];
        if (before(part.xy, best)) {
            best = part.xy;
        }
    }
    let most = value_of(best.x);
    let sound = best.x > NEGATIVE_INFINITY && best.x < POSITIVE_INFINITY;
    var totals = vec2<f32>();
    for (var p = 0u; p < PIECES; p++) {
        let part = parts[row * PIECES + p];
        if (sound && part.x > NEGATIVE_INFINITY) {
            let less = value_of(part.x) - most;
            let sums = vec2<f32>(bitcast<f32>(part.z), bitcast<f32>(part.w));
            totals += sums * vec2<f32>(share(less), share(less * requests[row].sharpness));
        }
    }
    return Row(best.y, most, totals.x, totals.y, sound);
}
