// Quantized GEMM in register tiles, without barriers, for software adapters: y[t, r] = Σₖ w[r, k] x[t, k].
//
// w: [rows, cols] quantized, a shard whose rows are first .. first + rows of the columns of y (see shape.wgsl). x: [n,
// cols] f32, with room for n rounded up to 8; y: [n, out] f32. Grid: x over tiles of 64 rows of w, y over tiles of 8
// rows of x. A thread owns a tile of 8 × 8 sums: a weight is dequantized once for 8 products, an activation loaded once
// for 8. A software adapter pays for each load in each lane, and for each variable that a loop carries in each round:
// hence so large a tile, and a round for a whole group of weights.
//!include group8
//!include $dequant
//!include shape
//!include epilogue

@group(0) @binding(0) var<uniform> count: vec4<u32>;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

// Eight elements of each of four rows of w.
struct Groups {
    w0: Group8,
    w1: Group8,
    w2: Group8,
    w3: Group8,
}

// What the tile's rows of w sum up to with one row of x.
struct Sums {
    low: vec4<f32>,
    high: vec4<f32>,
}

// The same for each of the tile's rows of x.
struct Tile {
    y0: Sums,
    y1: Sums,
    y2: Sums,
    y3: Sums,
    y4: Sums,
    y5: Sums,
    y6: Sums,
    y7: Sums,
}

fn scaled(i: u32, scale: vec2<f32>) -> Group8 {
    let e = group8(i);
    return Group8(e.a * scale.x + scale.y, e.b * scale.x + scale.y);
}

// The scales (d, m) of four rows, each from its own group.
struct Scales {
    s0: vec2<f32>,
    s1: vec2<f32>,
    s2: vec2<f32>,
    s3: vec2<f32>,
}

fn scales_of(group: vec4<u32>) -> Scales {
    return Scales(group_scale(group.x), group_scale(group.y), group_scale(group.z), group_scale(group.w));
}

fn groups_at(at: vec4<u32>, s: Scales) -> Groups {
    return Groups(scaled(at.x, s.s0), scaled(at.y, s.s1), scaled(at.z, s.s2), scaled(at.w, s.s3));
}

fn dots(w: Groups, a: vec4<f32>, b: vec4<f32>) -> vec4<f32> {
    return vec4<f32>(dot(w.w0.a, a), dot(w.w1.a, a), dot(w.w2.a, a), dot(w.w3.a, a))
        + vec4<f32>(dot(w.w0.b, b), dot(w.w1.b, b), dot(w.w2.b, b), dot(w.w3.b, b));
}

// Adds the products with eight elements of a row of x, from its k-th four on.
fn add(sums: Sums, low: Groups, high: Groups, k: u32) -> Sums {
    let a = x[k];
    let b = x[k + 1u];
    return Sums(sums.low + dots(low, a, b), sums.high + dots(high, a, b));
}

// Adds the products with eight elements of each of the tile's rows of x.
fn add_all(t: Tile, low: Groups, high: Groups, k: u32) -> Tile {
    let stride = shape.cols / 4u;
    return Tile(
        add(t.y0, low, high, k),
        add(t.y1, low, high, k + stride),
        add(t.y2, low, high, k + 2u * stride),
        add(t.y3, low, high, k + 3u * stride),
        add(t.y4, low, high, k + 4u * stride),
        add(t.y5, low, high, k + 5u * stride),
        add(t.y6, low, high, k + 6u * stride),
        add(t.y7, low, high, k + 7u * stride),
    );
}

fn store(token: u32, row: u32, sums: Sums) {
    if (token >= count.x) {
        return;
    }
    for (var j = 0u; j < min(owned(), shape.rows - row); j++) {
        let sum = select(sums.low, sums.high, j >= 4u)[j & 3u];
        let column = shape.first + row + j;
        epilogue(shape.epilogue, token * shape.out + column, column, sum, sums.high[j & 3u]);
    }
}

@compute @workgroup_size(8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let row = id.x * owned();
    let token = id.y * 8u;
    if (row >= shape.rows) {
        return;
    }
    let of_w = rows_of(row);
    let low = of_w.low;
    let high = of_w.high;
    var tile = Tile();
    let fours = shape.cols / 4u;
    let groups = shape.cols / GROUP;
    for (var g = 0u; g < groups; g++) {
        let s = scales_of(low * groups + g);
        let t = scales_of(high * groups + g);
        let i = low * (fours / 2u) + g * (GROUP / 8u);
        let j = high * (fours / 2u) + g * (GROUP / 8u);
        let k = token * fours + g * (GROUP / 4u);
        tile = add_all(tile, groups_at(i, s), groups_at(j, t), k);
        if (GROUP >= 16u) {
            tile = add_all(tile, groups_at(i + 1u, s), groups_at(j + 1u, t), k + 2u);
        }
        if (GROUP >= 32u) {
            tile = add_all(tile, groups_at(i + 2u, s), groups_at(j + 2u, t), k + 4u);
            tile = add_all(tile, groups_at(i + 3u, s), groups_at(j + 3u, t), k + 6u);
        }
    }
    store(token, row, tile.y0);
    store(token + 1u, row, tile.y1);
    store(token + 2u, row, tile.y2);
    store(token + 3u, row, tile.y3);
    store(token + 4u, row, tile.y4);
    store(token + 5u, row, tile.y5);
    store(token + 6u, row, tile.y6);
    store(token + 7u, row, tile.y7);
}
