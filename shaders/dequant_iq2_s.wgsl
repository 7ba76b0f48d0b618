// IQ2_S: w = d/8 (2 s + 1) q, 256 elements a superblock, s for each 16. Planes: quants, a half word for eight elements:
// the low byte of an index, eight signs; high, 4 words: two more bits of 32 indices, then sixteen s; scales, d as f16, two
// blocks a word. Included; see shader.rs for what a dequantizer provides.
@group(0) @binding(8) var<storage, read> quants: array<u32>;
@group(0) @binding(10) var<storage, read> high: array<u32>;
//!include block_d
//!include grid_iq2

const GROUP: u32 = 16u;

fn group_scale(group: u32) -> vec2<f32> {
    let word = high[(group >> 4u) * 4u + 2u + ((group >> 3u) & 1u)];
    let s = (word >> (4u * (group & 7u))) & 15u;
    return vec2<f32>(block_d(group >> 4u) * 0.125 * f32(2u * s + 1u), 0.0);
}

fn group8(i: u32) -> Group8 {
    let q = quants[i >> 1u] >> ((i & 1u) * 16u);
    let h = high[(i >> 5u) * 4u + ((i >> 4u) & 1u)] >> (2u * (i & 15u));
    return signed_eight((q & 255u) | ((h & 3u) << 8u), q >> 8u);
}
