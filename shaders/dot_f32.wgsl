// The dot product of gemv on f32 activations: x is [n, COLS]. A run is GROUPS · 8 elements. Quants are added up
// before they are scaled: Σ (d q + m) x = d Σ q x + m Σ x, once a run, which therefore must not be longer than a group,
// unless all weights have the scale 1. Included.
//!const GROUPS
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;

// Adds a thread's part of the products of four rows of w, which begin at the groups `starts`, to the sums of each row of x.
fn add_products(sums: ptr<function, array<vec4<f32>, TOKENS>>, starts: vec4<u32>, lane: u32) {
    for (var e = lane * GROUPS; e < COLS / 8u; e += LANES * GROUPS) {
        let at = starts + e;
        var products: array<vec4<f32>, TOKENS>;
        var sum_x: array<f32, TOKENS>;
        for (var i = 0u; i < GROUPS; i++) {
            let w0 = group8(at.x + i);
            let w1 = group8(at.y + i);
            let w2 = group8(at.z + i);
            let w3 = group8(at.w + i);
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
            (*sums)[t] += products[t] * d + sum_x[t] * m;
        }
    }
}
