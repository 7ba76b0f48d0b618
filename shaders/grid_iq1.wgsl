// Quants of the IQ1 types: eight times a point of −1, 0 and 1, plus 1, or minus 1 if `down` is set. Included.
//!include grid
fn shifted_eight(index: u32, down: u32) -> Group8 {
    let code = grid_code(index);
    let offset = vec4<i32>(-7 - 2 * i32(down));
    let a = vec4<i32>(four_of_eight(code)) * 8 + offset;
    let b = vec4<i32>(four_of_eight(code >> 8u)) * 8 + offset;
    return Group8(vec4<f32>(a), vec4<f32>(b));
}
