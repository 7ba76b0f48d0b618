//! Hashes of rows with all that their verdicts depend on.

use serde::Serialize;
use sha2::{Digest, Sha256};

/// Hashes rows under some settings. Verdicts with the same hash are interchangeable.
#[derive(Clone)]
pub struct Fingerprint(Sha256);

impl Fingerprint {
    /// `settings` is everything that a verdict depends on, but for the row.
    pub fn new(settings: &impl Serialize) -> serde_json::Result<Fingerprint> {
        let text = serde_json::to_vec(settings)?;
        Ok(Fingerprint(Sha256::new().chain_update(text).chain_update(b"\n")))
    }

    /// 64 bits in hexadecimal: rows that were changed are to be noticed, not forgeries.
    pub fn of(&self, row: &[u8]) -> String {
        let digest = self.0.clone().chain_update(row).finalize();
        digest[..8].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
