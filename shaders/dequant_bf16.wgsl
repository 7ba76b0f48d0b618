// BF16 weights, two in a word: the upper halves of f32. Included; see shader.rs for what a dequantizer provides.
@group(0) @binding(8) var<storage, read> quants: array<vec4<u32>>;

const GROUP: u32 = 8u;

fn group_scale(group: u32) -> vec2<f32> {
    return vec2<f32>(1.0, 0.0);
}

fn group8(i: u32) -> Group8 {
    let q = quants[i];
    let low = bitcast<vec4<f32>>(q << vec4<u32>(16u));
    let high = bitcast<vec4<f32>>(q & vec4<u32>(0xffff0000u));
    return Group8(vec4<f32>(low.x, high.x, low.y, high.y), vec4<f32>(low.z, high.z, low.w, high.w));
}
