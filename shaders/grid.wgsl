// The grid of an IQ type: the combinations of levels that eight or four weights can have, two of them a word. A
// combination has the numbers of its levels, the first weight's lowest: two bits for each of eight (IQ1, IQ2), or three
// for each of four (IQ3). It is a buffer because arrays with a computed index are slow on many adapters. Included.
@group(0) @binding(11) var<storage, read> grid: array<u32>;

fn grid_code(index: u32) -> u32 {
    return grid[index >> 1u] >> ((index & 1u) * 16u);
}

// The levels of four of eight weights, from the lowest bits on.
fn four_of_eight(code: u32) -> vec4<u32> {
    return (vec4<u32>(code) >> vec4<u32>(0u, 2u, 4u, 6u)) & vec4<u32>(3u);
}
