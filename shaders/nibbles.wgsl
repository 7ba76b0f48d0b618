// Eight unsigned 4-bit quants in a word.
// Element e is the low half of byte e, element 4 + e its high half. Who wants them
// as f32 goes by way of i32: a CPU converts signed integers in one instruction, unsigned ones in five. Included.
fn low_nibbles(q: u32) -> vec4<u32> {
    return (vec4<u32>(q) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(15u);
}

fn high_nibbles(q: u32) -> vec4<u32> {
    return (vec4<u32>(q) >> vec4<u32>(4u, 12u, 20u, 28u)) & vec4<u32>(15u);
}

// As bytes of two words, in order.
fn packed_nibbles(q: u32) -> vec2<u32> {
    return vec2<u32>(q, q >> 4u) & vec2<u32>(0x0f0f0f0fu);
}
