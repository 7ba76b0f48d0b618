// TQ1_0: w = d (q − 1) with q of 0, 1 and 2, 256 elements a block. Planes: quants, 13 words, whose bytes hold five digits
// of base 3 each (the last word's four): digit n of the first 32 bytes is that of elements 32 n and following, of the next
// 16 bytes of elements 160 + 16 n, of the last four of 240 + 4 n; scales, d as f16, two blocks a word.
// Included; see shader.rs for what a dequantizer provides.
@group(0) @binding(8) var<storage, read> quants: array<u32>;
//!include block_d

const GROUP: u32 = 32u;

fn group_scale(group: u32) -> vec2<f32> {
    let d = block_d(group >> 3u);
    return vec2<f32>(d, -d);
}

// A byte is a fraction of 256: times a power of three, what overflows a byte are the digits before, and times three more
// the digit itself.
fn digits(word: u32, n: u32) -> vec4<f32> {
    let power = select(0x1b090301u >> (8u * (n & 3u)), 81u, n == 4u) & 255u;
    let bytes = (vec4<u32>(word) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(255u);
    let fraction = (bytes * power) & vec4<u32>(255u);
    return vec4<f32>(vec4<i32>((fraction * 3u) >> vec4<u32>(8u)));
}

fn group8(i: u32) -> Group8 {
    let e = i & 31u;
    // The last sixteen elements are two digits of a word; others are a digit of two.
    let last = select(0u, 1u, e >= 30u);
    let late = e >= 20u;
    let word = select(select(2u * (e & 3u), 8u + 2u * (e & 1u), late), 12u, last == 1u);
    let digit = select(select(e >> 2u, (e - 20u) >> 1u, late), 2u * (e & 1u), last == 1u);
    let at = (i >> 5u) * 13u + word;
    return Group8(digits(quants[at], digit), digits(quants[at + 1u - last], digit + last));
}
