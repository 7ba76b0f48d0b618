//! Rounding to Q4_K and Q6_K with little error: the scale of a run of weights is sought, where the simplest choice would take
//! its largest weight.
//!
//! A lattice of steps is laid through a run in some twenty ways, each a little finer than the one before. For each, weighted
//! least squares give the scale (in Q4_K also the offset) that suits the rounded weights best, and the best of all is kept. A
//! large weight counts more than a small one, since it does more to what a model computes. ggml's reference quantizer
//! (`ggml-quants.c`) minimizes the same sums.

use half::f16;

/// Weights in a block.
const BLOCK: usize = 256;

/// Candidates of a lattice differ by a tenth of a step over the whole run.
const TENTH: f32 = 0.1;

/// Rounds to the nearest whole number (of two to the even one), as a sum that compilers vectorize; `x` is within ±2²².
fn round(x: f32) -> f32 {
    const MAGIC: f32 = 12_582_912.0;
    (x + MAGIC) - MAGIC
}

/// The sum of `N` terms, a multiple of eight, in an order that lets compilers add eight side by side.
#[inline(always)]
fn total<const N: usize>(term: impl Fn(usize) -> f32) -> f32 {
    let mut lanes = [0.0f32; 8];
    for first in (0..N).step_by(8) {
        for (i, lane) in lanes.iter_mut().enumerate() {
            *lane += term(first + i);
        }
    }
    lanes.iter().sum()
}

/// `1 / x`, or 0 for 0.
fn inverse(x: f32) -> f32 {
    if x == 0.0 { 0.0 } else { 1.0 / x }
}

/// What a factor is stored as.
fn stored(x: f32) -> f16 {
    f16::from_f32(x.clamp(f16::MIN.to_f32(), f16::MAX.to_f32()))
}

/// A scale and a depth of at least 0, for which `scale · step − depth` with steps 0 to `most` come closest to the values: with
/// the least sum of squared errors, weighed by each value's magnitude and their root mean square.
fn affine(values: &[f32; 32], most: f32) -> (f32, f32) {
    let rms = (total::<32>(|i| values[i] * values[i]) / 32.0).sqrt();
    let weights = values.map(|x| rms + x.abs());
    let low = values.iter().fold(0.0f32, |low, x| low.min(*x));
    let high = values.iter().fold(f32::NEG_INFINITY, |high, x| high.max(*x));
    if high <= low {
        return (0.0, -low);
    }
    let weighed: [f32; 32] = std::array::from_fn(|i| weights[i] * values[i]);
    let (sum_w, sum_x) = (total::<32>(|i| weights[i]), total::<32>(|i| weighed[i]));
    let error = |steps: &[f32; 32], scale: f32, depth: f32| {
        total::<32>(|i| {
            let difference = scale * steps[i] - depth - values[i];
            weights[i] * difference * difference
        })
    };
    // From the lowest value, or where the best so far begins, to the highest.
    let lattice = |steps: f32, depth: f32| {
        let finely = steps / (high + depth);
        values.map(|x| round((x + depth) * finely).max(0.0).min(most))
    };
    let plain = (high - low) / most;
    let mut best = (error(&lattice(most, -low), plain, -low), plain, -low);
    for candidate in 0..=20 {
        let steps = lattice(most - 1.0 + TENTH * candidate as f32, best.2);
        let sum_s = total::<32>(|i| weights[i] * steps[i]);
        let sum_ss = total::<32>(|i| weights[i] * steps[i] * steps[i]);
        let sum_sx = total::<32>(|i| weighed[i] * steps[i]);
        let determinant = sum_w * sum_ss - sum_s * sum_s;
        if determinant <= 0.0 {
            continue;
        }
        let (mut scale, mut depth) =
            ((sum_w * sum_sx - sum_x * sum_s) / determinant, (sum_s * sum_sx - sum_ss * sum_x) / determinant);
        if depth < 0.0 {
            (scale, depth) = (sum_sx / sum_ss, 0.0);
        }
        let error = error(&steps, scale, depth);
        if error < best.0 {
            best = (error, scale, depth);
        }
    }
    (best.1, best.2)
}

/// Q4_K: `d`, the depths' `d`, 8 scales and 8 depths in six bits each, and the steps in four.
pub(super) fn q4_k(values: &[f32]) -> Vec<u8> {
    let mut out = Vec::with_capacity(values.len() / BLOCK * 144);
    for block in values.as_chunks::<BLOCK>().0 {
        let runs = block.as_chunks::<32>().0;
        let fits: [(f32, f32); 8] = std::array::from_fn(|i| affine(&runs[i], 15.0));
        let unit = |of: fn(&(f32, f32)) -> f32| stored(fits.iter().map(of).fold(0.0, f32::max) / 63.0);
        let units = [unit(|fit| fit.0), unit(|fit| fit.1)];
        let finely = units.map(|unit| inverse(unit.to_f32()));
        let codes = fits.map(|(scale, depth)| {
            [round(scale * finely[0]), round(depth * finely[1])].map(|code| code.clamp(0.0, 63.0))
        });
        out.extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
        out.extend(scales_4(&codes.map(|codes| codes.map(|code| code as u8))));
        let steps: [[u8; 32]; 8] = std::array::from_fn(|i| {
            let [scale, depth] = [0, 1].map(|part| units[part].to_f32() * codes[i][part]);
            let finely = inverse(scale);
            runs[i].map(|x| round((x + depth) * finely).clamp(0.0, 15.0) as u8)
        });
        for pair in steps.chunks_exact(2) {
            out.extend(pair[0].iter().zip(&pair[1]).map(|(low, high)| low | high << 4));
        }
    }
    out
}

/// Eight scales and eight depths of six bits in twelve bytes: the first four of each have a byte, whose upper two bits hold the
/// upper bits of the others.
fn scales_4(codes: &[[u8; 2]; 8]) -> [u8; 12] {
    let mut packed = [0; 12];
    for i in 0..4 {
        let ([scale, depth], [later_scale, later_depth]) = (codes[i], codes[i + 4]);
        packed[i] = scale | (later_scale >> 4) << 6;
        packed[i + 4] = depth | (later_depth >> 4) << 6;
        packed[i + 8] = later_scale & 15 | later_depth << 4;
    }
    packed
}

/// A scale for which `scale · step` with steps −32 to 31 come closest to the values: with the least sum of squared errors,
/// weighed by the values' squares.
fn symmetric(values: &[f32; 16]) -> f32 {
    let largest = values.iter().fold(0.0f32, |most, x| if x.abs() > most.abs() { *x } else { most });
    let squares = values.map(|x| x * x);
    let cubes = values.map(|x| x * x * x);
    // (Σ w·x·s)² / Σ w·s² is by how much a lattice lessens the sum.
    let (mut best, mut scale) = (0.0, 0.0);
    for candidate in -9..=9 {
        let finely = -(32.0 + TENTH * candidate as f32) * inverse(largest);
        let steps = values.map(|x| round(x * finely).clamp(-32.0, 31.0));
        let sum_sx = total::<16>(|i| cubes[i] * steps[i]);
        let sum_ss = total::<16>(|i| squares[i] * steps[i] * steps[i]);
        if sum_ss > 0.0 && sum_sx * sum_sx > best * sum_ss {
            (best, scale) = (sum_sx * sum_sx / sum_ss, sum_sx / sum_ss);
        }
    }
    scale
}

/// Q6_K: the lower four bits of the steps, their upper two, 16 scales of eight bits, and `d`.
pub(super) fn q6_k(values: &[f32]) -> Vec<u8> {
    let mut out = Vec::with_capacity(values.len() / BLOCK * 210);
    for block in values.as_chunks::<BLOCK>().0 {
        let runs = block.as_chunks::<16>().0;
        let scales: [f32; 16] = std::array::from_fn(|i| symmetric(&runs[i]));
        let largest = scales.iter().fold(0.0f32, |most, s| if s.abs() > most.abs() { *s } else { most });
        let unit = stored(largest / -128.0);
        let finely = inverse(unit.to_f32());
        let codes = scales.map(|scale| round(scale * finely).clamp(-128.0, 127.0));
        let mut steps = [0u8; BLOCK];
        for (i, run) in runs.iter().enumerate() {
            let finely = inverse(unit.to_f32() * codes[i]);
            for (step, x) in steps[16 * i..].iter_mut().zip(run) {
                *step = (round(x * finely).clamp(-32.0, 31.0) + 32.0) as u8;
            }
        }
        // Of each 128 steps four lie in the places of one: e, e + 32, e + 64 and e + 96.
        let halves = steps.as_chunks::<128>().0;
        for half in halves {
            out.extend((0..64).map(|e| half[e] & 15 | half[e + 64] << 4));
        }
        for half in halves {
            out.extend((0..32).map(|e| (0..4).fold(0, |bits, i| bits | (half[e + 32 * i] >> 4) << (2 * i))));
        }
        out.extend(codes.map(|code| code as i8 as u8));
        out.extend(unit.to_le_bytes());
    }
    out
}
