use crate::{Error, Result};
use sha2::digest::common::hazmat::{SerializableState, SerializedState};
use sha2::{Digest, Sha256};

/// SHA-256 whose state can be kept and taken up again: a download that goes on after a break is not hashed twice.
#[derive(Clone, Default)]
pub struct ResumableSha256(Sha256);

/// Saved states begin with it, so that those of another layout are not taken for ours.
const LAYOUT: u8 = 1;

impl ResumableSha256 {
    pub fn new() -> ResumableSha256 {
        ResumableSha256::default()
    }

    /// Goes on from what [`ResumableSha256::save`] gave.
    pub fn restore(state: &[u8]) -> Result<ResumableSha256> {
        let unusable =
            || Error::InvalidArgument("this is no saved state of a hash: hash from the beginning".into());
        let state = state.strip_prefix(&[LAYOUT]).ok_or_else(unusable)?;
        let state = SerializedState::<Sha256>::try_from(state).map_err(|_| unusable())?;
        Sha256::deserialize(&state).map(ResumableSha256).map_err(|_| unusable())
    }

    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The state after the bytes so far.
    pub fn save(&self) -> Vec<u8> {
        [&[LAYOUT], self.0.serialize().as_slice()].concat()
    }

    /// The hash of the bytes so far, in lower-case hexadecimal.
    pub fn digest(&self) -> String {
        self.0.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The examples of FIPS 180-4, and the million letters of its predecessor.
    #[test]
    fn published_hashes() {
        let million = "a".repeat(1_000_000);
        let table = [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
            ),
            (&million, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
        ];
        for (text, expected) in table {
            let mut hash = ResumableSha256::new();
            hash.update(text.as_bytes());
            assert_eq!(hash.digest(), expected);
        }
    }

    #[test]
    fn what_is_no_state_is_refused() {
        let state = ResumableSha256::new().save();
        let long = [&state[..], &[0]].concat();
        let (mut other, mut overfull) = (state.clone(), state.clone());
        other[0] = 2;
        // The byte that says how much of a block is waiting.
        overfull[41] = 0xff;
        for bad in [&[][..], &state[1..], &long, &other, &overfull] {
            assert!(matches!(ResumableSha256::restore(bad), Err(Error::InvalidArgument(_))));
        }
    }

    proptest! {
        /// Wherever it is saved and taken up again, the hash is that of the whole.
        #[test]
        fn a_break_changes_nothing(bytes in proptest::collection::vec(any::<u8>(), 0..400), cut in 0usize..400) {
            let mut whole = ResumableSha256::new();
            whole.update(&bytes);
            let (before, after) = bytes.split_at(cut.min(bytes.len()));
            let mut first = ResumableSha256::new();
            first.update(before);
            let mut second = ResumableSha256::restore(&first.save()).unwrap();
            second.update(after);
            prop_assert_eq!(second.digest(), whole.digest());
        }
    }
}
