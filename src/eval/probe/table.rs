//! All probes in one table.

use super::attacks::ATTACKS;
use super::biases::BIASES;
use super::variant::Variant;

/// Every change: those of the biases, then the attacks.
pub static VARIANTS: [&Variant; BIASES.len() + ATTACKS.len()] = {
    let mut all = [&BIASES[0]; BIASES.len() + ATTACKS.len()];
    let mut i = 0;
    while i < all.len() {
        all[i] = if i < BIASES.len() { &BIASES[i] } else { &ATTACKS[i - BIASES.len()] };
        i += 1;
    }
    all
};

#[cfg(test)]
mod tests {
    use super::super::variant::Probe;
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_lead_to_their_probes() {
        for probe in Probe::ALL {
            assert_eq!(probe.name().parse(), Ok(probe));
            assert!(VARIANTS.iter().any(|variant| variant.probe == probe), "{probe}");
        }
        assert!("lenght".parse::<Probe>().unwrap_err().contains("verbosity"));
        let names: BTreeSet<&str> = VARIANTS.iter().map(|variant| variant.name).collect();
        assert_eq!(names.len(), VARIANTS.len());
    }
}
