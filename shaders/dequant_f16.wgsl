// F16 weights, two in a word. Included; see shader.rs for what a dequantizer provides.
@group(0) @binding(8) var<storage, read> quants: array<vec4<u32>>;

const GROUP: u32 = 8u;

fn group_scale(group: u32) -> vec2<f32> {
    return vec2<f32>(1.0, 0.0);
}

fn group8(i: u32) -> Group8 {
    let q = quants[i];
    return Group8(
        vec4<f32>(unpack2x16float(q.x), unpack2x16float(q.y)),
        vec4<f32>(unpack2x16float(q.z), unpack2x16float(q.w)),
    );
}
