// Quants of the IQ2 types: a point of 8, 25 and 43, with signs. Included.
//!include grid
//!include grid_signs
fn iq2_magnitudes(level: vec4<u32>) -> vec4<u32> {
    return level * 17u + (level >> vec4<u32>(1u)) + 8u;
}

fn signed_eight(index: u32, signs: u32) -> Group8 {
    let code = grid_code(index);
    let a = iq2_magnitudes(four_of_eight(code));
    let b = iq2_magnitudes(four_of_eight(code >> 8u));
    return Group8(with_signs(a, signs), with_signs(b, signs >> 4u));
}
