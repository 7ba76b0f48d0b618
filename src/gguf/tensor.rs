use super::reader::{Reader, Stop};
use crate::quant::BlockType;
use crate::{Error, Result};

/// An entry of the tensor table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    pub name: String,
    /// Innermost first, as GGUF writes them: a matrix `[out, in]` has dims `[in, out]`.
    pub dims: Vec<u64>,
    /// The `ggml_type` number.
    pub type_id: u32,
    /// The file that holds the data, of those that a model is split over; 0 for the first and the only one.
    pub part: usize,
    /// Where the data begins, in bytes from the start of that file.
    pub offset: u64,
}

impl TensorInfo {
    pub(super) fn read(r: &mut Reader, alignment: u64) -> Result<TensorInfo, Stop> {
        let name = r.string()?;
        let rank = r.u32()?;
        if !(1..=4).contains(&rank) {
            return Err(Stop::Invalid(format!("tensor \"{name}\" has {rank} dimensions")));
        }
        let mut dims = Vec::new();
        for _ in 0..rank {
            dims.push(r.u64()?);
        }
        let (type_id, offset) = (r.u32()?, r.u64()?);
        let info = TensorInfo { name, dims, type_id, part: 0, offset };
        if info.checked_elements().is_none() {
            return Err(Stop::Invalid(format!(
                "tensor \"{}\" has the impossible shape {:?}",
                info.name, info.dims
            )));
        }
        if !offset.is_multiple_of(alignment) {
            return Err(Stop::Invalid(format!("the data of tensor \"{}\" is not aligned", info.name)));
        }
        Ok(info)
    }

    /// The number of elements, where it is positive and its bytes can be counted.
    fn checked_elements(&self) -> Option<u64> {
        let n = self.dims.iter().try_fold(1u64, |n, &d| n.checked_mul(d))?;
        (n > 0 && n < 1 << 48).then_some(n)
    }

    pub fn elements(&self) -> u64 {
        self.dims.iter().product()
    }

    pub fn block_type(&self) -> Result<BlockType> {
        BlockType::from_ggml(self.type_id)
            .map_err(|block_type| Error::UnsupportedTensorType { tensor: self.name.clone(), block_type })
    }

    /// Bytes of its data.
    pub fn bytes(&self) -> Result<u64> {
        let block_type = self.block_type()?;
        let (len, size) = (block_type.block_len() as u64, block_type.block_bytes() as u64);
        match self.dims.first() {
            Some(cols) if cols % len == 0 => Ok(self.elements() / len * size),
            _ => Err(Error::InvalidFile(format!(
                "tensor \"{}\" has rows of {:?} elements, which {} cannot hold",
                self.name,
                self.dims.first(),
                block_type.name()
            ))),
        }
    }

    /// Bytes of its data, where they can be addressed: numbers of 32 bits, as WebAssembly has them, end at 4 GiB.
    pub fn addressable(&self) -> Result<usize> {
        let (bytes, elements) = (self.bytes()?, self.elements());
        match (usize::try_from(bytes), usize::try_from(elements)) {
            (Ok(bytes), Ok(_)) => Ok(bytes),
            _ => Err(Error::OutOfMemory(format!(
                "tensor \"{}\" has {elements} weights in {bytes} bytes, and WebAssembly counts up to {} of either",
                self.name,
                usize::MAX
            ))),
        }
    }

    /// The shape as a matrix: `(rows, cols)`; a vector is one row. What cannot be counted here is as large as it gets.
    pub fn matrix(&self) -> (usize, usize) {
        let cols = self.dims.first().copied().unwrap_or(0);
        let counted = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        (counted(self.elements() / cols.max(1)), counted(cols))
    }
}

/// Sorts the tensors by their place in the file and turns offsets within the data into offsets within the file.
/// Overlapping tensors are refused: a file is read in one pass.
pub(super) fn place(tensors: &mut [TensorInfo], data_start: u64) -> Result<(), Stop> {
    tensors.sort_by_key(|t| t.offset);
    let mut end = data_start;
    for tensor in tensors {
        tensor.offset = match tensor.offset.checked_add(data_start) {
            Some(offset) if offset < 1 << 56 => offset,
            _ => {
                return Err(Stop::Invalid(format!("the data of tensor \"{}\" is out of reach", tensor.name)));
            }
        };
        if tensor.offset < end {
            return Err(Stop::Invalid(format!("the data of tensor \"{}\" overlaps another's", tensor.name)));
        }
        end = tensor.offset + tensor.bytes().unwrap_or(0);
    }
    Ok(())
}
