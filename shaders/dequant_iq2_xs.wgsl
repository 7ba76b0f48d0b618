// IQ2_XS: w = d/8 (2 s + 1) q, 256 elements a superblock, s for each 16. Planes: quants, a half word for eight elements:
// nine bits of index, seven signs; high, two words of sixteen s; scales, d as f16, two blocks a word.
// Included; see shader.rs for what a dequantizer provides.
@group(0) @binding(8) var<storage, read> quants: array<u32>;
@group(0) @binding(10) var<storage, read> high: array<u32>;
//!include block_d
//!include grid_iq2

const GROUP: u32 = 16u;

fn group_scale(group: u32) -> vec2<f32> {
    let s = (high[group >> 3u] >> (4u * (group & 7u))) & 15u;
    return vec2<f32>(block_d(group >> 4u) * 0.125 * f32(2u * s + 1u), 0.0);
}

fn group8(i: u32) -> Group8 {
    let q = quants[i >> 1u] >> ((i & 1u) * 16u);
    return signed_eight(q & 511u, even_signs(q >> 9u));
}
