// Q3_K: w = d·s (q − 4), 256 elements a superblock, s a signed byte for each 16. Planes: quants, the lower 2 bits, 16
// bits for eight elements; high, the third bits, a byte for eight elements; scales, 5 words: sixteen s, then d as f16.
// Included; see shader.rs for what a dequantizer provides.
@group(0) @binding(8) var<storage, read> quants: array<u32>;
@group(0) @binding(9) var<storage, read> scales: array<u32>;
@group(0) @binding(10) var<storage, read> high: array<u32>;

const GROUP: u32 = 16u;

fn group_scale(group: u32) -> vec2<f32> {
    let record = (group >> 4u) * 5u;
    let word = scales[record + ((group >> 2u) & 3u)];
    let s = i32(word << (24u - 8u * (group & 3u))) >> 24u;
    let d = unpack2x16float(scales[record + 4u]).x * f32(s);
    return vec2<f32>(d, -4.0 * d);
}

fn group8(i: u32) -> Group8 {
    let q = vec4<u32>(quants[i >> 1u] >> ((i & 1u) * 16u));
    let h = vec4<u32>(high[i >> 2u] >> ((i & 3u) * 8u));
    let a = ((q >> vec4<u32>(0u, 2u, 4u, 6u)) & vec4<u32>(3u))
        | (((h >> vec4<u32>(0u, 1u, 2u, 3u)) & vec4<u32>(1u)) << vec4<u32>(2u));
    let b = ((q >> vec4<u32>(8u, 10u, 12u, 14u)) & vec4<u32>(3u))
        | (((h >> vec4<u32>(4u, 5u, 6u, 7u)) & vec4<u32>(1u)) << vec4<u32>(2u));
    return Group8(vec4<f32>(vec4<i32>(a)), vec4<f32>(vec4<i32>(b)));
}
