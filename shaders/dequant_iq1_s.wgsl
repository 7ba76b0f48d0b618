// IQ1_S: w = d (2 s + 1) (point ± 1/8), 256 elements a superblock, s and the sign for each 32. Planes: quants, the low
// byte of an index for eight elements; high, a half word for each 32: three more bits of four indices, s, and whether the
// sign is negative; scales, d as f16, two blocks a word. Included; see shader.rs for what a dequantizer provides.
@group(0) @binding(8) var<storage, read> quants: array<u32>;
@group(0) @binding(10) var<storage, read> high: array<u32>;
//!include block_d
//!include grid_iq1

const GROUP: u32 = 32u;

fn rest_of(group: u32) -> u32 {
    return high[group >> 1u] >> ((group & 1u) * 16u);
}

fn group_scale(group: u32) -> vec2<f32> {
    let steps = 2u * ((rest_of(group) >> 12u) & 7u) + 1u;
    return vec2<f32>(block_d(group >> 3u) * 0.125 * f32(steps), 0.0);
}

fn group8(i: u32) -> Group8 {
    let n = i & 3u;
    let rest = rest_of(i >> 2u);
    let low = (quants[i >> 2u] >> (8u * n)) & 255u;
    return shifted_eight(low | (((rest >> (3u * n)) & 7u) << 8u), (rest >> 15u) & 1u);
}
