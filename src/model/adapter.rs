//! LoRA adapters (Hu et al. 2021): beside a matrix `W` stand two thin ones, and a row of the adapter's sequence gets
//! `W x + s · α/r · B (A x)`, where `A` is `[r, in]`, `B` is `[out, r]`, and `s` is the call's own scale.
//!
//! Those of several files lie one beside the other: the `A`s of a matrix one above the other, its `B`s side by side, so
//! that two products serve rows of all adapters. In between each row keeps the columns of its own ([`Ops::choose`]).
//!
//! [`Ops::choose`]: super::Ops::choose

use super::header::read_header;
use crate::gguf::{Header, Metadata};
use crate::source::{Feed, ModelBytes, ResumableSha256};
use crate::{Error, Result};
use std::collections::HashSet;
use std::rc::Rc;

/// What stands behind the names of the two matrices.
pub(super) const A: &str = ".lora_a";
pub(super) const B: &str = ".lora_b";
/// What the tensors of a reward model's head begin with: [`crate::reward`] reads them.
pub(super) const OF_HEADS: [&str; 2] = ["reward.", "goal."];

/// The longest file that is read: it stays in memory, so that a lost device can be filled again.
const MAX_BYTES: u64 = 1 << 30;
/// A row of what the `A`s make has whole groups of this many columns, as kernels want it.
const GROUP: usize = 32;

/// A sequence's adapter, by its place among those that were loaded, and the scale of what it adds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Chosen {
    pub adapter: u32,
    pub scale: f32,
}

/// One file, as llama.cpp's `convert_lora_to_gguf.py` writes it.
pub struct Adapter {
    pub(super) name: String,
    pub(super) header: Header,
    bytes: Vec<u8>,
    /// α; where a file has none, products are not scaled by its rank.
    alpha: Option<f32>,
}

impl Adapter {
    /// Reads a whole file.
    pub async fn read(bytes: &dyn ModelBytes) -> Result<Adapter> {
        let mut feed = Feed::new(bytes.open(0).await?);
        let header = read_header(&mut feed).await?;
        let of_file = |key: &str| header.metadata.str(key).unwrap_or("").to_string();
        let (kind, method) = (of_file("general.type"), of_file("adapter.type"));
        if bytes.parts() > 1 || kind != "adapter" || method != "lora" {
            return Err(Error::InvalidArgument(format!(
                "`adapters` takes LoRA adapters in a single GGUF file; this one is {}",
                match (&kind[..], bytes.parts()) {
                    ("adapter", 1) => format!("an adapter of the type {method:?}"),
                    ("adapter", _) => "split".into(),
                    _ => "a model".into(),
                }
            )));
        }
        if let Some((key, _)) = header.metadata.iter().find(|(key, _)| key.starts_with("adapter.alora.")) {
            return Err(Error::InvalidArgument(format!(
                "the adapter has {key}: it acts behind certain tokens only, which is not supported"
            )));
        }
        // Between tensors there may be padding.
        let ends = header.tensors.iter().map(|tensor| Ok(tensor.offset.saturating_add(tensor.bytes()?)));
        let end = ends.collect::<Result<Vec<u64>>>()?.into_iter().max().unwrap_or(0);
        if end > MAX_BYTES {
            return Err(Error::OutOfMemory(format!(
                "an adapter of {} MiB was given, and at most {} MiB are read",
                end >> 20,
                MAX_BYTES >> 20
            )));
        }
        let alpha = header.metadata.f64("adapter.lora.alpha").map(|alpha| alpha as f32).filter(|a| *a != 0.0);
        if alpha.is_some_and(|alpha| !alpha.is_finite()) {
            return Err(Error::InvalidFile("its adapter.lora.alpha is no number".into()));
        }
        let mut bytes = Vec::new();
        let room = bytes.try_reserve_exact(end as usize);
        room.map_err(|_| Error::OutOfMemory(format!("an adapter needs {} MiB", end.div_ceil(1 << 20))))?;
        while (bytes.len() as u64) < end {
            feed.require(1, "the adapter").await?;
            let n = feed.available().len().min(end as usize - bytes.len());
            bytes.extend_from_slice(&feed.available()[..n]);
            feed.consume(n);
        }
        Ok(Adapter { name: of_file("general.name"), header, bytes, alpha })
    }

    /// SHA-256 of the file, in hexadecimal digits.
    pub fn sha256(&self) -> String {
        let mut hash = ResumableSha256::new();
        hash.update(&self.bytes);
        hash.digest()
    }

    pub fn metadata(&self) -> &Metadata {
        &self.header.metadata
    }

    /// The names of its tensors.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.header.tensors.iter().map(|tensor| &tensor.name[..])
    }

    /// The rank of its widest matrix.
    fn rank(&self) -> usize {
        let of_a = self.header.tensors.iter().filter(|tensor| tensor.name.ends_with(A));
        of_a.map(|tensor| tensor.matrix().0).max().unwrap_or(0)
    }

    /// The values of one of its matrices, if it has that, with the number of its rows.
    pub(crate) fn values(&self, name: &str) -> Result<Option<(usize, Vec<f32>)>> {
        let Some(tensor) = self.header.tensor(name) else { return Ok(None) };
        let start = tensor.offset as usize;
        let data = self.bytes.get(start..start + tensor.addressable()?);
        let data = data.ok_or_else(|| Error::Internal("an adapter is shorter than its header".into()))?;
        let mut values = vec![0.0; tensor.elements() as usize];
        tensor.block_type()?.dequantize(data, &mut values);
        Ok(Some((tensor.matrix().0, values)))
    }
}

/// The adapters of a model, each with the name that it is chosen by.
#[derive(Clone, Default)]
pub struct Adapters(Rc<[(String, Rc<Adapter>)]>);

impl Adapters {
    /// With names that tell them apart: their own, or where that is missing or another's, "adapter 1" and so on.
    pub(super) fn new(adapters: &[Rc<Adapter>]) -> Adapters {
        let mut names = HashSet::new();
        let name = |(i, adapter): (usize, &Rc<Adapter>)| {
            let own = !adapter.name.is_empty() && names.insert(adapter.name.clone());
            (if own { adapter.name.clone() } else { format!("adapter {}", i + 1) }, adapter.clone())
        };
        Adapters(adapters.iter().enumerate().map(name).collect())
    }

    /// What the file of one of them says of itself.
    pub fn metadata(&self, adapter: Chosen) -> Option<&Metadata> {
        self.0.get(adapter.adapter as usize).map(|(_, adapter)| adapter.metadata())
    }

    /// By which they are chosen.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| &name[..])
    }

    fn all(&self) -> impl Iterator<Item = &Adapter> {
        self.0.iter().map(|(_, adapter)| &**adapter)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes of the files, which stay in memory.
    pub fn bytes(&self) -> u64 {
        self.all().map(|adapter| adapter.bytes.len() as u64).sum()
    }

    /// Columns of each adapter in what the `A`s make.
    pub(super) fn width(&self) -> usize {
        self.all().map(Adapter::rank).max().unwrap_or(0)
    }

    /// Columns of all of them, and what fills them up to whole groups.
    pub(super) fn columns(&self) -> usize {
        (self.0.len() * self.width()).next_multiple_of(GROUP)
    }

    /// Whether any has matrices for this tensor.
    pub(super) fn change(&self, tensor: &str) -> bool {
        self.all().any(|adapter| adapter.header.tensor(&format!("{tensor}{A}")).is_some())
    }

    /// The `A`s of a tensor, `[columns, cols]`.
    pub(super) fn a(&self, tensor: &str, cols: usize) -> Result<Vec<f32>> {
        let mut all = zeros(self.columns() * cols)?;
        for (adapter, rows) in self.all().zip(all.chunks_exact_mut(self.width() * cols)) {
            if let Some((_, values)) = adapter.values(&format!("{tensor}{A}"))? {
                rows[..values.len()].copy_from_slice(&values);
            }
        }
        Ok(all)
    }

    /// Rows `first ..` of its `B`s times α/r, `[rows, columns]`.
    pub(super) fn b(&self, tensor: &str, first: usize, rows: usize) -> Result<Vec<f32>> {
        let (columns, width) = (self.columns(), self.width());
        let mut all = zeros(rows * columns)?;
        for (i, adapter) in self.all().enumerate() {
            let Some((outputs, values)) = adapter.values(&format!("{tensor}{B}"))? else { continue };
            let rank = values.len() / outputs;
            let scale = adapter.alpha.map_or(1.0, |alpha| alpha / rank as f32);
            let own = values.chunks_exact(rank).skip(first);
            for (row, values) in all.chunks_exact_mut(columns).zip(own) {
                row[i * width..].iter_mut().zip(values).for_each(|(to, value)| *to = scale * value);
            }
        }
        Ok(all)
    }
}

fn zeros(count: usize) -> Result<Vec<f32>> {
    let mut values = Vec::new();
    values.try_reserve_exact(count).map_err(|_| {
        Error::OutOfMemory(format!(
            "the adapters of one matrix need {} MiB",
            (count as u64 * 4).div_ceil(1 << 20)
        ))
    })?;
    values.resize(count, 0.0);
    Ok(values)
}

/// The same files, not files that are alike.
impl PartialEq for Adapters {
    fn eq(&self, other: &Adapters) -> bool {
        Rc::ptr_eq(&self.0, &other.0) || self.is_empty() && other.is_empty()
    }
}

impl std::fmt::Debug for Adapter {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "the adapter {:?}", self.name)
    }
}

impl std::fmt::Debug for Adapters {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}
