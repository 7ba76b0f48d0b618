// IQ3_S: w = d (2 s + 1) q, 256 elements a superblock, s for each 32. Planes: quants, the low byte of an index for four
// elements; high, 11 words: the ninth bits of 64 indices, a byte of signs for eight elements, then eight s; scales, d as
// f16, two blocks a word. Included; see shader.rs for what a dequantizer provides.
@group(0) @binding(8) var<storage, read> quants: array<u32>;
@group(0) @binding(10) var<storage, read> high: array<u32>;
//!include block_d
//!include grid_iq3

const GROUP: u32 = 32u;

// 1, 3, … 15
fn iq3_magnitudes(level: vec4<u32>) -> vec4<u32> {
    return level * 2u + 1u;
}

fn group_scale(group: u32) -> vec2<f32> {
    let s = (high[(group >> 3u) * 11u + 10u] >> (4u * (group & 7u))) & 15u;
    return vec2<f32>(block_d(group >> 3u) * f32(2u * s + 1u), 0.0);
}

fn group8(i: u32) -> Group8 {
    let record = (i >> 5u) * 11u;
    let q = quants[i >> 1u] >> ((i & 1u) * 16u);
    let h = high[record + ((i >> 4u) & 1u)] >> (2u * (i & 15u));
    let signs = high[record + 2u + ((i >> 2u) & 7u)] >> (8u * (i & 3u));
    let a = (q & 255u) | ((h & 1u) << 8u);
    let b = ((q >> 8u) & 255u) | ((h & 2u) << 7u);
    return Group8(signed_four(a, signs), signed_four(b, signs >> 4u));
}
