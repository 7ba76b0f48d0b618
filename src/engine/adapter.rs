//! Which adapter a call is computed with.

use crate::model::Chosen;
use crate::{Error, Result};
use serde::Deserialize;

/// One of the adapters that the model was loaded with: by its name, `null` for none of them, or with the scale of what it
/// adds (1 where not given; 0 adds nothing, and more than 1 or less than 0 is possible).
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(from = "Option<Named>")]
pub enum AdapterChoice {
    /// The first that was loaded, if any was.
    #[default]
    First,
    None,
    Named {
        name: String,
        scale: f32,
    },
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
    pub(super) fn among(&self, names: &[String]) -> Result<Option<Chosen>> {
        match self {
            AdapterChoice::First => Ok((!names.is_empty()).then_some(Chosen { adapter: 0, scale: 1.0 })),
            AdapterChoice::None => Ok(None),
            AdapterChoice::Named { scale, .. } if !scale.is_finite() => {
                Err(Error::InvalidArgument("`adapter.scale` must be a number".into()))
            }
            AdapterChoice::Named { name, scale } => match names.iter().position(|known| known == name) {
                // With the scale 0 it is the model itself, and its cache too.
                Some(_) if *scale == 0.0 => Ok(None),
                Some(at) => Ok(Some(Chosen { adapter: at as u32, scale: *scale })),
                None => Err(Error::InvalidArgument(format!(
                    "there is no adapter {name:?}; {}",
                    match names {
                        [] => "the model was loaded without any: see `adapters` of its load".into(),
                        names => format!("loaded are {names:?}"),
                    }
                ))),
            },
        }
    }
}
