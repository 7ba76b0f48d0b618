// y[0, r] = Σₖ w[r, k] x[0, k]: one row of activations, without barriers.
//
// w: [ROWS, COLS] quantized, a shard whose rows are FIRST .. FIRST + ROWS of the OUT columns of y.
// x: [1, COLS] f32; y: [1, OUT] f32. Grid: x over tiles of 4 rows of w. A thread owns 4 rows, so that each load of x
// serves four products, and adds up quants before it scales them: Σ (d q + m) x = d Σ q x + m Σ x.
//!include eight
//!include $dequant

override COLS: u32;
override ROWS: u32;
override FIRST: u32;

@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let row = id.x * 4u;
    if (row >= ROWS) {
        return;
    }
    // Rows past the end repeat the last one, and are not stored.
    let r = min(vec4<u32>(row) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(ROWS - 1u));
    var at = r * (COLS / 8u);
    var group = r * (COLS / GROUP);
    var total = vec4<f32>();
    var k = 0u;
    for (var g = 0u; g < COLS / GROUP; g++) {
        var sums = vec4<f32>();
        var sum_x = vec4<f32>();
        for (var i = 0u; i < GROUP / 8u; i++) {
            let a = x[k];
            let b = x[k + 1u];
            let w0 = eight(at.x);
            let w1 = eight(at.y);
            let w2 = eight(at.z);
            let w3 = eight(at.w);
            sums += vec4<f32>(dot(w0.a, a), dot(w1.a, a), dot(w2.a, a), dot(w3.a, a));
            sums += vec4<f32>(dot(w0.b, b), dot(w1.b, b), dot(w2.b, b), dot(w3.b, b));
            sum_x += a + b;
            k += 2u;
            at += vec4<u32>(1u);
        }
        let s0 = group_scale(group.x);
        let s1 = group_scale(group.y);
        let s2 = group_scale(group.z);
        let s3 = group_scale(group.w);
        total += sums * vec4<f32>(s0.x, s1.x, s2.x, s3.x);
        total += dot(sum_x, vec4<f32>(1.0)) * vec4<f32>(s0.y, s1.y, s2.y, s3.y);
        group += vec4<u32>(1u);
    }
    for (var j = 0u; j < min(4u, ROWS - row); j++) {
        y[FIRST + row + j] = total[j];
    }
}
