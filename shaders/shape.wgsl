// The shape of a GEMV or GEMM as a uniform.
// One pipeline serves all shapes. On a software adapter compiling a kernel
// for each takes longer than a constant saves. Included.
struct Shape {
    // Of w, or of the shard of it that a dispatch serves; of one half of w if it is gated.
    rows: u32,
    cols: u32,
    // The shard's first row: the column of y where its results begin.
    first: u32,
    // Columns of y.
    out: u32,
    // See epilogue.wgsl.
    epilogue: u32,
}

@group(0) @binding(3) var<uniform> shape: Shape;

// The rows of w that belong to eight sums of a thread, of which the first is the row `first` of the result: eight rows, or
// four of each half.
struct RowsOfEight {
    low: vec4<u32>,
    high: vec4<u32>,
}

// Rows past the end repeat the last one, and are not stored.
fn rows_of(first: u32) -> RowsOfEight {
    let last = vec4<u32>(shape.rows - 1u);
    let r = vec4<u32>(first) + vec4<u32>(0u, 1u, 2u, 3u);
    let low = min(r, last);
    return RowsOfEight(low, select(min(r + vec4<u32>(4u), last), low + shape.rows, is_gated(shape.epilogue)));
}

// Rows of the result that a thread owns.
fn owned() -> u32 {
    return select(8u, 4u, is_gated(shape.epilogue));
}
