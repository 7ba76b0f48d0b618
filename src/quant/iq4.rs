//! The non-linear four-bit types: a quant is an index into sixteen levels, which lie closer together around 0, where
//! most weights are.

use half::f16;

/// What the quants of IQ4_NL and IQ4_XS stand for.
pub(crate) const LEVELS: [i8; 16] =
    [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

/// IQ4_NL: `d`, then 32 quants; byte j holds element j in its low half and element 16 + j in its high half.
pub(super) fn nl_to_float(bytes: &[u8], out: &mut [f32]) {
    for (block, out) in bytes.chunks_exact(18).zip(out.chunks_exact_mut(32)) {
        levels(&block[2..], half(block), out);
    }
}

/// IQ4_XS: `d`, the scales of eight runs of 32 elements, then their quants, each run as in IQ4_NL.
pub(super) fn xs_to_float(bytes: &[u8], out: &mut [f32]) {
    for (block, out) in bytes.chunks_exact(136).zip(out.chunks_exact_mut(256)) {
        let runs = block[8..].chunks_exact(16).zip(out.chunks_exact_mut(32));
        for ((quants, out), scale) in runs.zip(scales(&block[2..8])) {
            levels(quants, half(block) * f32::from(scale), out);
        }
    }
}

/// The eight scales of an IQ4_XS block, −32 to 31: a half word of their high two bits, then a nibble each.
pub(crate) fn scales(packed: &[u8]) -> [i8; 8] {
    let high = u16::from_le_bytes([packed[0], packed[1]]);
    std::array::from_fn(|i| {
        let low = (packed[2 + i / 2] >> (4 * (i % 2))) & 15;
        (low | (((high >> (2 * i)) & 3) as u8) << 4) as i8 - 32
    })
}

fn half(block: &[u8]) -> f32 {
    f16::from_le_bytes([block[0], block[1]]).to_f32()
}

fn levels(quants: &[u8], scale: f32, out: &mut [f32]) {
    let (low, high) = out.split_at_mut(16);
    for ((byte, low), high) in quants.iter().zip(low).zip(high) {
        *low = scale * f32::from(LEVELS[usize::from(byte & 15)]);
        *high = scale * f32::from(LEVELS[usize::from(byte >> 4)]);
    }
}

pub(super) fn nl_from_float(values: &[f32]) -> Vec<u8> {
    let mut out = Vec::with_capacity(values.len() / 32 * 18);
    for run in values.chunks_exact(32) {
        let d = f16::from_f32(finest(run));
        out.extend_from_slice(&d.to_le_bytes());
        out.extend(nearest(run, d.to_f32()));
    }
    out
}

pub(super) fn xs_from_float(values: &[f32]) -> Vec<u8> {
    let mut out = Vec::with_capacity(values.len() / 256 * 136);
    for block in values.chunks_exact(256) {
        let wanted: Vec<f32> = block.chunks_exact(32).map(finest).collect();
        let most = wanted.iter().fold(0.0f32, |most, d| most.max(d.abs()));
        // The largest scale is 31; a smaller one is rounded to the next, which costs its run some resolution.
        let d = f16::from_f32(most / 31.0);
        let inverse = if d.to_f32() > 0.0 { 1.0 / d.to_f32() } else { 0.0 };
        let scales: Vec<i8> = wanted.iter().map(|w| (w * inverse).round().clamp(-32.0, 31.0) as i8).collect();
        out.extend_from_slice(&d.to_le_bytes());
        let stored = |i: usize| (scales[i] + 32) as u8;
        let high = (0..8).fold(0u16, |all, i| all | u16::from(stored(i) >> 4) << (2 * i));
        out.extend_from_slice(&high.to_le_bytes());
        out.extend((0..4).map(|i| (stored(2 * i) & 15) | (stored(2 * i + 1) & 15) << 4));
        for (run, scale) in block.chunks_exact(32).zip(&scales) {
            out.extend(nearest(run, d.to_f32() * f32::from(*scale)));
        }
    }
    out
}

/// The scale that takes a run's largest element to the first level, which reaches farther than the last.
fn finest(run: &[f32]) -> f32 {
    let largest = run.iter().fold(0.0f32, |most, v| if v.abs() > most.abs() { *v } else { most });
    largest / f32::from(LEVELS[0])
}

/// The quants of a run whose elements are closest, packed.
fn nearest(run: &[f32], scale: f32) -> impl Iterator<Item = u8> {
    let inverse = if scale == 0.0 { 0.0 } else { 1.0 / scale };
    let quant = move |value: f32| {
        let distance = |level: i8| (value * inverse - f32::from(level)).abs();
        (1..16).fold(0, |best, i| if distance(LEVELS[i]) < distance(LEVELS[best]) { i } else { best }) as u8
    };
    let (low, high) = run.split_at(16);
    low.iter().zip(high).map(move |(low, high)| quant(*low) | quant(*high) << 4)
}
