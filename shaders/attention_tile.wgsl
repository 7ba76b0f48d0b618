// Flash attention (online softmax) in tiles.
// out[r, h, :] = softmax(q[r, h, :] · K / √dim) V over the positions 0 ..= position of r's sequence.
//
// q: [n, HEADS · 4 · DIM4] f32. Caches: [blocks, KV_HEADS, BLOCK_LEN, DIM4] entries of four elements; tables[t + i] is
// the i-th block of the sequence whose table starts at t. Grid: x over splits, y over KV heads, z over tiles of ROWS
// rows. A workgroup owns the queries of its rows whose heads share a KV head, ROWS · GROUP of them, each head's rows
// apart. It goes through the positions of its split, POSITIONS at a time: brings K into shared memory, where a thread
// computes the score of one query and one position after the other, then keeps an online softmax; a thread owns one
// entry of some queries' sums and reads V as it lies, coalesced. A tile may span sequences: it goes through one after
// the other, and the rows of the others take no part.
//
// SPLITS = 1: out is [n, HEADS, DIM4], finished. SPLITS > 1 (ROWS = 1): a row's positions are cut into that many equal
// pieces, and out is [n, HEADS, SPLITS, DIM4 + 1]: sums relative to exp(most), then (most, Σ exp(score − most));
// attention_merge puts them together.
//!include $kv
//!const DIM4
//!const BLOCK_LEN
//!const GROUP
//!const ROWS
//!const POSITIONS
//!const SPLITS
//!include kv_splits

override KV_HEADS: u32;

@group(0) @binding(0) var<uniform> count: vec4<u32>;
@group(0) @binding(1) var<storage, read> rows: array<vec4<u32>>; // (token, position, slot, table)
@group(0) @binding(2) var<storage, read> tables: array<u32>;
@group(0) @binding(3) var<storage, read> q: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> keys: array<Kv>;
@group(0) @binding(5) var<storage, read> values: array<Kv>;
@group(0) @binding(6) var<storage, read_write> out: array<vec4<f32>>;

const LANES: u32 = 64u;
const LOWEST: f32 = -3.0e38;
const QUERIES: u32 = ROWS * GROUP;
// Threads of a team own the entries of a query; what is left over only helps to load and to score.
const TEAMS: u32 = LANES / DIM4;
const OWN: u32 = (QUERIES + TEAMS - 1u) / TEAMS;
// Rows of K lie an entry further apart than they are long, so that their beginnings are in different banks.
const STRIDE: u32 = DIM4 + 1u;

var<workgroup> queries: array<vec4<f32>, QUERIES * DIM4>;
var<workgroup> tile: array<Kv, POSITIONS * STRIDE>;
// Scores, then weights.
var<workgroup> scores: array<f32, QUERIES * POSITIONS>;
var<workgroup> shrinks: array<f32, QUERIES>;
var<workgroup> highest: array<f32, QUERIES>;
var<workgroup> totals: array<f32, QUERIES>;

// A query is a row of the tile and a head of the group: its place in q.
fn source(first_row: u32, kv_head: u32, query: u32) -> u32 {
    let row = min(first_row + query / GROUP, count.x - 1u);
    return ((row * KV_HEADS + kv_head) * GROUP + query % GROUP) * DIM4;
}

fn entry(table: u32, kv_head: u32, position: u32) -> u32 {
    let block = tables[table + position / BLOCK_LEN];
    return ((block * KV_HEADS + kv_head) * BLOCK_LEN + position % BLOCK_LEN) * DIM4;
}

fn begin(lane: u32, first_row: u32, kv_head: u32) {
    for (var i = lane; i < QUERIES * DIM4; i += LANES) {
        queries[i] = q[source(first_row, kv_head, i / DIM4) + i % DIM4];
    }
    for (var i = lane; i < QUERIES; i += LANES) {
        highest[i] = LOWEST;
        totals[i] = 0.0;
    }
}

fn load_keys(lane: u32, table: u32, kv_head: u32, first: u32, here: u32) {
    for (var i = lane; i < here * DIM4; i += LANES) {
        let p = i / DIM4;
        tile[p * STRIDE + i % DIM4] = keys[entry(table, kv_head, first + p) + i % DIM4];
    }
}

// Only the queries of the rows `seeing.x .. seeing.y` see these positions, and each only those up to its own.
fn score(lane: u32, first_row: u32, seeing: vec2<u32>, first: u32, here: u32) {
    for (var i = lane; i < QUERIES * POSITIONS; i += LANES) {
        let query = i / POSITIONS;
        let p = i % POSITIONS;
        let row = first_row + query / GROUP;
        var score = LOWEST;
        if (p < here && row >= seeing.x && row < seeing.y && first + p <= rows[row].y) {
            var products = vec4<f32>();
            for (var d = 0u; d < DIM4; d++) {
                products += queries[query * DIM4 + d] * unpack_kv(tile[p * STRIDE + d]);
            }
            score = dot(products, vec4<f32>(inverseSqrt(f32(4u * DIM4))));
        }
        scores[i] = score;
    }
}

fn weigh(lane: u32) {
    for (var query = lane; query < QUERIES; query += LANES) {
        let before = highest[query];
        var most = before;
        for (var p = 0u; p < POSITIONS; p++) {
            most = max(most, scores[query * POSITIONS + p]);
        }
        let shrink = exp(before - most);
        var total = totals[query] * shrink;
        for (var p = 0u; p < POSITIONS; p++) {
            let score = scores[query * POSITIONS + p];
            let weight = select(0.0, exp(score - most), score > LOWEST);
            scores[query * POSITIONS + p] = weight;
            total += weight;
        }
        shrinks[query] = shrink;
        highest[query] = most;
        totals[query] = total;
    }
}

@compute @workgroup_size(LANES)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3<u32>) {
    let kv_head = group.y;
    let first_row = group.z * ROWS;
    let end_row = min(first_row + ROWS, count.x);
    let team = lane / DIM4;
    let own = lane % DIM4;
    begin(lane, first_row, kv_head);
    var sums: array<vec4<f32>, OWN>;

    var row = first_row;
    while (row < end_row) {
        // The next rows of one sequence, which see `length` positions at most.
        let table = rows[row].w;
        let seeing = row;
        var length = 0u;
        while (row < end_row && rows[row].w == table) {
            length = max(length, rows[row].y + 1u);
            row += 1u;
        }
        let span = split_span(length);
        let end = min(length, (group.x + 1u) * span);
        for (var first = group.x * span; first < end; first += POSITIONS) {
            let here = min(POSITIONS, end - first);
            load_keys(lane, table, kv_head, first, here);
            workgroupBarrier();
            score(lane, first_row, vec2<u32>(seeing, row), first, here);
            workgroupBarrier();
            weigh(lane);
            workgroupBarrier();
            for (var j = 0u; j < OWN; j++) {
                sums[j] *= shrinks[min(team + j * TEAMS, QUERIES - 1u)];
            }
            for (var p = 0u; p < here; p++) {
                let value = unpack_kv(values[entry(table, kv_head, first + p) + own]);
                for (var j = 0u; j < OWN; j++) {
                    sums[j] += scores[min(team + j * TEAMS, QUERIES - 1u) * POSITIONS + p] * value;
                }
            }
        }
    }

    for (var j = 0u; j < OWN; j++) {
        let query = team + j * TEAMS;
        if (team < TEAMS && query < QUERIES && first_row + query / GROUP < count.x) {
            let to = source(first_row, kv_head, query);
            if (SPLITS == 1u) {
                out[to + own] = sums[j] / totals[query];
            } else {
                let piece = (to / DIM4 * SPLITS + group.x) * (DIM4 + 1u);
                out[piece + own] = sums[j];
                if (own == 0u) {
                    out[piece + DIM4] = vec4<f32>(highest[query], totals[query], 0.0, 0.0);
                }
            }
        }
    }
}
