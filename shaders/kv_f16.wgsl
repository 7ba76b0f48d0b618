// A KV cache in f16, four elements an entry, packed in words so that no adapter has to know f16. Included.
alias Kv = vec2<u32>;

fn pack_kv(v: vec4<f32>) -> Kv {
    return vec2<u32>(pack2x16float(v.xy), pack2x16float(v.zw));
}

fn unpack_kv(v: Kv) -> vec4<f32> {
    return vec4<f32>(unpack2x16float(v.x), unpack2x16float(v.y));
}
