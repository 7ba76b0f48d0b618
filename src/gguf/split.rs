//! Models that are split over several files, as llama.cpp's `gguf-split` writes them: all metadata in the first, and in
//! each a tensor table of its own, its number (`split.no`, from 0), the number of files (`split.count`) and the number of
//! tensors in all of them (`split.tensors.count`).

use super::{Header, Metadata};
use crate::{Error, Result};

const NUMBER: &str = "split.no";
const COUNT: &str = "split.count";
const TENSORS: &str = "split.tensors.count";

impl Header {
    /// The header of the whole model from those of all its files, in order. Fails where they do not belong together.
    pub fn join(parts: Vec<Header>) -> Result<Header> {
        let count = parts.len();
        for (part, header) in parts.iter().enumerate() {
            check_place(&header.metadata, part, count)?;
        }
        let stated = parts.first().and_then(|first| first.metadata.u64(TENSORS));
        let mut parts = parts.into_iter();
        let mut whole =
            parts.next().ok_or_else(|| Error::InvalidArgument("a model has at least one file".into()))?;
        for (part, header) in (1..).zip(parts) {
            if header.metadata.u64(TENSORS) != stated {
                return Err(stranger(part, count));
            }
            whole.append(part, header)?;
        }
        match stated {
            Some(stated) if count > 1 && stated != whole.tensors.len() as u64 => {
                Err(Error::InvalidFile(format!(
                    "its {count} parts hold {} tensors, where the first says that there are {stated}: one of them is a part \
                 of another model",
                    whole.tensors.len()
                )))
            }
            _ => Ok(whole),
        }
    }

    fn append(&mut self, part: usize, header: Header) -> Result<()> {
        for mut tensor in header.tensors {
            tensor.part = part;
            if let Some(first) = self.by_name.insert(tensor.name.clone(), self.tensors.len()) {
                return Err(Error::InvalidFile(format!(
                    "tensor \"{}\" is in part {} and in part {}",
                    tensor.name,
                    self.tensors[first].part + 1,
                    part + 1
                )));
            }
            self.tensors.push(tensor);
        }
        Ok(())
    }
}

/// Whether a file is the one that is wanted at its place.
fn check_place(meta: &Metadata, part: usize, count: usize) -> Result<()> {
    let wrong = |what: String| Err(Error::InvalidArgument(what));
    let (place, stated) = (part + 1, meta.u64(COUNT).unwrap_or(1));
    let number = meta.u64(NUMBER).unwrap_or(0).saturating_add(1);
    if stated == 1 {
        return match count {
            1 => Ok(()),
            _ => wrong(format!(
                "part {place} of {count} is no part of a split model: give it alone, or give all parts"
            )),
        };
    }
    if stated != count as u64 {
        return wrong(format!(
            "part {place} of {count} is part {number} of a model that is split over {stated} files: give all of them, in order"
        ));
    }
    if number != place as u64 {
        return wrong(format!(
            "at the place of part {place} of {count} there is part {number}: give the parts in order"
        ));
    }
    Ok(())
}

fn stranger(part: usize, count: usize) -> Error {
    Error::InvalidArgument(format!("part {} of {count} is a part of another model than the first", part + 1))
}
