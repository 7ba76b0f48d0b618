//! The grids of the IQ1, IQ2 and IQ3 types. Eight or four weights share an index into a grid: a list of the combinations
//! of levels that they can have.

use super::BlockType;
use std::sync::LazyLock;

/// A combination of levels is a number, whose digits are the levels' numbers, the first weight's the lowest: eight digits
/// of base 3, or four of base 8. The file has a bit for each number, grid by grid: set if the grid has the combination.
/// Grids are sorted, so that an index counts set bits. `tests/data/grids.py` writes it.
static FILE: &[u8] = include_bytes!("grids.bin");

/// Bytes of a grid in the file: 3⁸ bits, and 8⁴.
const OF_EIGHT: usize = 821;
const OF_FOUR: usize = 512;

/// Combinations of `N` levels.
pub(super) struct Grid<const N: usize> {
    points: Vec<[i8; N]>,
    codes: Vec<u16>,
}

pub(super) static IQ1: LazyLock<Grid<8>> = LazyLock::new(|| Grid::read(0, &[-1, 0, 1]));
pub(super) static IQ2_XXS: LazyLock<Grid<8>> = LazyLock::new(|| Grid::read(OF_EIGHT, &[8, 25, 43]));
pub(super) static IQ2_XS: LazyLock<Grid<8>> = LazyLock::new(|| Grid::read(2 * OF_EIGHT, &[8, 25, 43]));
pub(super) static IQ2_S: LazyLock<Grid<8>> = LazyLock::new(|| Grid::read(3 * OF_EIGHT, &[8, 25, 43]));
pub(super) static IQ3_XXS: LazyLock<Grid<4>> =
    LazyLock::new(|| Grid::read(4 * OF_EIGHT, &[4, 12, 20, 28, 36, 44, 52, 62]));
pub(super) static IQ3_S: LazyLock<Grid<4>> =
    LazyLock::new(|| Grid::read(4 * OF_EIGHT + OF_FOUR, &[1, 3, 5, 7, 9, 11, 13, 15]));

/// The points of a type's grid as the numbers of their levels, the first weight's lowest: two bits for each of eight, or
/// three for each of four.
pub(crate) fn codes(block_type: BlockType) -> Option<&'static [u16]> {
    Some(match block_type {
        BlockType::IQ1_S | BlockType::IQ1_M => &IQ1.codes,
        BlockType::IQ2_XXS => &IQ2_XXS.codes,
        BlockType::IQ2_XS => &IQ2_XS.codes,
        BlockType::IQ2_S => &IQ2_S.codes,
        BlockType::IQ3_XXS => &IQ3_XXS.codes,
        BlockType::IQ3_S => &IQ3_S.codes,
        _ => return None,
    })
}

impl<const N: usize> Grid<N> {
    fn read(start: usize, levels: &[i8]) -> Grid<N> {
        let (base, bits) = (levels.len(), if N == 8 { 2 } else { 3 });
        let has = |number: &usize| (FILE[start + number / 8] >> (number % 8)) & 1 == 1;
        let numbers = || (0..base.pow(N as u32)).filter(has);
        let digit = |number: usize, i: usize| number / base.pow(i as u32) % base;
        Grid {
            points: numbers().map(|n| std::array::from_fn(|i| levels[digit(n, i)])).collect(),
            codes: numbers()
                .map(|n| (0..N).fold(0, |code, i| code | (digit(n, i) << (bits * i)) as u16))
                .collect(),
        }
    }

    /// `index` has no more bits than the grid is large.
    #[inline]
    pub(super) fn point(&self, index: u32) -> [i8; N] {
        self.points[index as usize]
    }

    /// The index of the point that is closest, and the square of its distance.
    pub(super) fn nearest(&self, wanted: &[f32]) -> (u32, f32) {
        let distance = |point: &[i8; N]| {
            point.iter().zip(wanted).map(|(level, w)| (f32::from(*level) - w).powi(2)).sum::<f32>()
        };
        let mut best = (0, f32::INFINITY);
        for (index, point) in self.points.iter().enumerate() {
            let distance = distance(point);
            if distance < best.1 {
                best = (index as u32, distance);
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grids_are_as_large_as_their_indices_reach() {
        assert_eq!([&IQ2_XXS, &IQ2_XS, &IQ2_S, &IQ1].map(|grid| grid.points.len()), [256, 512, 1024, 2048]);
        assert_eq!([&IQ3_XXS, &IQ3_S].map(|grid| grid.points.len()), [256, 512]);
        assert_eq!(FILE.len(), 4 * OF_EIGHT + 2 * OF_FOUR);
    }

    #[test]
    fn a_point_is_the_nearest_to_itself() {
        for index in [0, 77, 511] {
            assert_eq!(IQ3_S.nearest(&IQ3_S.point(index).map(f32::from)), (index, 0.0));
            assert_eq!(IQ1.nearest(&IQ1.point(index).map(f32::from)), (index, 0.0));
        }
    }
}
