// The shape of a linear map, told when it runs: one pipeline serves all shapes. On a software adapter compiling a kernel
// for each takes longer than a constant saves. Included.
struct Shape {
    // Of w, or of the shard of it that a dispatch serves.
    rows: u32,
    cols: u32,
    // The shard's first row: the column of y where its results begin.
    first: u32,
    // Columns of y.
    out: u32,
}

@group(0) @binding(3) var<uniform> shape: Shape;
