//! Which adapter a call is computed with.

use crate::model::Chosen;
use crate::{Error, Result};
use serde::Deserialize;

/// One of the adapters that the model was loaded with: by its name, `null` for none of them, or with the scale of what it
/// adds (1 where not given; 0 adds nothing, and more than 1 or less than 0 is possible).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(from = "Option<Named>")]
pub enum AdapterChoice {
    /// The first that was loaded, if any was: what a call takes that does not say.
    First {
        scale: f32,
    },
    None,
    /// That of the reward model's head.
    Head,
    Named {
        name: String,
        scale: f32,
    },
}

impl Default for AdapterChoice {
    fn default() -> Self {
        AdapterChoice::First { scale: 1.0 }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Named {
    Name(String),
    Scaled {
        name: String,
        #[serde(default = "one")]
        scale: f32,
    },
}

fn one() -> f32 {
    1.0
}

impl From<Option<Named>> for AdapterChoice {
    fn from(named: Option<Named>) -> AdapterChoice {
        match named {
            None => AdapterChoice::None,
            Some(Named::Name(name)) => AdapterChoice::Named { name, scale: 1.0 },
            Some(Named::Scaled { name, scale }) => AdapterChoice::Named { name, scale },
        }
    }
}

impl AdapterChoice {
    pub(super) fn among(&self, names: &[String], head: Option<usize>) -> Result<Option<Chosen>> {
        let (at, scale) = match self {
            AdapterChoice::None => return Ok(None),
            AdapterChoice::Head => match head {
                None => return Err(Error::InvalidArgument("the model was loaded without `head`".into())),
                at => (at, 1.0),
            },
            AdapterChoice::First { scale } => (Some(0).filter(|_| !names.is_empty()), *scale),
            AdapterChoice::Named { name, scale } => match names.iter().position(|known| known == name) {
                None => return Err(unknown(name, names)),
                at => (at, *scale),
            },
        };
        if !scale.is_finite() {
            return Err(Error::InvalidArgument("`adapter.scale` must be a number".into()));
        }
        // With the scale 0 it is the model itself, and its cache too.
        Ok(at.filter(|_| scale != 0.0).map(|at| Chosen { adapter: at as u32, scale }))
    }
}

fn unknown(name: &str, names: &[String]) -> Error {
    Error::InvalidArgument(match names {
        [] => format!(
            "there is no adapter {name:?}: the model was loaded without any, see `adapters` of its load"
        ),
        names => format!("there is no adapter {name:?}; loaded are {names:?}"),
    })
}
