// Eight consecutive elements of a row of weights, before their scale. Included.
struct Eight {
    a: vec4<f32>,
    b: vec4<f32>,
}
