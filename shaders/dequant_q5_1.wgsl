// Q5_1: w = d q + m, 32 elements a block. Planes: quants, 4 words of 4-bit halves a block; high, the fifth bits, a byte
// for eight elements; scales, (d, m) as f16, a word a block. Included; see shader.rs for what a dequantizer provides.
@group(0) @binding(8) var<storage, read> quants: array<vec4<u32>>;
@group(0) @binding(9) var<storage, read> scales: array<u32>;
@group(0) @binding(10) var<storage, read> high: array<u32>;
//!include nibbles
//!include fifth_bits

const GROUP: u32 = 32u;

fn group_scale(group: u32) -> vec2<f32> {
    return unpack2x16float(scales[group]);
}

fn group8(i: u32) -> Group8 {
    let q = quants[i >> 2u][i & 3u];
    let h = vec4<u32>(high[i >> 2u] >> ((i & 3u) * 8u));
    let a = low_nibbles(q) | (((h >> vec4<u32>(0u, 1u, 2u, 3u)) & vec4<u32>(1u)) << vec4<u32>(4u));
    let b = high_nibbles(q) | (((h >> vec4<u32>(4u, 5u, 6u, 7u)) & vec4<u32>(1u)) << vec4<u32>(4u));
    return Group8(vec4<f32>(vec4<i32>(a)), vec4<f32>(vec4<i32>(b)));
}

fn packed_group8(i: u32) -> vec2<u32> {
    return packed_nibbles(quants[i >> 2u][i & 3u]) | packed_fifth(high[i >> 2u] >> ((i & 3u) * 8u));
}
