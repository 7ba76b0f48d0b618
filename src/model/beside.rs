//! Which adapters belong to which model, and where in it their matrices lie.

use super::adapter::{A, Adapter, Adapters, B, OF_HEADS};
use super::config::Config;
use super::tensors::{ADAPTERS_A, ADAPTERS_B, BIAS, Tensors, Wanted, expected};
use crate::gguf::Header;
use crate::{Error, Result};
use std::rc::Rc;

/// The largest rank that is read; few have more than 64.
const MAX_RANK: usize = 512;
/// Most adapters beside a model.
const MAX_ADAPTERS: usize = 16;

impl Config {
    /// With adapters beside its matrices. Fails with the first that does not belong to this model.
    pub fn with_adapters(mut self, header: &Header, adapters: &[Rc<Adapter>]) -> Result<Config> {
        if adapters.len() > MAX_ADAPTERS {
            return Err(Error::InvalidArgument(format!(
                "{} `adapters` were given, and at most {MAX_ADAPTERS} are held",
                adapters.len()
            )));
        }
        let tensors = expected(header, &self)?;
        adapters.iter().try_for_each(|adapter| check(adapter, header, &tensors))?;
        self.adapters = Adapters::new(adapters);
        Ok(self)
    }
}

/// Fails unless an adapter belongs to the model of `base`, whose tensors are `tensors`.
fn check(adapter: &Adapter, base: &Header, tensors: &Tensors) -> Result<()> {
    let text = |header: &Header, key: &str| header.metadata.str(key).unwrap_or("unnamed").to_string();
    let other = |why: String| {
        let of_base = text(base, "general.name");
        Err(Error::InvalidArgument(format!(
            "the adapter {:?} is none for the model {of_base:?}: {why}. Load the model that it was trained on",
            adapter.name
        )))
    };
    let [mine, theirs] = [&adapter.header, base].map(|header| text(header, "general.architecture"));
    if mine != theirs {
        return other(format!("it is for the architecture {mine}, and that is {theirs}"));
    }
    if adapter.header.tensors.is_empty() {
        return other("it has no matrices".into());
    }
    let of_head = |name: &str| OF_HEADS.iter().any(|begin| name.starts_with(begin));
    for tensor in adapter.header.tensors.iter().filter(|tensor| !of_head(&tensor.name)) {
        let target = tensor.name.strip_suffix(A).or(tensor.name.strip_suffix(B));
        let Some(target) = target else { return other(format!("it has a tensor {:?}", tensor.name)) };
        let Some(Wanted { rows, cols, .. }) = tensors.get(target).filter(|_| adaptable(target)) else {
            return other(format!("it changes {target:?}, beside which nothing can stand here"));
        };
        let [a, b] = [A, B].map(|end| adapter.header.tensor(&format!("{target}{end}")));
        let (Some(a), Some(b)) = (a, b) else {
            return other(format!("{target:?} has one matrix of two"));
        };
        a.addressable()?;
        b.addressable()?;
        let ((rank, inputs), (outputs, same)) = (a.matrix(), b.matrix());
        if (inputs, outputs) != (*cols, *rows) || rank != same || rank > MAX_RANK {
            return other(format!(
                "its matrices for {target:?} are {rank} × {inputs} and {outputs} × {same}, and that is {rows} × {cols}"
            ));
        }
    }
    Ok(())
}

/// The matrices that can have adapters beside them: those of blocks.
fn adaptable(tensor: &str) -> bool {
    tensor.starts_with("blk.") && !tensor.ends_with(BIAS) && !tensor.contains("norm")
}

/// Some rows of a tensor that has adapters: a weight of the model.
pub(super) struct Beside {
    pub tensor: String,
    /// The first of the rows.
    pub first: usize,
    pub rows: usize,
    pub cols: usize,
    /// The names of its two matrices among the weights.
    pub names: [String; 2],
}

/// The weights of a model that have adapters beside them.
pub(super) fn beside(adapters: &Adapters, tensors: &Tensors) -> Vec<Beside> {
    let mut all = Vec::new();
    for (tensor, wanted) in tensors.iter().filter(|(tensor, _)| adapters.change(tensor)) {
        let mut first = 0;
        for (weight, rows) in &wanted.weights {
            let names = [ADAPTERS_A, ADAPTERS_B].map(|end| format!("{weight}{end}"));
            all.push(Beside { tensor: tensor.clone(), first, rows: *rows, cols: wanted.cols, names });
            first += rows;
        }
    }
    all.sort_by(|a, b| a.names.cmp(&b.names));
    all
}
