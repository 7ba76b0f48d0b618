// The scale d of a block, as f16, two blocks a word. Included.
@group(0) @binding(9) var<storage, read> scales: array<u32>;

fn block_d(block: u32) -> f32 {
    let pair = unpack2x16float(scales[block >> 1u]);
    return select(pair.x, pair.y, (block & 1u) == 1u);
}
