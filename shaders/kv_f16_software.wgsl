// As kv_f16, for adapters that unpack f16 in software, value by value.
// A shift puts sign, exponent and mantissa where f32
// has them, and a power of two makes up for the exponents' different bias. Included.
alias Kv = vec2<u32>;

fn pack_kv(v: vec4<f32>) -> Kv {
    return vec2<u32>(pack2x16float(v.xy), pack2x16float(v.zw));
}

fn unpack_kv(v: Kv) -> vec4<f32> {
    let shifted = bitcast<vec4<i32>>(vec4<u32>(v.x << 16u, v.x, v.y << 16u, v.y)) >> vec4<u32>(3u);
    return bitcast<vec4<f32>>(bitcast<vec4<u32>>(shifted) & vec4<u32>(0x8fffe000u)) * 0x1p112f;
}
