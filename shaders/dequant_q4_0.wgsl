// Q4_0: w = d (q − 8), 32 elements a block. Planes: quants, 4 words a block; scales, d as f16, two blocks a word.
// Included; see shader.rs for what a dequantizer provides.
@group(0) @binding(8) var<storage, read> quants: array<vec4<u32>>;
@group(0) @binding(9) var<storage, read> scales: array<u32>;
//!include nibbles

const GROUP: u32 = 32u;

fn group_scale(group: u32) -> vec2<f32> {
    let pair = unpack2x16float(scales[group >> 1u]);
    let d = select(pair.x, pair.y, (group & 1u) == 1u);
    return vec2<f32>(d, -8.0 * d);
}

fn group8(i: u32) -> Group8 {
    let q = quants[i >> 2u][i & 3u];
    return Group8(vec4<f32>(vec4<i32>(low_nibbles(q))), vec4<f32>(vec4<i32>(high_nibbles(q))));
}

fn packed_group8(i: u32) -> vec2<u32> {
    return packed_nibbles(quants[i >> 2u][i & 3u]);
}
