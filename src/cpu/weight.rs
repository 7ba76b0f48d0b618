use crate::model::WeightStore;
use crate::quant::BlockType;
use crate::{Error, Result};

/// A tensor in memory, as its file stores it.
pub struct CpuWeight {
    pub(super) block_type: BlockType,
    pub(super) rows: usize,
    pub(super) cols: usize,
    pub(super) data: Data,
}

pub(super) enum Data {
    F32(Vec<f32>),
    Blocks(Vec<u8>),
}

impl CpuWeight {
    /// The values of row `row`.
    pub(super) fn row(&self, row: usize, out: &mut [f32]) {
        match &self.data {
            Data::F32(values) => out.copy_from_slice(&values[row * self.cols..][..self.cols]),
            Data::Blocks(_) => self.block_type.dequantize(self.row_bytes(row), out),
        }
    }

    /// The blocks of row `row`. F32 has none: [`CpuWeight::values`] gives these.
    pub(super) fn row_bytes(&self, row: usize) -> &[u8] {
        let stride = self.block_type.bytes_of(self.cols);
        &self.blocks()[row * stride..][..stride]
    }

    /// The blocks of all rows; empty for F32.
    pub(super) fn blocks(&self) -> &[u8] {
        match &self.data {
            Data::F32(_) => &[],
            Data::Blocks(bytes) => bytes,
        }
    }

    /// All values of an F32 tensor; empty for others.
    pub(super) fn values(&self) -> &[f32] {
        match &self.data {
            Data::F32(values) => values,
            Data::Blocks(_) => &[],
        }
    }
}

/// Bytes of a tensor in memory.
pub(super) fn data_bytes(block_type: BlockType, rows: usize, cols: usize) -> u64 {
    let row = cols.div_ceil(block_type.block_len()) as u64 * block_type.block_bytes() as u64;
    rows as u64 * row
}

/// A matrix of a type for tests, and its values.
#[cfg(test)]
pub(super) fn example(block_type: BlockType, rows: usize, cols: usize) -> (CpuWeight, Vec<f32>) {
    let bytes = block_type.quantize(&waves(rows * cols, 0.37));
    let mut w = CpuStore.allocate("test", block_type, rows, cols).unwrap();
    CpuStore.write(&mut w, 0, &bytes).unwrap();
    let mut values = vec![0.0; rows * cols];
    block_type.dequantize(&bytes, &mut values);
    (w, values)
}

/// Numbers of many sizes for tests.
#[cfg(test)]
pub(super) fn waves(n: usize, step: f32) -> Vec<f32> {
    (0..n).map(|i| (i as f32 * step).sin() * (1.0 + (i % 7) as f32)).collect()
}

/// Keeps weights in memory.
#[derive(Default)]
pub struct CpuStore;

impl WeightStore for CpuStore {
    type Weight = CpuWeight;

    fn allocate(&mut self, name: &str, block_type: BlockType, rows: usize, cols: usize) -> Result<CpuWeight> {
        let bytes = data_bytes(block_type, rows, cols);
        let no_room = || {
            Error::OutOfMemory(format!("tensor \"{name}\" needs {} MiB of memory", bytes.div_ceil(1 << 20)))
        };
        let room = usize::try_from(bytes).map_err(|_| no_room())?;
        let data = if block_type == BlockType::F32 {
            let mut values = Vec::new();
            values.try_reserve_exact(room / size_of::<f32>()).map_err(|_| no_room())?;
            Data::F32(values)
        } else {
            let mut blocks = Vec::new();
            blocks.try_reserve_exact(room).map_err(|_| no_room())?;
            Data::Blocks(blocks)
        };
        Ok(CpuWeight { block_type, rows, cols, data })
    }

    fn write(&mut self, weight: &mut CpuWeight, _offset: usize, bytes: &[u8]) -> Result<()> {
        match &mut weight.data {
            Data::F32(values) => values.extend(
                bytes.chunks_exact(4).map(|raw| f32::from_le_bytes([raw[0], raw[1], raw[2], raw[3]])),
            ),
            Data::Blocks(all) => all.extend_from_slice(bytes),
        }
        Ok(())
    }
}
