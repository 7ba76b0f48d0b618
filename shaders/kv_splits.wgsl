// KV splits of flash decoding.
// The positions that a row sees are cut into at most SPLITS pieces of whole POSITIONS. Included by kernels that have
// `//!const SPLITS` and `//!const POSITIONS`.
fn split_span(length: u32) -> u32 {
    let each = (length + SPLITS - 1u) / SPLITS;
    return (each + POSITIONS - 1u) / POSITIONS * POSITIONS;
}
