// Signs of the IQ2 and IQ3 types, a bit for each weight. Included.

// Eight signs from seven: their number is even.
fn even_signs(signs: u32) -> u32 {
    let seven = signs & 127u;
    return seven | ((countOneBits(seven) & 1u) << 7u);
}

fn with_signs(magnitudes: vec4<u32>, signs: u32) -> vec4<f32> {
    let negative = (vec4<u32>(signs) & vec4<u32>(1u, 2u, 4u, 8u)) != vec4<u32>(0u);
    let m = vec4<i32>(magnitudes);
    return vec4<f32>(select(m, -m, negative));
}
