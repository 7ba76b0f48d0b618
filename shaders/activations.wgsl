// Activations of gated MLPs. Included.
// GELU (tanh approximation): x/2 (1 + tanh z) = x − x / (1 + e²ᶻ), where z = √(2/π) (x + 0.044715 x³).
fn gelu(x: vec4<f32>) -> vec4<f32> {
    let z = 0.7978846 * x * (1.0 + 0.044715 * x * x);
    // e⁸⁰ is within reach of f32, and far more than 1.
    return x - x / (1.0 + exp(min(2.0 * z, vec4<f32>(80.0))));
}

// SiLU: x / (1 + e⁻ˣ).
fn silu(x: vec4<f32>) -> vec4<f32> {
    return x / (1.0 + exp(-x));
}
