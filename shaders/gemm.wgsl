// Quantized GEMM for prefill: y[t, r] = Σₖ w[r, k] x[t, k] for many rows of activations. Bound by arithmetic.
//
// w: [ROWS, COLS] quantized, a shard whose rows are FIRST .. FIRST + ROWS of the OUT columns of y.
// x: [n, COLS] f32; y: [n, OUT] f32. Grid: x over tiles of 64 rows of w, y over tiles of 4 · THREADS rows of x. A
// workgroup of 8 · THREADS threads (THREADS is 8 or 16) owns a tile of sums, a thread 8 rows of w × 4 rows of x of it.
// For each 32 columns the workgroup brings both tiles into shared memory, the weights dequantized: once for as many
// products as x has rows there; 12 loads of four elements serve 128 products.
//
// The tiles are [64 rows, 8 fours] and [4 · THREADS rows, 8 fours], 16 KiB together at most. The fours of a row are
// permuted by the row's number: else threads that read the same column of neighbouring rows would all meet in the same
// four banks.
//!const THREADS
//!include group8
//!include $dequant
//!include epilogue

override COLS: u32;
override ROWS: u32;
override FIRST: u32;
override OUT: u32;
override EPILOGUE: u32;

@group(0) @binding(0) var<uniform> count: vec4<u32>;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

var<workgroup> tile_w: array<vec4<f32>, 512>;
var<workgroup> tile_x: array<vec4<f32>, 32u * THREADS>;

fn place(row: u32, four: u32) -> u32 {
    return row * 8u + (four ^ (row & 7u));
}

// The row of w that is a row of the tile: of a gated matrix the tile holds 32 rows of each half. Rows past the end repeat
// the last one, and are not stored.
fn row_of_w(first: u32, row: u32) -> u32 {
    if (EPILOGUE == GATE) {
        return min(first + (row & 31u), ROWS - 1u) + select(0u, ROWS, row >= 32u);
    }
    return min(first + row, ROWS - 1u);
}

// Thread `lane` brings eights of w, from rows 2 · THREADS apart; rows and columns past the end are not used, or zero.
fn load_w(lane: u32, first: u32, column: u32) {
    let k = column / 8u + (lane & 3u);
    for (var row = lane >> 2u; row < 64u; row += 2u * THREADS) {
        var a = vec4<f32>();
        var b = vec4<f32>();
        if (k < COLS / 8u) {
            let at = row_of_w(first, row) * (COLS / 8u) + k;
            let w = group8(at);
            let scale = group_scale(at * 8u / GROUP);
            a = w.a * scale.x + scale.y;
            b = w.b * scale.x + scale.y;
        }
        tile_w[place(row, (lane & 3u) * 2u)] = a;
        tile_w[place(row, (lane & 3u) * 2u + 1u)] = b;
    }
}

// … and 4 fours of x, from rows THREADS apart.
fn load_x(lane: u32, first: u32, column: u32) {
    let k = column / 4u + (lane & 7u);
    for (var row = lane >> 3u; row < 4u * THREADS; row += THREADS) {
        var a = vec4<f32>();
        if (k < COLS / 4u) {
            a = x[min(first + row, count.x - 1u) * (COLS / 4u) + k];
        }
        tile_x[place(row, lane & 7u)] = a;
    }
}

fn products(w0: vec4<f32>, w1: vec4<f32>, w2: vec4<f32>, w3: vec4<f32>, a: vec4<f32>) -> vec4<f32> {
    return vec4<f32>(dot(w0, a), dot(w1, a), dot(w2, a), dot(w3, a));
}

// Stores the sums of four rows 8 apart, and of those 32 further down in the tile.
fn store(token: u32, row: u32, low: vec4<f32>, high: vec4<f32>) {
    if (token >= count.x) {
        return;
    }
    for (var j = 0u; j < 4u; j++) {
        let r = row + 8u * j;
        let at = token * OUT + FIRST + r;
        if (r < ROWS) {
            epilogue(EPILOGUE, at, low[j], high[j]);
        }
        if (EPILOGUE != GATE && r + 32u < ROWS) {
            epilogue(EPILOGUE, at + 32u, high[j], 0.0);
        }
    }
}

@compute @workgroup_size(8u * THREADS)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) tile: vec3<u32>) {
    let first_row = tile.x * select(64u, 32u, EPILOGUE == GATE);
    let first_token = tile.y * (4u * THREADS);
    // The thread's rows are r, r + 8, …, r + 56 of the one tile and t, t + THREADS, … of the other.
    let r = lane & 7u;
    let t = lane >> 3u;
    var low0 = vec4<f32>();
    var low1 = vec4<f32>();
    var low2 = vec4<f32>();
    var low3 = vec4<f32>();
    var high0 = vec4<f32>();
    var high1 = vec4<f32>();
    var high2 = vec4<f32>();
    var high3 = vec4<f32>();
    for (var column = 0u; column < COLS; column += 32u) {
        workgroupBarrier();
        load_w(lane, first_row, column);
        load_x(lane, first_token, column);
        workgroupBarrier();
        for (var four = 0u; four < 8u; four++) {
            let from_w = place(r, four);
            let from_x = place(t, four);
            let x0 = tile_x[from_x];
            let x1 = tile_x[from_x + 8u * THREADS];
            let x2 = tile_x[from_x + 16u * THREADS];
            let x3 = tile_x[from_x + 24u * THREADS];
            let w0 = tile_w[from_w];
            let w1 = tile_w[from_w + 64u];
            let w2 = tile_w[from_w + 128u];
            let w3 = tile_w[from_w + 192u];
            low0 += products(w0, w1, w2, w3, x0);
            low1 += products(w0, w1, w2, w3, x1);
            low2 += products(w0, w1, w2, w3, x2);
            low3 += products(w0, w1, w2, w3, x3);
            let w4 = tile_w[from_w + 256u];
            let w5 = tile_w[from_w + 320u];
            let w6 = tile_w[from_w + 384u];
            let w7 = tile_w[from_w + 448u];
            high0 += products(w4, w5, w6, w7, x0);
            high1 += products(w4, w5, w6, w7, x1);
            high2 += products(w4, w5, w6, w7, x2);
            high3 += products(w4, w5, w6, w7, x3);
        }
    }
    let row = first_row + r;
    let token = first_token + t;
    store(token, row, low0, high0);
    store(token + THREADS, row, low1, high1);
    store(token + 2u * THREADS, row, low2, high2);
    store(token + 3u * THREADS, row, low3, high3);
}
