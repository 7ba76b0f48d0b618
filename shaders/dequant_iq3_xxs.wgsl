// IQ3_XXS: w = d/4 (2 s + 1) q, 256 elements a superblock, s for each 32. Planes: quants, an index for four elements; high,
// a word for each 32: four times seven signs, then s; scales, d as f16, two blocks a word.
// Included; see shader.rs for what a dequantizer provides.
@group(0) @binding(8) var<storage, read> quants: array<u32>;
@group(0) @binding(10) var<storage, read> high: array<u32>;
//!include block_d
//!include grid_iq3

const GROUP: u32 = 32u;

// 4, 12, 20, 28, 36, 44, 52, 62
fn iq3_magnitudes(level: vec4<u32>) -> vec4<u32> {
    return level * 8u + (((level + 1u) >> vec4<u32>(3u)) << vec4<u32>(1u)) + 4u;
}

fn group_scale(group: u32) -> vec2<f32> {
    let steps = 2u * (high[group] >> 28u) + 1u;
    return vec2<f32>(block_d(group >> 3u) * 0.25 * f32(steps), 0.0);
}

fn group8(i: u32) -> Group8 {
    let q = quants[i >> 1u] >> ((i & 1u) * 16u);
    let signs = even_signs(high[i >> 2u] >> (7u * (i & 3u)));
    return Group8(signed_four(q & 255u, signs), signed_four((q >> 8u) & 255u, signs >> 4u));
}
