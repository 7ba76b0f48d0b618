// Flash attention (online softmax) in tiles.
// out[r, h, :] = softmax(SCALE · q[r, h, :] · K) V over the positions of r's sequence up to its own, WINDOW at most; with
// CAP above 0 scores are soft-capped.
//
// q: [n, HEADS · 4 · DIM4] f32. Caches: [blocks, KV_HEADS, BLOCK_LEN, DIM4] entries of four elements; tables[t + i] is
// the i-th block of the sequence whose table starts at t. Heads FIRST … are these KV heads', GROUP each. Grid: x over
// splits, y over KV heads, z over tiles of ROWS rows. A workgroup owns the queries of its rows whose heads share a KV head,
// ROWS · GROUP of them (at most LANES), each head's rows apart. It goes through the positions of its split, POSITIONS at a
// time, in four phases with a barrier between: K comes into shared memory; a thread scores one position for some queries;
// SHARERS threads together keep the online softmax of a query; a thread, which owns one entry of some queries' sums, adds
// V as it lies, coalesced. Loops have fixed lengths, so that a compiler can unroll them and have all their loads under way
// at once: positions past the end repeat the last one, with the weight 0. A tile may span sequences: it goes through one
// after the other, and the rows of the others take no part.
//
// SPLITS = 1: out is [n, HEADS, DIM4], finished. SPLITS > 1 (ROWS = 1): a row's positions are cut into that many equal
// pieces, and out is [n, HEADS, SPLITS, DIM4 + 1]: sums relative to exp(most), then (most, Σ exp(score − most));
// attention_merge puts them together.
//!include $kv
//!include bounded_tanh
//!const DIM4
//!const BLOCK_LEN
//!const GROUP
//!const ROWS
//!const POSITIONS
//!const SHARERS
//!const SPLITS
//!include kv_splits

override HEADS: u32;
override KV_HEADS: u32;
override FIRST: u32;
override SCALE: f32;
override CAP: f32;
override WINDOW: u32;

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
// Queries that are scored side by side, and those that a thread scores.
const BESIDE: u32 = LANES / POSITIONS;
const SCORED: u32 = (QUERIES + BESIDE - 1u) / BESIDE;
// Positions of a tile whose weights a thread computes.
const SHARE: u32 = POSITIONS / SHARERS;
// Threads of a team own the entries of a query; what is left over only helps to load and to score.
const TEAMS: u32 = LANES / DIM4;
const OWN: u32 = (QUERIES + TEAMS - 1u) / TEAMS;
// Rows of K lie an entry further apart than they are long, so that their beginnings are in different banks.
const STRIDE: u32 = DIM4 + 1u;
const LOADS: u32 = (POSITIONS * DIM4 + LANES - 1u) / LANES;

var<workgroup> queries: array<vec4<f32>, QUERIES * DIM4>;
var<workgroup> tile: array<Kv, POSITIONS * STRIDE>;
// Scores, then weights.
var<workgroup> scores: array<f32, QUERIES * POSITIONS>;
var<workgroup> shrinks: array<f32, QUERIES>;
// What each thread that shares a query has found: the largest of its scores, in the end its part of the total.
var<workgroup> parts: array<f32, LANES>;
var<workgroup> highest: array<f32, QUERIES>;

// A query is a row of the tile and a head of the group: its place in q.
fn source(first_row: u32, kv_head: u32, query: u32) -> u32 {
    let row = min(first_row + query / GROUP, count.x - 1u);
    return (row * HEADS + FIRST + kv_head * GROUP + query % GROUP) * DIM4;
}

// The first position that a row at `position` sees.
fn first_seen(position: u32) -> u32 {
    return position + 1u - min(position + 1u, WINDOW);
}

fn entry(table: u32, kv_head: u32, position: u32) -> u32 {
    let block = tables[table + position / BLOCK_LEN];
    return ((block * KV_HEADS + kv_head) * BLOCK_LEN + position % BLOCK_LEN) * DIM4;
}

fn load_queries(lane: u32, first_row: u32, kv_head: u32) {
    for (var i = lane; i < QUERIES * DIM4; i += LANES) {
        queries[i] = q[source(first_row, kv_head, i / DIM4) + i % DIM4];
    }
}

// The positions `first ..= last`.
fn load_keys(lane: u32, table: u32, kv_head: u32, first: u32, last: u32) {
    for (var j = 0u; j < LOADS; j++) {
        let i = lane + j * LANES;
        if (i < POSITIONS * DIM4) {
            let p = i / DIM4;
            tile[p * STRIDE + i % DIM4] = keys[entry(table, kv_head, min(first + p, last)) + i % DIM4];
        }
    }
}

// Only the queries of the rows `seeing.x .. seeing.y` see these positions, and each only those up to its own.
fn score(lane: u32, first_row: u32, seeing: vec2<u32>, first: u32, last: u32) {
    let p = lane % POSITIONS;
    let beside = lane / POSITIONS;
    var products: array<vec4<f32>, SCORED>;
    for (var d = 0u; d < DIM4; d++) {
        let key = unpack_kv(tile[p * STRIDE + d]);
        for (var j = 0u; j < SCORED; j++) {
            products[j] = fma(queries[min(beside + j * BESIDE, QUERIES - 1u) * DIM4 + d], key, products[j]);
        }
    }
    for (var j = 0u; j < SCORED; j++) {
        let query = beside + j * BESIDE;
        if (query < QUERIES) {
            let row = first_row + query / GROUP;
            let position = first + p;
            let inside = position <= min(last, rows[row].y) && position + WINDOW > rows[row].y;
            let seen = row >= seeing.x && row < seeing.y && inside;
            var score = dot(products[j], vec4<f32>(SCALE));
            if (CAP > 0.0) {
                score = soft_capped(vec4<f32>(score), CAP).x;
            }
            scores[query * POSITIONS + p] = select(LOWEST, score, seen);
        }
    }
}

fn largest_share(query: u32, share: u32) -> f32 {
    var most = LOWEST;
    for (var i = 0u; i < SHARE; i++) {
        most = max(most, scores[query * POSITIONS + share + i * SHARERS]);
    }
    return most;
}

// Turns a thread's share of a query's scores into weights relative to exp(most), and returns their sum.
fn weigh_share(query: u32, share: u32, most: f32) -> f32 {
    var total = 0.0;
    for (var i = 0u; i < SHARE; i++) {
        let at = query * POSITIONS + share + i * SHARERS;
        let score = scores[at];
        let weight = select(0.0, exp(score - most), score > LOWEST);
        scores[at] = weight;
        total += weight;
    }
    return total;
}

@compute @workgroup_size(LANES)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3<u32>) {
    let kv_head = group.y;
    let first_row = group.z * ROWS;
    let end_row = min(first_row + ROWS, count.x);
    let team = lane / DIM4;
    let own = lane % DIM4;
    let query = lane / SHARERS;
    let share = lane % SHARERS;
    load_queries(lane, first_row, kv_head);
    var most = LOWEST;
    var total = 0.0;
    var sums: array<vec4<f32>, OWN>;

    var row = first_row;
    while (row < end_row) {
        // The next rows of one sequence, which see the positions from `start` to `length` at most.
        let table = rows[row].w;
        let seeing = row;
        var length = 0u;
        var start = rows[row].y;
        while (row < end_row && rows[row].w == table) {
            length = max(length, rows[row].y + 1u);
            start = min(start, first_seen(rows[row].y));
            row += 1u;
        }
        let span = split_span(length - start);
        let end = min(length, start + (group.x + 1u) * span);
        for (var first = start + group.x * span; first < end; first += POSITIONS) {
            load_keys(lane, table, kv_head, first, end - 1u);
            workgroupBarrier();
            score(lane, first_row, vec2<u32>(seeing, row), first, end - 1u);
            workgroupBarrier();
            if (query < QUERIES) {
                parts[lane] = largest_share(query, share);
            }
            workgroupBarrier();
            if (query < QUERIES) {
                let before = most;
                for (var i = 0u; i < SHARERS; i++) {
                    most = max(most, parts[query * SHARERS + i]);
                }
                let shrink = exp(before - most);
                total = total * shrink + weigh_share(query, share, most);
                if (share == 0u) {
                    shrinks[query] = shrink;
                }
            }
            workgroupBarrier();
            for (var j = 0u; j < OWN; j++) {
                sums[j] *= shrinks[min(team + j * TEAMS, QUERIES - 1u)];
            }
            for (var p = 0u; p < POSITIONS; p += 4u) {
                let at = first + vec4<u32>(p, p + 1u, p + 2u, p + 3u);
                let v0 = unpack_kv(values[entry(table, kv_head, min(at.x, end - 1u)) + own]);
                let v1 = unpack_kv(values[entry(table, kv_head, min(at.y, end - 1u)) + own]);
                let v2 = unpack_kv(values[entry(table, kv_head, min(at.z, end - 1u)) + own]);
                let v3 = unpack_kv(values[entry(table, kv_head, min(at.w, end - 1u)) + own]);
                for (var j = 0u; j < OWN; j++) {
                    let w = min(team + j * TEAMS, QUERIES - 1u) * POSITIONS + p;
                    sums[j] = fma(vec4<f32>(scores[w]), v0, sums[j]);
                    sums[j] = fma(vec4<f32>(scores[w + 1u]), v1, sums[j]);
                    sums[j] = fma(vec4<f32>(scores[w + 2u]), v2, sums[j]);
                    sums[j] = fma(vec4<f32>(scores[w + 3u]), v3, sums[j]);
                }
            }
        }
    }

    if (query < QUERIES) {
        parts[lane] = total;
        if (share == 0u) {
            highest[query] = most;
        }
    }
    workgroupBarrier();
    for (var j = 0u; j < OWN; j++) {
        let query = team + j * TEAMS;
        if (team < TEAMS && query < QUERIES && first_row + query / GROUP < count.x) {
            var total = 0.0;
            for (var i = 0u; i < SHARERS; i++) {
                total += parts[query * SHARERS + i];
            }
            let to = source(first_row, kv_head, query);
            if (SPLITS == 1u) {
                out[to + own] = sums[j] / total;
            } else {
                let piece = (to / DIM4 * SPLITS + group.x) * (DIM4 + 1u);
                out[piece + own] = sums[j];
                if (own == 0u) {
                    out[piece + DIM4] = vec4<f32>(highest[query], total, 0.0, 0.0);
                }
            }
        }
    }
}
