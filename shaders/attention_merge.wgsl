// Flash attention, reduction over KV splits (flash decoding): merges the partial results of attention_tile or
// attention_thread. Split s is relative to exp(mₛ); out = Σₛ exp(mₛ − m) sumsₛ / Σₛ exp(mₛ − m) totalₛ, where m is the
// greatest mₛ.
//
// pieces: [n, HEADS, SPLITS, DIM4 + 1], the last of each (mₛ, totalₛ); those past the row's positions hold nothing.
// out: [n, HEADS, DIM4]. Grid: x over entries of a row, y over rows; a thread owns an entry.
//!const DIM4
//!const POSITIONS
//!const SPLITS
//!include kv_splits

override HEADS: u32;
override WINDOW: u32;

@group(0) @binding(0) var<uniform> count: vec4<u32>;
@group(0) @binding(1) var<storage, read> rows: array<vec4<u32>>; // (token, position, slot, table)
@group(0) @binding(2) var<storage, read> pieces: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> out: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= HEADS * DIM4 || id.y >= count.x) {
        return;
    }
    let length = min(rows[id.y].y + 1u, WINDOW);
    let span = split_span(length);
    let used = (length + span - 1u) / span;
    let first = (id.y * HEADS + id.x / DIM4) * SPLITS * (DIM4 + 1u);
    var most = pieces[first + DIM4].x;
    for (var s = 1u; s < used; s++) {
        most = max(most, pieces[first + s * (DIM4 + 1u) + DIM4].x);
    }
    var sum = vec4<f32>();
    var total = 0.0;
    for (var s = 0u; s < used; s++) {
        let piece = first + s * (DIM4 + 1u);
        let ends = pieces[piece + DIM4];
        let scale = exp(ends.x - most);
        sum += scale * pieces[piece + id.x % DIM4];
        total += scale * ends.y;
    }
    out[id.y * (HEADS * DIM4) + id.x] = sum / total;
}
