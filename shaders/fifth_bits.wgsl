// Bit n of a byte is the fifth bit of element n of eight. Here it is moved to where it belongs in the bytes of two
// words. Included.
fn packed_fifth(bits: u32) -> vec2<u32> {
    let four = vec2<u32>(bits & 15u, (bits >> 4u) & 15u);
    let spread = four | (four << vec2<u32>(7u)) | (four << vec2<u32>(14u)) | (four << vec2<u32>(21u));
    return (spread & vec2<u32>(0x01010101u)) << vec2<u32>(4u);
}
