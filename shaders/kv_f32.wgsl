// A KV cache in f32, four elements an entry. Included.
alias Kv = vec4<f32>;

fn pack_kv(v: vec4<f32>) -> Kv {
    return v;
}

fn unpack_kv(v: Kv) -> vec4<f32> {
    return v;
}
