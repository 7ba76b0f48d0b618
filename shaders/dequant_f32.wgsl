// F32 weights. Included; see shader.rs for what a dequantizer provides.
@group(0) @binding(8) var<storage, read> quants: array<vec4<u32>>;

const GROUP: u32 = 8u;

fn group_scale(group: u32) -> vec2<f32> {
    return vec2<f32>(1.0, 0.0);
}

fn group8(i: u32) -> Group8 {
    return Group8(bitcast<vec4<f32>>(quants[2u * i]), bitcast<vec4<f32>>(quants[2u * i + 1u]));
}
