// A group of eight consecutive weights of a row, before their scale. Included.
struct Group8 {
    a: vec4<f32>,
    b: vec4<f32>,
}
