// Q6_K: w = d·s (q − 32), 256 elements a superblock, s a signed byte for each 16. Planes: quants, 32 words of 4-bit
// halves; high, the upper 2 bits, 16 bits for eight elements; scales, 5 words: sixteen s, then d as f16.
// Included; see shader.rs for what a dequantizer provides.
@group(0) @binding(8) var<storage, read> quants: array<vec4<u32>>;
@group(0) @binding(9) var<storage, read> scales: array<u32>;
@group(0) @binding(10) var<storage, read> high: array<u32>;
//!include nibbles

const GROUP: u32 = 16u;

fn group_scale(group: u32) -> vec2<f32> {
    let record = (group >> 4u) * 5u;
    let word = scales[record + ((group >> 2u) & 3u)];
    let s = i32(word << (24u - 8u * (group & 3u))) >> 24u;
    let d = unpack2x16float(scales[record + 4u]).x * f32(s);
    return vec2<f32>(d, -32.0 * d);
}

fn group8(i: u32) -> Group8 {
    let q = quants[i >> 2u][i & 3u];
    let h = vec4<u32>(high[i >> 1u] >> ((i & 1u) * 16u));
    let a = low_nibbles(q) | (((h >> vec4<u32>(0u, 2u, 4u, 6u)) & vec4<u32>(3u)) << vec4<u32>(4u));
    let b = high_nibbles(q) | (((h >> vec4<u32>(8u, 10u, 12u, 14u)) & vec4<u32>(3u)) << vec4<u32>(4u));
    return Group8(vec4<f32>(vec4<i32>(a)), vec4<f32>(vec4<i32>(b)));
}

fn packed_group8(i: u32) -> vec2<u32> {
    let h = high[i >> 1u] >> ((i & 1u) * 16u);
    let four = vec2<u32>(h & 0xffu, (h >> 8u) & 0xffu);
    let spread = four | (four << vec2<u32>(6u)) | (four << vec2<u32>(12u)) | (four << vec2<u32>(18u));
    return packed_nibbles(quants[i >> 2u][i & 3u]) | ((spread & vec2<u32>(0x03030303u)) << vec2<u32>(4u));
}
