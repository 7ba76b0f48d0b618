// Logit soft-capping: cap · tanh(x / cap). Included.
// Adapters compute tanh from exponentials, which overflow for large arguments; from 15 on tanh is 1 in f32.
fn soft_capped(x: vec4<f32>, cap: f32) -> vec4<f32> {
    return cap * tanh(clamp(x / cap, vec4<f32>(-15.0), vec4<f32>(15.0)));
}
