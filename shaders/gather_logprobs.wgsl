// Gathers log-probabilities: results[out] = bits of the log-probability of a token: its logit - log Σ e^logit.
//
// logits: [n, VOCAB] f32; wanted: [count.y] of (row, token, out, -). Grid: x over `wanted`; a thread owns one of them.
//!include logit_row

override VOCAB: u32;
override PIECES: u32;

@group(0) @binding(3) var<storage, read> logits: array<u32>;
@group(0) @binding(4) var<storage, read_write> results: array<u32>;
@group(0) @binding(5) var<storage, read> wanted: array<vec4<u32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= count.y) {
        return;
    }
    let want = wanted[id.x];
    let row = whole(want.x);
    let logit = bitcast<f32>(logits[want.x * VOCAB + want.y]);
    results[want.z] = select(UNSOUND, bitcast<u32>(logit - row.most - log(row.total)), row.sound);
}
