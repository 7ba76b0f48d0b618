// Q4_K: 256 elements a superblock. Planes: quants, 32 words; scales, 4 words (see scales_k).
// Included; see shader.rs for what a dequantizer provides.
@group(0) @binding(8) var<storage, read> quants: array<vec4<u32>>;
//!include nibbles
//!include scales_k

fn group8(i: u32) -> Group8 {
    let q = quants[i >> 2u][i & 3u];
    return Group8(vec4<f32>(vec4<i32>(low_nibbles(q))), vec4<f32>(vec4<i32>(high_nibbles(q))));
}

fn packed_group8(i: u32) -> vec2<u32> {
    return packed_nibbles(quants[i >> 2u][i & 3u]);
}
