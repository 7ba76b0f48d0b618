//! The file of a head: the GGUF of a LoRA adapter with `reward.N.weight`, the layers that make a reward of a state, and
//! `goal.NAME`, the states to come near to. The package that trains them writes it.

use super::goal::Goal;
use crate::model::Adapter;
use crate::source::ModelBytes;
use crate::{Error, Result};
use std::rc::Rc;

/// A trained head, with the adapter that it was trained with.
#[derive(Debug, Clone)]
pub struct Head {
    adapter: Rc<Adapter>,
    layers: Vec<Layer>,
    goals: Vec<Goal>,
}

/// A matrix `[rows, cols]`. Between two layers stands a ReLU.
#[derive(Debug, Clone)]
struct Layer {
    cols: usize,
    weights: Vec<f32>,
}

/// Most layers of a head; a published one has four.
const MOST_LAYERS: u64 = 16;

impl Head {
    pub async fn read(bytes: &dyn ModelBytes) -> Result<Head> {
        Head::of(Rc::new(Adapter::read(bytes).await?))
    }

    /// # Errors
    /// [`Error::InvalidArgument`] for an adapter without a head, [`Error::InvalidFile`] for one that is not sound.
    pub fn of(adapter: Rc<Adapter>) -> Result<Head> {
        let unsound = |what: &str| Error::InvalidFile(format!("the head of the reward model: {what}"));
        let count = adapter.metadata().u64("lunette.reward.layers").unwrap_or(0);
        if count == 0 {
            return Err(Error::InvalidArgument(
                "`head` takes a reward model's head; this file is an adapter without one".into(),
            ));
        }
        if count > MOST_LAYERS {
            return Err(unsound(&format!("it has {count} layers, and at most {MOST_LAYERS} are read")));
        }
        let mut layers: Vec<Layer> = Vec::new();
        let mut rows = None;
        for i in 0..count {
            let name = format!("reward.{i}.weight");
            let (of_this, weights) =
                adapter.values(&name)?.ok_or_else(|| unsound(&format!("it lacks {name}")))?;
            let cols = weights.len() / of_this.max(1);
            if cols == 0
                || rows.is_some_and(|before| before != cols)
                || weights.iter().any(|weight| !weight.is_finite())
            {
                return Err(unsound(&format!("{name} does not follow the one before, or holds no numbers")));
            }
            rows = Some(of_this);
            layers.push(Layer { cols, weights });
        }
        if rows != Some(1) {
            return Err(unsound("its last layer does not make one number"));
        }
        let mut goals = Vec::new();
        for name in adapter.names().filter_map(|name| name.strip_prefix("goal.")) {
            let state = adapter.values(&format!("goal.{name}"))?.map(|(_, state)| state).unwrap_or_default();
            if state.len() != layers[0].cols || state.iter().any(|value| !value.is_finite()) {
                return Err(unsound(&format!("the goal {name:?} is no state")));
            }
            goals.push(Goal { name: name.into(), state });
        }
        if goals.is_empty() {
            return Err(unsound("it has no goals"));
        }
        Ok(Head { adapter, layers, goals })
    }

    /// To load a model with.
    pub fn adapter(&self) -> &Rc<Adapter> {
        &self.adapter
    }

    pub fn goals(&self) -> &[Goal] {
        &self.goals
    }

    /// Fails for a model of another width.
    pub(super) fn check(&self, width: usize) -> Result<()> {
        match self.layers[0].cols {
            own if own == width => Ok(()),
            own => Err(Error::InvalidArgument(format!(
                "the head is for states of {own} numbers, and the model's have {width}. Load the model that it was trained on"
            ))),
        }
    }

    /// Of the last token's state.
    pub(super) fn reward(&self, state: &[f32]) -> f32 {
        let mut x = state.to_vec();
        for (i, Layer { cols, weights }) in self.layers.iter().enumerate() {
            if i > 0 {
                x.iter_mut().for_each(|v| *v = v.max(0.0));
            }
            let product = |row: &[f32]| row.iter().zip(&x).map(|(w, x)| w * x).sum::<f32>();
            x = weights.chunks_exact(*cols).map(product).collect();
        }
        x[0]
    }
}
