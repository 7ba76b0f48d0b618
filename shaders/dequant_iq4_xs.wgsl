// IQ4_XS: w = d·s · level(q), 256 elements a superblock, s a signed byte for each 32. Planes: quants, 32 words; scales,
// 3 words: eight s, then d as f16. Included; see shader.rs for what a dequantizer provides.
@group(0) @binding(8) var<storage, read> quants: array<vec4<u32>>;
@group(0) @binding(9) var<storage, read> scales: array<u32>;
//!include nibbles
//!include codebook

const GROUP: u32 = 32u;

fn group_scale(group: u32) -> vec2<f32> {
    let record = (group >> 3u) * 3u;
    let word = scales[record + ((group >> 2u) & 1u)];
    let s = i32(word << (24u - 8u * (group & 3u))) >> 24u;
    return vec2<f32>(unpack2x16float(scales[record + 2u]).x * f32(s), 0.0);
}

fn group8(i: u32) -> Group8 {
    let q = quants[i >> 2u][i & 3u];
    return Group8(levels(low_nibbles(q)), levels(high_nibbles(q)));
}
