// MXFP4: w = 2^(e − 128) · float(q), 32 elements a block. Planes: quants, 4 words a block; scales, e, a byte a block. The
// floats are doubled, so that they are whole numbers. Included; see shader.rs for what a dequantizer provides.
@group(0) @binding(8) var<storage, read> quants: array<vec4<u32>>;
@group(0) @binding(9) var<storage, read> scales: array<u32>;
//!include nibbles

const GROUP: u32 = 32u;

// The least two powers are below the normal numbers, which shaders may take for 0: here they are 0 on all adapters.
fn group_scale(group: u32) -> vec2<f32> {
    let e = (scales[group >> 2u] >> (8u * (group & 3u))) & 255u;
    return vec2<f32>(bitcast<f32>((max(e, 1u) - 1u) << 23u), 0.0);
}

// 0, 1, 2, 3, 4, 6, 8, 12, and their negatives.
fn floats(q: vec4<u32>) -> vec4<f32> {
    let word = select(vec4<u32>(0x03020100u), vec4<u32>(0x0c080604u), (q & vec4<u32>(4u)) != vec4<u32>(0u));
    let m = vec4<i32>((word >> ((q & vec4<u32>(3u)) << vec4<u32>(3u))) & vec4<u32>(15u));
    return vec4<f32>(select(m, -m, q >= vec4<u32>(8u)));
}

fn group8(i: u32) -> Group8 {
    let q = quants[i >> 2u][i & 3u];
    return Group8(floats(low_nibbles(q)), floats(high_nibbles(q)));
}
