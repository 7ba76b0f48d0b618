// A tile of linear_tile with eight rows of x. Included.
const TILE_ROWS: u32 = 8u;

// What the tile's rows of w sum up to with each of its rows of x.
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

// Adds the products with eight elements of each of the tile's rows of x.
fn add_all(t: Tile, low: Eights, high: Eights, k: u32) -> Tile {
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

fn store_all(token: u32, row: u32, t: Tile) {
    store(token, row, t.y0);
    store(token + 1u, row, t.y1);
    store(token + 2u, row, t.y2);
    store(token + 3u, row, t.y3);
    store(token + 4u, row, t.y4);
    store(token + 5u, row, t.y5);
    store(token + 6u, row, t.y6);
    store(token + 7u, row, t.y7);
}
