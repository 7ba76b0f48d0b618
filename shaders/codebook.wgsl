// The codebook of the IQ4 types: sixteen levels, signed bytes in four words, looked up for four quants at once: arrays
// with a computed index are slow on many adapters. Included.
fn levels(q: vec4<u32>) -> vec4<f32> {
    let odd = (q & vec4<u32>(4u)) != vec4<u32>(0u);
    let lower = select(vec4<u32>(0xbfad9881u), vec4<u32>(0xf6eaddcfu), odd); // -127 -104 -83 -65, -49 -35 -22 -10
    let upper = select(vec4<u32>(0x26190d01u), vec4<u32>(0x71594535u), odd); // 1 13 25 38, 53 69 89 113
    let word = select(lower, upper, q >= vec4<u32>(8u));
    let shift = vec4<u32>(24u) - ((q & vec4<u32>(3u)) << vec4<u32>(3u));
    return vec4<f32>(vec4<i32>(word << shift) >> vec4<u32>(24u));
}
