// IQ1_M: w = d (2 s + 1) (point ± 1/8), 256 elements a superblock, s for each 16, the sign for each 8. Planes: quants, the
// low byte of an index for eight elements; high, 6 words: a nibble for eight elements, three more bits of the index and
// whether the sign is negative; then four half words of four s, 3 bits each, and four bits of d as f16.
// Included; see shader.rs for what a dequantizer provides.
@group(0) @binding(8) var<storage, read> quants: array<u32>;
@group(0) @binding(10) var<storage, read> high: array<u32>;
//!include grid_iq1

const GROUP: u32 = 16u;

fn group_scale(group: u32) -> vec2<f32> {
    let record = (group >> 4u) * 6u + 4u;
    let words = vec2<u32>(high[record], high[record + 1u]);
    let nibbles = vec4<u32>(words.x >> 12u, words.x >> 28u, words.y >> 12u, words.y >> 28u) & vec4<u32>(15u);
    let d = unpack2x16float(nibbles.x | (nibbles.y << 4u) | (nibbles.z << 8u) | (nibbles.w << 12u)).x;
    let word = select(words.x, words.y, (group & 8u) != 0u);
    let s = (word >> (((group >> 2u) & 1u) * 16u + (group & 3u) * 3u)) & 7u;
    return vec2<f32>(d * 0.125 * f32(2u * s + 1u), 0.0);
}

fn group8(i: u32) -> Group8 {
    let low = (quants[i >> 2u] >> (8u * (i & 3u))) & 255u;
    let rest = high[(i >> 5u) * 6u + ((i >> 3u) & 3u)] >> (4u * (i & 7u));
    return shifted_eight(low | ((rest & 7u) << 8u), (rest >> 3u) & 1u);
}
