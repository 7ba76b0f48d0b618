// Q8_0: w = d q with signed q, 32 elements a block. Planes: quants, 8 words a block, four elements a word; scales, d as
// f16, two blocks a word. Included; see shader.rs for what a dequantizer provides.
@group(0) @binding(8) var<storage, read> quants: array<vec4<u32>>;
@group(0) @binding(9) var<storage, read> scales: array<u32>;

const GROUP: u32 = 32u;

fn group_scale(group: u32) -> vec2<f32> {
    let pair = unpack2x16float(scales[group >> 1u]);
    return vec2<f32>(select(pair.x, pair.y, (group & 1u) == 1u), 0.0);
}

fn signed_bytes(q: u32) -> vec4<f32> {
    return vec4<f32>(vec4<i32>(vec4<u32>(q) << vec4<u32>(24u, 16u, 8u, 0u)) >> vec4<u32>(24u));
}

fn group8(i: u32) -> Group8 {
    let at = (i & 1u) * 2u;
    return Group8(signed_bytes(quants[i >> 1u][at]), signed_bytes(quants[i >> 1u][at + 1u]));
}

fn packed_group8(i: u32) -> vec2<u32> {
    let at = (i & 1u) * 2u;
    return vec2<u32>(quants[i >> 1u][at], quants[i >> 1u][at + 1u]);
}
