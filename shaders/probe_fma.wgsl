// Arithmetic probe.
// Fused multiply-adds and nothing else, as many as the arithmetic units can do: what other kernels are held
// against.
//
// y: an entry of four f32 for each thread. A thread carries eight chains of four, long enough apart for a unit to take
// up one while another is under way; ROUNDS · 8 · 4 multiplications with additions a thread. Their factor comes from x,
// so that no compiler can know the outcome.
override ROUNDS: u32;

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let factor = x[0];
    let start = x[1] + vec4<f32>(f32(id.x));
    var a = start;
    var b = start + 1.0;
    var c = start + 2.0;
    var d = start + 3.0;
    var e = start + 4.0;
    var f = start + 5.0;
    var g = start + 6.0;
    var h = start + 7.0;
    for (var i = 0u; i < ROUNDS; i++) {
        a = fma(a, factor, start);
        b = fma(b, factor, start);
        c = fma(c, factor, start);
        d = fma(d, factor, start);
        e = fma(e, factor, start);
        f = fma(f, factor, start);
        g = fma(g, factor, start);
        h = fma(h, factor, start);
    }
    y[id.x] = a + b + c + d + e + f + g + h;
}
