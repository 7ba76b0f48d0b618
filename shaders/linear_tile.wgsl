// y[t, r] = Σₖ w[r, k] x[t, k]: several rows of activations, in register tiles and without barriers.
//
// w: [ROWS, COLS] quantized, a shard whose rows are FIRST .. FIRST + ROWS of the OUT columns of y.
// x: [n, COLS] f32, with room for n rounded up to 8; y: [n, OUT] f32. Grid: x over tiles of 4 rows of w, y over tiles of
// 8 rows of x. A thread owns a tile of 4 × 8 sums: a weight is dequantized once for 8 products, an activation loaded once
// for 4; all threads of a workgroup share their activations, which makes those loads uniform.
//!include eight
//!include $dequant

override COLS: u32;
override ROWS: u32;
override FIRST: u32;
override OUT: u32;

@group(0) @binding(0) var<uniform> count: vec4<u32>;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

fn products(w0: vec4<f32>, w1: vec4<f32>, w2: vec4<f32>, w3: vec4<f32>, a: vec4<f32>) -> vec4<f32> {
    return vec4<f32>(dot(w0, a), dot(w1, a), dot(w2, a), dot(w3, a));
}

fn store(token: u32, row: u32, sums: vec4<f32>) {
    if (token >= count.x) {
        return;
    }
    for (var j = 0u; j < min(4u, ROWS - row); j++) {
        y[token * OUT + FIRST + row + j] = sums[j];
    }
}

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(workgroup_id) group_id: vec3<u32>) {
    let row = id.x * 4u;
    let token = group_id.y * 8u;
    if (row >= ROWS) {
        return;
    }
    // Rows past the end repeat the last one, and are not stored.
    let r = min(vec4<u32>(row) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(ROWS - 1u));
    var at = r * (COLS / 8u);
    var group = r * (COLS / GROUP);
    let stride = COLS / 4u;
    var k = token * stride;
    var y0 = vec4<f32>();
    var y1 = vec4<f32>();
    var y2 = vec4<f32>();
    var y3 = vec4<f32>();
    var y4 = vec4<f32>();
    var y5 = vec4<f32>();
    var y6 = vec4<f32>();
    var y7 = vec4<f32>();
    for (var g = 0u; g < COLS / GROUP; g++) {
        let s0 = group_scale(group.x);
        let s1 = group_scale(group.y);
        let s2 = group_scale(group.z);
        let s3 = group_scale(group.w);
        group += vec4<u32>(1u);
        for (var i = 0u; i < GROUP / 8u; i++) {
            let e0 = eight(at.x);
            let e1 = eight(at.y);
            let e2 = eight(at.z);
            let e3 = eight(at.w);
            at += vec4<u32>(1u);
            var w0 = e0.a * s0.x + s0.y;
            var w1 = e1.a * s1.x + s1.y;
            var w2 = e2.a * s2.x + s2.y;
            var w3 = e3.a * s3.x + s3.y;
            y0 += products(w0, w1, w2, w3, x[k]);
            y1 += products(w0, w1, w2, w3, x[k + stride]);
            y2 += products(w0, w1, w2, w3, x[k + 2u * stride]);
            y3 += products(w0, w1, w2, w3, x[k + 3u * stride]);
            y4 += products(w0, w1, w2, w3, x[k + 4u * stride]);
            y5 += products(w0, w1, w2, w3, x[k + 5u * stride]);
            y6 += products(w0, w1, w2, w3, x[k + 6u * stride]);
            y7 += products(w0, w1, w2, w3, x[k + 7u * stride]);
            w0 = e0.b * s0.x + s0.y;
            w1 = e1.b * s1.x + s1.y;
            w2 = e2.b * s2.x + s2.y;
            w3 = e3.b * s3.x + s3.y;
            y0 += products(w0, w1, w2, w3, x[k + 1u]);
            y1 += products(w0, w1, w2, w3, x[k + 1u + stride]);
            y2 += products(w0, w1, w2, w3, x[k + 1u + 2u * stride]);
            y3 += products(w0, w1, w2, w3, x[k + 1u + 3u * stride]);
            y4 += products(w0, w1, w2, w3, x[k + 1u + 4u * stride]);
            y5 += products(w0, w1, w2, w3, x[k + 1u + 5u * stride]);
            y6 += products(w0, w1, w2, w3, x[k + 1u + 6u * stride]);
            y7 += products(w0, w1, w2, w3, x[k + 1u + 7u * stride]);
            k += 2u;
        }
    }
    store(token, row, y0);
    store(token + 1u, row, y1);
    store(token + 2u, row, y2);
    store(token + 3u, row, y3);
    store(token + 4u, row, y4);
    store(token + 5u, row, y5);
    store(token + 6u, row, y6);
    store(token + 7u, row, y7);
}
