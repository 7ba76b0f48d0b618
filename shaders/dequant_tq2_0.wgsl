// TQ2_0: w = d (q − 1), 256 elements a block. Planes: quants, 16 bits for eight elements; scales, d as f16, two blocks a
// word. Included; see shader.rs for what a dequantizer provides.
@group(0) @binding(8) var<storage, read> quants: array<u32>;
//!include block_d

const GROUP: u32 = 32u;

fn group_scale(group: u32) -> vec2<f32> {
    let d = block_d(group >> 3u);
    return vec2<f32>(d, -d);
}

fn group8(i: u32) -> Group8 {
    let q = vec4<u32>(quants[i >> 1u] >> ((i & 1u) * 16u));
    let a = (q >> vec4<u32>(0u, 2u, 4u, 6u)) & vec4<u32>(3u);
    let b = (q >> vec4<u32>(8u, 10u, 12u, 14u)) & vec4<u32>(3u);
    return Group8(vec4<f32>(vec4<i32>(a)), vec4<f32>(vec4<i32>(b)));
}
