// The scales of Q4_K and Q5_K: w = d·s q − dmin·m, where s and m are 6-bit numbers for each 32 of 256 elements. A
// superblock's four words: (d, dmin) as f16; the low 4 bits of the eight s; of the eight m; the high 2 bits of s, then
// of m. Included.
@group(0) @binding(9) var<storage, read> scales: array<vec4<u32>>;

const GROUP: u32 = 32u;

fn group_scale(group: u32) -> vec2<f32> {
    let words = scales[group >> 3u];
    let d = unpack2x16float(words.x);
    let j = group & 7u;
    let s = ((words.y >> (4u * j)) & 15u) | (((words.w >> (2u * j)) & 3u) << 4u);
    let m = ((words.z >> (4u * j)) & 15u) | (((words.w >> (16u + 2u * j)) & 3u) << 4u);
    return vec2<f32>(d.x * f32(s), -d.y * f32(m));
}
