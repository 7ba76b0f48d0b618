// Quantizes activations to packed int8 digits, for dot_packed.
// x = d (128 h + l), rounded to a step d of the greatest of 16 elements over 127 · 128, with h from −127 to 127 and l
// from −64 to 63. One byte would be half the work of the products, but moves the logits of a small model ten times as
// far as may be; two bytes move them no further than adding up in f32 does.
//
// x: [n, COLS] f32; y: [n, COLS / 16] records of three vectors of words: sixteen h; sixteen l; d, the sum of the
// rounded activations, and two words unused. Grid: x over records of a row, y over rows; a thread owns one record.
override COLS: u32;

@group(0) @binding(0) var<uniform> count: vec4<u32>;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<u32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= COLS / 16u || id.y >= count.x) {
        return;
    }
    let record = id.y * (COLS / 16u) + id.x;
    var most = vec4<f32>();
    for (var i = 0u; i < 4u; i++) {
        most = max(most, abs(x[record * 4u + i]));
    }
    let d = max(max(most.x, most.y), max(most.z, most.w)) / (127.0 * 128.0);
    // Activations too small for a step that f32 can hold are zero.
    let steps = select(0.0, 1.0 / d, d > 1e-37);
    var h: vec4<u32>;
    var l: vec4<u32>;
    var sum = vec4<i32>();
    for (var i = 0u; i < 4u; i++) {
        let q = vec4<i32>(round(x[record * 4u + i] * steps));
        let upper = (q + 64) >> vec4<u32>(7u);
        h[i] = pack4xI8(upper);
        l[i] = pack4xI8(q - upper * 128);
        sum += q;
    }
    y[record * 3u] = h;
    y[record * 3u + 1u] = l;
    let total = d * f32(sum.x + sum.y + sum.z + sum.w);
    y[record * 3u + 2u] = vec4<u32>(bitcast<vec2<u32>>(vec2<f32>(d, total)), 0u, 0u);
}
