// Embedding lookup (get rows): y[r, :] = table[token of row r, :], dequantized.
//
// table: [vocab, COLS] in shards; this dispatch serves the rows FIRST .. FIRST + ROWS of it, others leave y as it is.
// y: [rows, COLS] f32. Grid: x over groups of eight of a row, y over the step's rows; a thread owns eight elements.
//!include group8
//!include $dequant

override COLS: u32;
override FIRST: u32;
override ROWS: u32;

@group(0) @binding(0) var<uniform> count: vec4<u32>;
@group(0) @binding(1) var<storage, read> rows: array<vec4<u32>>; // (token, position, slot, table)
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= COLS / 8u || id.y >= count.x) {
        return;
    }
    let token = rows[id.y].x;
    if (token < FIRST || token >= FIRST + ROWS) {
        return;
    }
    let at = (token - FIRST) * (COLS / 8u) + id.x;
    let w = group8(at);
    let scale = group_scale(at * 8u / GROUP);
    let out = (id.y * (COLS / 8u) + id.x) * 2u;
    y[out] = w.a * scale.x + scale.y;
    y[out + 1u] = w.b * scale.x + scale.y;
}
