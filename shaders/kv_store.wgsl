// KV cache write: stores K and V of some KV heads of each row at the row's slot.
//
// k, v: [n, STRIDE] fours of f32, of which the heads' are from FIRST on. Caches: [blocks, KV_HEADS, BLOCK_LEN, DIM4] entries of four elements.
// Grid: x over the heads' entries of a row, y over rows; a thread owns an entry of K and of V.
//!include $kv

override DIM4: u32;
override KV_HEADS: u32;
override FIRST: u32;
override STRIDE: u32;
override BLOCK_LEN: u32;

@group(0) @binding(0) var<uniform> count: vec4<u32>;
@group(0) @binding(1) var<storage, read> rows: array<vec4<u32>>; // (token, position, slot, table)
@group(0) @binding(2) var<storage, read> k: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> v: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> keys: array<Kv>;
@group(0) @binding(5) var<storage, read_write> values: array<Kv>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= KV_HEADS * DIM4 || id.y >= count.x) {
        return;
    }
    let slot = rows[id.y].z;
    let head = id.x / DIM4;
    let entry = ((slot / BLOCK_LEN * KV_HEADS + head) * BLOCK_LEN + slot % BLOCK_LEN) * DIM4 + id.x % DIM4;
    let source = id.y * STRIDE + FIRST + id.x;
    keys[entry] = pack_kv(k[source]);
    values[entry] = pack_kv(v[source]);
}
