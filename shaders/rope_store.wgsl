// Fused RoPE and KV cache write.
// Rotates Q and K by the row's position (see rope.wgsl), and stores K and V at the row's slot.
//
// q, k, v: columns X_FIRST … of rows of X_STRIDE f32, perhaps of one buffer. turned: [n, Q_COLS] f32, the rotated Q.
// Caches: [blocks, KV_HEADS, BLOCK_LEN, DIM4] entries of four elements. rotations: [n, HALF] of (cos, sin).
// Grid: x over fours of Q, then of K, y over rows; a thread owns four elements of Q, or four of K and of V.
//!include $kv

override Q_COLS: u32;
override Q_FIRST: u32;
override Q_STRIDE: u32;
override K_FIRST: u32;
override K_STRIDE: u32;
override V_FIRST: u32;
override V_STRIDE: u32;
override HALF: u32;
override HALVES: bool;
override DIM: u32;
override DIM4: u32;
override KV_HEADS: u32;
override BLOCK_LEN: u32;

@group(0) @binding(0) var<uniform> count: vec4<u32>;
@group(0) @binding(1) var<storage, read> rows: array<vec4<u32>>; // (token, position, slot, table)
@group(0) @binding(2) var<storage, read> rotations: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read> q: array<f32>;
@group(0) @binding(4) var<storage, read> k: array<f32>;
@group(0) @binding(5) var<storage, read> v: array<f32>;
@group(0) @binding(6) var<storage, read_write> turned: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> keys: array<Kv>;
@group(0) @binding(8) var<storage, read_write> values: array<Kv>;

// How element `at` of a row is rotated: with which other element, by which angle, and whether it is the pair's second.
struct Turn {
    partner: u32,
    rotation: vec2<f32>,
    second: bool,
}

fn turn(row: u32, at: u32) -> Turn {
    let i = at % DIM;
    if (i >= 2u * HALF) {
        return Turn(at, vec2<f32>(1.0, 0.0), false);
    }
    let pair = select(i / 2u, i % HALF, HALVES);
    let second = select((i & 1u) == 1u, i >= HALF, HALVES);
    let apart = select(1u, HALF, HALVES);
    return Turn(select(at + apart, at - apart, second), rotations[row * HALF + pair], second);
}

// (a, b) → (a cos − b sin, a sin + b cos).
fn rotated(t: Turn, own: f32, partner: f32) -> f32 {
    return own * t.rotation.x + select(-partner, partner, t.second) * t.rotation.y;
}

fn rotated_q(row: u32, at: u32) -> f32 {
    let t = turn(row, at);
    let start = row * Q_STRIDE + Q_FIRST;
    return rotated(t, q[start + at], q[start + t.partner]);
}

fn rotated_k(row: u32, at: u32) -> f32 {
    let t = turn(row, at);
    let start = row * K_STRIDE + K_FIRST;
    return rotated(t, k[start + at], k[start + t.partner]);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let row = id.y;
    if (id.x >= Q_COLS / 4u + KV_HEADS * DIM4 || row >= count.x) {
        return;
    }
    if (id.x < Q_COLS / 4u) {
        let at = 4u * id.x;
        turned[row * (Q_COLS / 4u) + id.x] =
            vec4<f32>(rotated_q(row, at), rotated_q(row, at + 1u), rotated_q(row, at + 2u), rotated_q(row, at + 3u));
        return;
    }
    let e = id.x - Q_COLS / 4u;
    let at = 4u * e;
    let slot = rows[row].z;
    let head = e / DIM4;
    let entry = ((slot / BLOCK_LEN * KV_HEADS + head) * BLOCK_LEN + slot % BLOCK_LEN) * DIM4 + e % DIM4;
    keys[entry] = pack_kv(
        vec4<f32>(rotated_k(row, at), rotated_k(row, at + 1u), rotated_k(row, at + 2u), rotated_k(row, at + 3u)),
    );
    let first = row * V_STRIDE + V_FIRST + at;
    values[entry] = pack_kv(vec4<f32>(v[first], v[first + 1u], v[first + 2u], v[first + 3u]));
}
