// Logits as unsigned keys that order as they do: comparing them is exact, and NaN, which an implementation may assume
// away, is above all others. Both zeros have the same key.
const NOT_A_NUMBER: u32 = 0xffffffffu;
const POSITIVE_INFINITY: u32 = 0xff800000u;
const NEGATIVE_INFINITY: u32 = 0x007fffffu;

fn key_of(bits: u32) -> u32 {
    let magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u) {
        return NOT_A_NUMBER;
    }
    return select(bits | 0x80000000u, ~bits, bits > 0x80000000u);
}

fn value_of(key: u32) -> f32 {
    return bitcast<f32>(select(~key, key & 0x7fffffffu, key >= 0x80000000u));
}

// Of (key, id): the larger logit comes first, of equals the lower id.
fn before(a: vec2<u32>, b: vec2<u32>) -> bool {
    return a.x > b.x || (a.x == b.x && a.y < b.y);
}

// e^difference, for a difference of 0 or less; nothing where that is too small to count.
fn share(difference: f32) -> f32 {
    return select(exp(difference), 0.0, difference < -80.0);
}
