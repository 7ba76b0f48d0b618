// Quants of the IQ3 types: two points of four levels each, with signs. What the levels stand for is `iq3_magnitudes` of
// the type. Included.
//!include grid
//!include grid_signs
fn signed_four(index: u32, signs: u32) -> vec4<f32> {
    let levels = (vec4<u32>(grid_code(index)) >> vec4<u32>(0u, 3u, 6u, 9u)) & vec4<u32>(7u);
    return with_signs(iq3_magnitudes(levels), signs);
}
