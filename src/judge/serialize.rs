//! How rubrics and verdicts are written down.

use serde::{Serialize, Serializer};

/// Pairs as one object whose keys keep their order.
pub(super) fn as_object<K: ToString, V: Serialize, S: Serializer>(
    pairs: &[(K, V)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().map(|(key, value)| (key.to_string(), value)))
}

/// A count that is only worth a word when it is not 0.
pub(super) fn is_zero(count: &usize) -> bool {
    *count == 0
}
