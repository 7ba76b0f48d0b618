// Q2_K.
// w = d·s q − dmin·m, 256 elements a superblock, s and m the halves of a byte for each 16. Planes: quants, 16 bits
// for eight elements; scales, 5 words: sixteen bytes (s low, m high), then (d, dmin) as f16.
// Included; see shader.rs for what a dequantizer provides.
@group(0) @binding(8) var<storage, read> quants: array<u32>;
@group(0) @binding(9) var<storage, read> scales: array<u32>;

const GROUP: u32 = 16u;

fn group_scale(group: u32) -> vec2<f32> {
    let record = (group >> 4u) * 5u;
    let byte = scales[record + ((group >> 2u) & 3u)] >> (8u * (group & 3u));
    let d = unpack2x16float(scales[record + 4u]);
    return vec2<f32>(d.x * f32(byte & 15u), -d.y * f32((byte >> 4u) & 15u));
}

fn group8(i: u32) -> Group8 {
    let q = vec4<u32>(quants[i >> 1u] >> ((i & 1u) * 16u));
    let a = (q >> vec4<u32>(0u, 2u, 4u, 6u)) & vec4<u32>(3u);
    let b = (q >> vec4<u32>(8u, 10u, 12u, 14u)) & vec4<u32>(3u);
    return Group8(vec4<f32>(vec4<i32>(a)), vec4<f32>(vec4<i32>(b)));
}
