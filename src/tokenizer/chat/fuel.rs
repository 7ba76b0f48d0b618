//! The size of a value, which a template pays for with its fuel.

use minijinja::value::{DynObject, ValueKind};
use minijinja::{Error, ErrorKind, State, Value};

/// Levels of lists and maps in a value.
const MAX_DEPTH: usize = 32;

pub(super) fn refused(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, what.into())
}

/// Namespaces, macros and `loop`: what they hold is not walked through.
pub(super) fn is_of_engine(object: &DynObject) -> bool {
    let name = object.type_name().rsplit("::").next();
    matches!(name, Some("Namespace" | "Loop" | "Macro"))
}

/// Takes the size of `value` from what is `left`.
pub(super) fn measure(value: &Value, left: &mut usize) -> Result<(), Error> {
    measure_within(value, MAX_DEPTH, left)
}

fn measure_within(value: &Value, depth: usize, left: &mut usize) -> Result<(), Error> {
    let text = value.as_str().map_or(0, str::len);
    *left = left.checked_sub(1 + text / 64).ok_or_else(|| refused("a value is too large"))?;
    let Some(object) = value.as_object() else { return Ok(()) };
    let depth = depth.checked_sub(1).ok_or_else(|| refused("a value is nested too deep"))?;
    match value.kind() {
        ValueKind::Seq => value.try_iter()?.try_for_each(|item| measure_within(&item, depth, left)),
        ValueKind::Map if !is_of_engine(object) => {
            object.try_iter_pairs().into_iter().flatten().try_for_each(|(key, item)| {
                measure_within(&key, depth, left)?;
                measure_within(&item, depth, left)
            })
        }
        kind => Err(refused(format!("a value holds a {kind}, which is no data"))),
    }
}

/// Takes the size of `value` from the fuel. A value that the fuel does not pay for is refused.
pub(super) fn pay_for(state: &mut State, value: &Value) -> Result<(), Error> {
    let (_, fuel) = state.fuel_levels().unwrap_or((0, u64::MAX));
    let mut left = usize::try_from(fuel).unwrap_or(usize::MAX);
    let before = left;
    measure(value, &mut left)?;
    state.consume_fuel((before - left) as u64).map(drop)
}
