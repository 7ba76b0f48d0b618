// Quantized GEMV without barriers, for software adapters: y[0, r] = Σₖ w[r, k] x[0, k], one row of activations.
//
// w: [rows, cols] quantized, a shard whose rows are first .. first + rows of the columns of y (see shape.wgsl).
// x: [1, cols] f32; y: [1, out] f32. Grid: x over tiles of 64 rows of w. A thread owns 8 rows, so that each load of x
// serves eight products, and adds up quants before it scales them: Σ (d q + m) x = d Σ q x + m Σ x. A software adapter
// pays for each variable that a loop carries in each round: hence a round for a whole group of weights.
//!include group8
//!include $dequant
//!include shape
//!include epilogue

@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

// Of the thread's rows: their sums of quants times x; and the sums of x alone.
struct Sums {
    low: vec4<f32>,
    high: vec4<f32>,
    x: vec4<f32>,
}

fn dots(at: vec4<u32>, a: vec4<f32>, b: vec4<f32>) -> vec4<f32> {
    let w0 = group8(at.x);
    let w1 = group8(at.y);
    let w2 = group8(at.z);
    let w3 = group8(at.w);
    return vec4<f32>(dot(w0.a, a), dot(w1.a, a), dot(w2.a, a), dot(w3.a, a))
        + vec4<f32>(dot(w0.b, b), dot(w1.b, b), dot(w2.b, b), dot(w3.b, b));
}

// Adds the products of the groups at `low` and `high` with x from its k-th four on.
fn add(sums: Sums, low: vec4<u32>, high: vec4<u32>, k: u32) -> Sums {
    let a = x[k];
    let b = x[k + 1u];
    return Sums(sums.low + dots(low, a, b), sums.high + dots(high, a, b), sums.x + a + b);
}

// What four rows' sums over a group amount to.
fn scaled(group: vec4<u32>, sums: vec4<f32>, sum_x: f32) -> vec4<f32> {
    let s0 = group_scale(group.x);
    let s1 = group_scale(group.y);
    let s2 = group_scale(group.z);
    let s3 = group_scale(group.w);
    return sums * vec4<f32>(s0.x, s1.x, s2.x, s3.x) + sum_x * vec4<f32>(s0.y, s1.y, s2.y, s3.y);
}

@compute @workgroup_size(8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let row = id.x * owned();
    if (row >= shape.rows) {
        return;
    }
    let of_w = rows_of(row);
    let low = of_w.low;
    let high = of_w.high;
    var total_low = vec4<f32>();
    var total_high = vec4<f32>();
    let row_groups = shape.cols / 8u;
    let groups = shape.cols / GROUP;
    for (var g = 0u; g < groups; g++) {
        let i = low * row_groups + g * (GROUP / 8u);
        let j = high * row_groups + g * (GROUP / 8u);
        let k = g * (GROUP / 4u);
        var sums = add(Sums(), i, j, k);
        if (GROUP >= 16u) {
            sums = add(sums, i + 1u, j + 1u, k + 2u);
        }
        if (GROUP >= 32u) {
            sums = add(sums, i + 2u, j + 2u, k + 4u);
            sums = add(sums, i + 3u, j + 3u, k + 6u);
        }
        let sum_x = dot(sums.x, vec4<f32>(1.0));
        total_low += scaled(low * groups + g, sums.low, sum_x);
        total_high += scaled(high * groups + g, sums.high, sum_x);
    }
    for (var j = 0u; j < min(owned(), shape.rows - row); j++) {
        let sum = select(total_low, total_high, j >= 4u)[j & 3u];
        let column = shape.first + row + j;
        epilogue(shape.epilogue, column, column, sum, total_high[j & 3u]);
    }
}
