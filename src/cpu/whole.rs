//! Quantized GEMM in whole numbers, on vectors of 128 bits: about half the instructions that it takes in `f32`.
//!
//! It is for types whose blocks have scales in whole numbers, and one number that all are multiplied with. As in [`super::fused`], `x` is
//! rounded to sixteen bits. A few rows of `W` are unpacked into a tile that stays in the cache: their quants times the scales of their
//! groups. Products of a *run* of groups are added up in 32 bits; only their sums become `f32`, and are multiplied with the scales of
//! both runs. With a scale in `f32` for each group there would be nothing to gain. For few rows of `x` there is [`super::fused_whole`].

use super::formats::Format;
use super::fused::rounded;
use super::kernel::{Kernel, run};
use super::quants::{Base, Quants, place};
use super::vector::{Level, products};
use super::weight::CpuWeight;
use crate::quant::BlockType;
use std::ops::Range;
use wide::{f32x4, i16x8, i32x4};

pub(super) const GROUP: usize = 32;
/// Rows of `W` unpacked together.
const TILE: usize = 8;
/// Rows of `x` that are multiplied together, with two of `W`: eight sums and their operands fit sixteen registers.
const ROWS: usize = 4;

/// All rows of `x`, for weights of one type.
pub(super) struct Rows {
    /// In the order of the lanes, see [`super::quants`].
    pub values: Vec<i16>,
    /// Of each run, or of each group where there are no runs.
    pub scales: Vec<f32>,
    /// Of as many elements as have an offset in common, as rounded; empty for weights without offsets.
    pub sums: Vec<f32>,
}

/// Elements with an offset in common.
pub(super) const fn shared<F: Format>() -> usize {
    if F::HALVES { GROUP / 2 } else { GROUP }
}

impl Rows {
    /// For [`Product`]; `None` for types without scales in whole numbers.
    pub fn for_many(x: &[f32], block_type: BlockType) -> Option<Rows> {
        Rows::new(x, block_type, true)
    }

    /// For [`super::fused_whole`]; `None` for types that are read quant by quant.
    pub fn for_few(x: &[f32], block_type: BlockType) -> Option<Rows> {
        Rows::new(x, block_type, false)
    }

    fn new(x: &[f32], block_type: BlockType, many: bool) -> Option<Rows> {
        let mut rows = None;
        run(Level::Base, block_type, Round { x, many, rows: &mut rows });
        rows
    }
}

struct Round<'a> {
    x: &'a [f32],
    many: bool,
    rows: &'a mut Option<Rows>,
}

impl Kernel for Round<'_> {
    #[inline(always)]
    fn run<F: Format, Q: Quants>(self) {
        if F::CODED || self.many && F::RUN == 0 {
            return;
        }
        let length = F::RUN.max(1) * GROUP;
        let mut values = vec![0; self.x.len()];
        let mut rows =
            Rows { values: Vec::new(), scales: Vec::with_capacity(self.x.len() / length), sums: Vec::new() };
        for (x, out) in self.x.chunks_exact(length).zip(values.chunks_exact_mut(length)) {
            let scale = rounded(x, out);
            rows.scales.push(scale);
            if F::OFFSETS {
                let sum = |part: &[i16]| part.iter().map(|v| i32::from(*v)).sum::<i32>() as f32 * scale;
                rows.sums.extend(out.chunks_exact(shared::<F>()).map(sum));
            }
            for group in out.as_chunks_mut::<GROUP>().0 {
                *group = std::array::from_fn(|lane| group[place(lane)]);
            }
        }
        *self.rows = Some(Rows { values, ..rows });
    }
}

/// `y[n, wanted] = x[n, cols] · wᵀ` for some rows of a matrix of blocks.
pub(super) struct Product<'a> {
    pub w: &'a CpuWeight,
    pub x: &'a Rows,
    pub wanted: Range<usize>,
    pub y: &'a mut [f32],
}

impl Kernel for Product<'_> {
    #[inline(always)]
    fn run<F: Format, Q: Quants>(self) {
        if F::RUN == 0 {
            return;
        }
        let Product { w, x, wanted, y } = self;
        let (k, stride) = (w.cols, wanted.len());
        let offsets = k / shared::<F>();
        let mut tile = Tile::new(k, F::RUN, offsets);
        for first in wanted.clone().step_by(TILE) {
            let rows = TILE.min(wanted.end - first);
            for row in 0..rows {
                tile.unpack::<F>(row, w.row_bytes(first + row));
            }
            let y = &mut y[first - wanted.start..];
            if F::OFFSETS {
                products(Level::Base, &x.sums, &tile.offsets[..rows * offsets], y, offsets, stride);
            } else {
                y.chunks_mut(stride).for_each(|y| y[..rows].fill(0.0));
            }
            tile.multiply(x, rows, y, stride);
        }
    }
}

/// Rows of `W`, unpacked.
struct Tile {
    k: usize,
    /// Elements of a run.
    run: usize,
    /// Quants, in the order of the lanes.
    values: Vec<i16>,
    /// Of each run.
    factors: Vec<f32>,
    /// As many of each row.
    offsets: Vec<f32>,
}

impl Tile {
    fn new(k: usize, run: usize, offsets: usize) -> Tile {
        let run = run * GROUP;
        let (factors, offsets) = (vec![0.0; TILE * k / run], vec![0.0; TILE * offsets]);
        Tile { k, run, values: vec![0; TILE * k], factors, offsets }
    }

    #[inline(always)]
    fn unpack<F: Format>(&mut self, row: usize, blocks: &[u8]) {
        let (groups, of_block) = (self.k / GROUP, F::GROUPS * GROUP / shared::<F>());
        let values = &mut self.values.as_chunks_mut::<GROUP>().0[row * groups..][..groups];
        let factors = &mut self.factors[row * groups / F::RUN..][..groups / F::RUN];
        let offsets = self.offsets.chunks_exact_mut(of_block).skip(row * groups / F::GROUPS);
        let each = blocks.chunks_exact(F::BYTES).zip(values.chunks_exact_mut(F::GROUPS));
        for (((block, values), factors), offsets) in
            each.zip(factors.chunks_exact_mut(F::GROUPS / F::RUN)).zip(offsets)
        {
            let steps = F::steps::<Base>(block);
            factors.fill(steps.units[0]);
            for (g, values) in values.iter_mut().enumerate() {
                *values = F::quants::<Base>(block, g).times(steps.of_group::<F>(g)).to_array();
            }
            if F::OFFSETS {
                for (out, offset) in offsets.iter_mut().zip(bytemuck::cast::<_, [i16; 16]>(steps.offsets)) {
                    *out = steps.units[1] * f32::from(offset);
                }
            }
        }
    }

    /// Adds the products of all of `x` to `y`.
    fn multiply(&self, x: &Rows, rows: usize, y: &mut [f32], stride: usize) {
        let all = x.values.chunks(ROWS * self.k).zip(x.scales.chunks(ROWS * self.k / self.run));
        for ((values, scales), y) in all.zip(y.chunks_mut(ROWS * stride)) {
            match values.len() / self.k {
                1 => self.few::<1>(values, scales, rows, y, stride),
                2 => self.few::<2>(values, scales, rows, y, stride),
                3 => self.few::<3>(values, scales, rows, y, stride),
                _ => self.few::<4>(values, scales, rows, y, stride),
            }
        }
    }

    /// Not inlined: compilers of WebAssembly allot registers badly in large functions.
    #[inline(never)]
    fn few<const T: usize>(&self, values: &[i16], scales: &[f32], rows: usize, y: &mut [f32], stride: usize) {
        let runs = self.k / self.run;
        let x: [Row; T] = std::array::from_fn(|t| Row::of(values, scales, t, self.k, runs));
        let w = |r: usize| Row::of(&self.values, &self.factors, r, self.k, runs);
        for r in (0..rows - rows % 2).step_by(2) {
            add(&sums(self.run, x, [w(r), w(r + 1)]), &mut y[r..], stride);
        }
        if rows % 2 == 1 {
            add(&sums(self.run, x, [w(rows - 1)]), &mut y[rows - 1..], stride);
        }
    }
}

/// A row of whole numbers, with a scale for each of its runs.
#[derive(Clone, Copy)]
struct Row<'a> {
    values: &'a [i16],
    scales: &'a [f32],
}

impl Row<'_> {
    #[inline(always)]
    fn of<'a>(values: &'a [i16], scales: &'a [f32], row: usize, k: usize, runs: usize) -> Row<'a> {
        Row { values: &values[row * k..][..k], scales: &scales[row * runs..][..runs] }
    }
}

#[inline(always)]
fn add<const T: usize, const R: usize>(sums: &[[f32; R]; T], y: &mut [f32], stride: usize) {
    for (t, sums) in sums.iter().enumerate() {
        for (r, sum) in sums.iter().enumerate() {
            y[t * stride + r] += sum;
        }
    }
}

/// `T` rows of `x` with `R` rows of `W`, whose runs have so many elements. Each sum is made in the same order whatever it is computed
/// with.
#[inline(always)]
fn sums<const T: usize, const R: usize>(run: usize, xs: [Row; T], ws: [Row; R]) -> [[f32; R]; T] {
    let runs = ws[0].scales.len();
    let fits = |row: &Row| row.scales.len() == runs && row.values.len() == runs * run;
    assert!(run.is_multiple_of(8) && xs.iter().all(fits) && ws.iter().all(fits));
    let mut sums = [[f32x4::ZERO; R]; T];
    for at in 0..runs {
        let mut whole = [[i32x4::ZERO; R]; T];
        for i in (at * run..(at + 1) * run).step_by(8) {
            let mut w = [i16x8::ZERO; R];
            for r in 0..R {
                // SAFETY: that rows are as long was asserted; a check here would cost as much as the product.
                w[r] = unsafe { load(ws[r].values, i) };
            }
            for t in 0..T {
                let x = unsafe { load(xs[t].values, i) };
                for r in 0..R {
                    whole[t][r] += x.dot(w[r]);
                }
            }
        }
        for t in 0..T {
            for r in 0..R {
                // SAFETY: as above.
                let scale = unsafe { xs[t].scales.get_unchecked(at) * ws[r].scales.get_unchecked(at) };
                sums[t][r] += f32x4::from_i32x4(whole[t][r]) * f32x4::splat(scale);
            }
        }
    }
    sums.map(|sums| sums.map(f32x4::reduce_add))
}

/// Eight numbers from the `i`th on.
///
/// # Safety
/// There must be so many.
#[inline(always)]
unsafe fn load(values: &[i16], i: usize) -> i16x8 {
    i16x8::new(unsafe { values.as_ptr().add(i).cast::<[i16; 8]>().read_unaligned() })
}

#[cfg(test)]
mod tests {
    use super::super::fused_whole;
    use super::super::weight::{CpuStore, example, waves};
    use super::*;
    use crate::model::WeightStore;

    fn matrices() -> impl Iterator<Item = (CpuWeight, Vec<f32>)> {
        let types = || BlockType::ALL.into_iter().filter(|t| Rows::for_few(&[], *t).is_some());
        // Blocks of 32 are taken by four, and 7 of them are not.
        let short = types().filter(|t| t.block_len() == 32).map(|t| example(t, 11, 224));
        types().map(|block_type| example(block_type, 11, 768)).chain(short)
    }

    /// Block by block, and by way of a tile where there is one.
    fn ways(w: &CpuWeight, x: &[f32], wanted: Range<usize>) -> Vec<Vec<f32>> {
        let results = x.len() / w.cols * wanted.len();
        let room = || vec![f32::NAN; results];
        let (mut fused, few) = (room(), Rows::for_few(x, w.block_type).unwrap());
        let product = fused_whole::Product { w, x: &few, wanted: wanted.clone(), y: &mut fused };
        run(Level::Base, w.block_type, product);
        let tiled = Rows::for_many(x, w.block_type).map(|x| {
            let mut y = room();
            run(Level::Base, w.block_type, Product { w, x: &x, wanted, y: &mut y });
            y
        });
        [fused].into_iter().chain(tiled).collect()
    }

    #[test]
    fn products_are_those_of_the_values() {
        let mut types = 0;
        for (w, values) in matrices() {
            types += 1;
            let x = waves(6 * w.cols, 0.11);
            for y in ways(&w, &x, 0..w.rows) {
                for (x, y) in x.chunks_exact(w.cols).zip(y.chunks_exact(w.rows)) {
                    for (row, got) in values.chunks_exact(w.cols).zip(y) {
                        let products = || row.iter().zip(x).map(|(w, x)| f64::from(*w) * f64::from(*x));
                        let (expected, size) =
                            (products().sum::<f64>(), products().map(f64::abs).sum::<f64>());
                        let right = (f64::from(*got) - expected).abs() <= 6e-6 * size;
                        assert!(right, "{:?}: {got}, not {expected}", w.block_type);
                    }
                }
            }
        }
        assert_eq!(types, 18);
    }

    /// The largest quants and scales, with the largest `x`: sums of a run must fit their 32 bits.
    #[test]
    fn nothing_overflows() {
        for block_type in BlockType::ALL {
            for (byte, x) in [(0xff, 1.0), (0x80, 1.0), (0x7f, 1.0), (0x80, -1.0), (0xff, -1.0), (0x00, 1.0)]
            {
                let cols = 512;
                let mut bytes = vec![byte; block_type.bytes_of(cols)];
                bytes
                    .chunks_exact_mut(block_type.block_bytes())
                    .for_each(|block| scale_by_one(block_type, block));
                let x = vec![x; cols];
                if Rows::for_few(&x, block_type).is_none() {
                    continue;
                }
                let mut w = CpuStore.allocate("test", block_type, 1, cols).unwrap();
                CpuStore.write(&mut w, 0, &bytes).unwrap();
                let mut values = vec![0.0; cols];
                block_type.dequantize(&bytes, &mut values);
                let expected: f64 = values.iter().zip(&x).map(|(w, x)| f64::from(*w) * f64::from(*x)).sum();
                let size: f64 = values.iter().map(|w| f64::from(w.abs())).sum();
                for y in ways(&w, &x, 0..1) {
                    let right = (f64::from(y[0]) - expected).abs() <= 1e-5 * size + 1e-9;
                    assert!(right, "{block_type:?} {byte}: {y:?}, not {expected}");
                }
            }
        }
    }

    /// Makes the scales of a block, in half precision, 1.
    fn scale_by_one(block_type: BlockType, block: &mut [u8]) {
        let places: &[usize] = match block_type {
            BlockType::Q4_1 | BlockType::Q5_1 | BlockType::Q4_K | BlockType::Q5_K => &[0, 2],
            BlockType::Q2_K => &[80, 82],
            BlockType::Q3_K => &[108],
            BlockType::Q6_K => &[208],
            _ => &[0],
        };
        for at in places {
            if let Some(scale) = block.get_mut(*at..at + 2) {
                scale.copy_from_slice(&0x3c00u16.to_le_bytes());
            }
        }
        // The least quants, of which there are more than of positive ones, times the least scales.
        if block_type == BlockType::Q6_K && block[0] == 0 {
            block[192..208].fill(0x80);
        }
    }

    #[test]
    fn a_row_does_not_depend_on_its_neighbours() {
        for (w, _) in matrices() {
            let x = waves(7 * w.cols, 0.23);
            for (way, together) in ways(&w, &x, 0..w.rows).into_iter().enumerate() {
                for (x, together) in x.chunks_exact(w.cols).zip(together.chunks_exact(w.rows)) {
                    assert_eq!(ways(&w, x, 0..w.rows)[way], together, "{:?}", w.block_type);
                    assert_eq!(ways(&w, x, 3..8)[way], together[3..8], "{:?}", w.block_type);
                }
            }
        }
    }

    #[test]
    fn nothing_and_no_numbers() {
        for (w, _) in matrices() {
            let all = |x: &[f32], right: fn(&f32) -> bool| ways(&w, x, 0..w.rows).iter().flatten().all(right);
            let none =
                |x: &[f32], wrong: fn(&f32) -> bool| !ways(&w, x, 0..w.rows).iter().flatten().any(wrong);
            assert!(all(&vec![0.0; w.cols], |y| *y == 0.0));
            for strange in [f32::NAN, f32::INFINITY, f32::MIN_POSITIVE / 8.0] {
                let mut x = waves(w.cols, 0.5);
                x[40] = strange;
                let right = if strange.is_finite() {
                    all(&x, |y| y.is_finite())
                } else {
                    none(&x, |y| y.is_finite())
                };
                assert!(right, "{:?} {strange}", w.block_type);
            }
        }
    }
}
