// IQ2_XXS: w = d/8 (2 s + 1) q, 256 elements a superblock, s for each 32. Planes: quants, two words for each 32: four
// indices, then four times seven signs and s; scales, d as f16, two blocks a word.
// Included; see shader.rs for what a dequantizer provides.
@group(0) @binding(8) var<storage, read> quants: array<vec2<u32>>;
//!include block_d
//!include grid_iq2

const GROUP: u32 = 32u;

fn group_scale(group: u32) -> vec2<f32> {
    let steps = 2u * (quants[group].y >> 28u) + 1u;
    return vec2<f32>(block_d(group >> 3u) * 0.125 * f32(steps), 0.0);
}

fn group8(i: u32) -> Group8 {
    let n = i & 3u;
    let q = quants[i >> 2u];
    return signed_eight((q.x >> (8u * n)) & 255u, even_signs(q.y >> (7u * n)));
}
