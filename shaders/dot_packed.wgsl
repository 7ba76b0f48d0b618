// The dot product of gemv on packed int8 activations (dot4I8Packed, DP4A): x is what quantize_activations.wgsl makes of
// [n, COLS]. A run is the 16 elements of one record of x, whose activations are d (128 h + l):
// Σ (s q + m) x = s d (128 Σ q h + Σ q l) + m Σ x, where the sums of q h and q l are exact. The dequantizer provides
// `packed_group8`, and its groups are no shorter than a run. Included.
@group(0) @binding(1) var<storage, read> x: array<vec4<u32>>;

// The quants of a run.
fn packed_run(i: u32) -> vec4<u32> {
    return vec4<u32>(packed_group8(i), packed_group8(i + 1u));
}

fn dot_run(a: vec4<u32>, b: vec4<u32>) -> i32 {
    return dot4I8Packed(a.x, b.x) + dot4I8Packed(a.y, b.y) + dot4I8Packed(a.z, b.z) + dot4I8Packed(a.w, b.w);
}

// Adds a thread's part of the products of four rows of w, which begin at the groups `starts`, to the sums of each row of x.
fn add_products(sums: ptr<function, array<vec4<f32>, TOKENS>>, starts: vec4<u32>, lane: u32) {
    for (var run = lane; run < COLS / 16u; run += LANES) {
        let at = starts + run * 2u;
        let w0 = packed_run(at.x);
        let w1 = packed_run(at.y);
        let w2 = packed_run(at.z);
        let w3 = packed_run(at.w);
        let group = at * 8u / GROUP;
        let s0 = group_scale(group.x);
        let s1 = group_scale(group.y);
        let s2 = group_scale(group.z);
        let s3 = group_scale(group.w);
        let s = vec4<f32>(s0.x, s1.x, s2.x, s3.x);
        let m = vec4<f32>(s0.y, s1.y, s2.y, s3.y);
        for (var t = 0u; t < TOKENS; t++) {
            if (t < count.x) {
                let record = (t * (COLS / 16u) + run) * 3u;
                let h = x[record];
                let l = x[record + 1u];
                let d_and_sum = bitcast<vec2<f32>>(x[record + 2u].xy);
                let upper = vec4<i32>(dot_run(w0, h), dot_run(w1, h), dot_run(w2, h), dot_run(w3, h));
                let lower = vec4<i32>(dot_run(w0, l), dot_run(w1, l), dot_run(w2, l), dot_run(w3, l));
                let products = vec4<f32>(upper * 128 + lower);
                (*sums)[t] += products * s * d_and_sum.x + m * d_and_sum.y;
            }
        }
    }
}
