// Quantized GEMM for prefill: y[t, r] = Σₖ w[r, k] x[t, k] for many rows of activations. Bound by arithmetic.
//
// w: [ROWS, COLS] quantized, a shard whose rows are FIRST .. FIRST + ROWS of the OUT columns of y.
// x: [n, COLS] f32; y: [n, OUT] f32. Grid: x over tiles of 64 rows of w, y over tiles of PER_THREAD · THREADS rows of x. A
// workgroup of 8 · THREADS threads owns a tile of sums, a thread 8 rows of w × PER_THREAD rows of x of it. For each 16
// columns the workgroup brings both tiles into shared memory, the weights dequantized: once for as many products as x has
// rows there. With PER_THREAD 8, 16 loads of four elements serve 256 products.
//
// The tiles are [64 rows, 4 fours] and [PER_THREAD · THREADS rows, 4 fours], 12 KiB together at most. The fours of a row
// are permuted by the row's number: else threads that read the same column of neighbouring rows would meet in the same
// banks.
//!const THREADS
//!const PER_THREAD
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

const TOKENS: u32 = PER_THREAD * THREADS;

var<workgroup> tile_w: array<vec4<f32>, 256>;
var<workgroup> tile_x: array<vec4<f32>, 4u * TOKENS>;

fn place(row: u32, four: u32) -> u32 {
    return row * 4u + (four ^ ((row >> 1u) & 3u));
}

// The row of w that is a row of the tile: of a gated matrix the tile holds 32 rows of each half. Rows past the end repeat
// the last one, and are not stored.
fn row_of_w(first: u32, row: u32) -> u32 {
    if (is_gated(EPILOGUE)) {
        return min(first + (row & 31u), ROWS - 1u) + select(0u, ROWS, row >= 32u);
    }
    return min(first + row, ROWS - 1u);
}

// Threads bring groups of 8 of w, two of each row; columns past the end are zero.
fn load_w(lane: u32, first: u32, column: u32) {
    for (var i = lane; i < 128u; i += 8u * THREADS) {
        let row = i >> 1u;
        let half = i & 1u;
        let k = column / 8u + half;
        var a = vec4<f32>();
        var b = vec4<f32>();
        if (k < COLS / 8u) {
            let at = row_of_w(first, row) * (COLS / 8u) + k;
            let w = group8(at);
            let scale = group_scale(at * 8u / GROUP);
            a = fma(w.a, vec4<f32>(scale.x), vec4<f32>(scale.y));
            b = fma(w.b, vec4<f32>(scale.x), vec4<f32>(scale.y));
        }
        tile_w[place(row, half * 2u)] = a;
        tile_w[place(row, half * 2u + 1u)] = b;
    }
}

// … and fours of x.
fn load_x(lane: u32, first: u32, column: u32) {
    for (var i = lane; i < 4u * TOKENS; i += 8u * THREADS) {
        let row = i >> 2u;
        let k = column / 4u + (i & 3u);
        var a = vec4<f32>();
        if (k < COLS / 4u) {
            a = x[min(first + row, count.x - 1u) * (COLS / 4u) + k];
        }
        tile_x[place(row, i & 3u)] = a;
    }
}

// Products of four rows of w and a row of x, added to their sums. One instruction each: a dot product would need one more
// to add it.
fn add(sums: vec4<f32>, w0: vec4<f32>, w1: vec4<f32>, w2: vec4<f32>, w3: vec4<f32>, a: vec4<f32>) -> vec4<f32> {
    let first = fma(vec4<f32>(w0.x, w1.x, w2.x, w3.x), a.xxxx, sums);
    let second = fma(vec4<f32>(w0.y, w1.y, w2.y, w3.y), a.yyyy, first);
    let third = fma(vec4<f32>(w0.z, w1.z, w2.z, w3.z), a.zzzz, second);
    return fma(vec4<f32>(w0.w, w1.w, w2.w, w3.w), a.wwww, third);
}

// Stores the sums of four rows 8 apart, and of those 32 further down in the tile.
fn store(token: u32, row: u32, low: vec4<f32>, high: vec4<f32>) {
    if (token >= count.x) {
        return;
    }
    for (var j = 0u; j < 4u; j++) {
        let r = row + 8u * j;
        let column = FIRST + r;
        let at = token * OUT + column;
        if (r < ROWS) {
            epilogue(EPILOGUE, at, column, low[j], high[j]);
        }
        if (!is_gated(EPILOGUE) && r + 32u < ROWS) {
            epilogue(EPILOGUE, at + 32u, column + 32u, high[j], 0.0);
        }
    }
}

@compute @workgroup_size(8u * THREADS)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) tile: vec3<u32>) {
    let first_row = tile.x * select(64u, 32u, is_gated(EPILOGUE));
    let first_token = tile.y * TOKENS;
    // The thread's rows are r, r + 8, …, r + 56 of the one tile and t, t + THREADS, … of the other.
    let r = lane & 7u;
    let t = lane >> 3u;
    var low: array<vec4<f32>, PER_THREAD>;
    var high: array<vec4<f32>, PER_THREAD>;
    for (var column = 0u; column < COLS; column += 16u) {
        workgroupBarrier();
        load_w(lane, first_row, column);
        load_x(lane, first_token, column);
        workgroupBarrier();
        for (var four = 0u; four < 4u; four++) {
            let from_w = place(r, four);
            let w0 = tile_w[from_w];
            let w1 = tile_w[from_w + 32u];
            let w2 = tile_w[from_w + 64u];
            let w3 = tile_w[from_w + 96u];
            let w4 = tile_w[from_w + 128u];
            let w5 = tile_w[from_w + 160u];
            let w6 = tile_w[from_w + 192u];
            let w7 = tile_w[from_w + 224u];
            let from_x = place(t, four);
            for (var i = 0u; i < PER_THREAD; i++) {
                let a = tile_x[from_x + 4u * THREADS * i];
                low[i] = add(low[i], w0, w1, w2, w3, a);
                high[i] = add(high[i], w4, w5, w6, w7, a);
            }
        }
    }
    for (var i = 0u; i < PER_THREAD; i++) {
        store(first_token + t + THREADS * i, first_row + r, low[i], high[i]);
    }
}
