//! How much work a step and a submit may have: pure functions of the model's size and of what the adapter can do.

use super::decide::{Capabilities, ROW_PADDING};
use std::time::Duration;

/// The rows that a prefill step may have. On a software adapter few enough that a step of a model with
/// `matmul_weights` weights ends within about two seconds, so that an abort is soon heard.
pub fn max_rows(matmul_weights: u64, capabilities: &Capabilities) -> usize {
    const SOFTWARE_PRODUCTS: u64 = 3_500_000_000;
    if capabilities.software {
        let rows = (SOFTWARE_PRODUCTS / matmul_weights.max(1)).clamp(8, 256) as usize;
        rows / ROW_PADDING * ROW_PADDING
    } else {
        512
    }
}

/// How long a submit should take. Short: a page can draw between two, and a cancelled call ends soon. Long beside the
/// overhead of submitting.
pub const SUBMIT: Duration = Duration::from_millis(60);

/// Products of a submit when nothing is known yet: for a slow adapter of the kind.
pub fn first_submit(capabilities: &Capabilities) -> f64 {
    if capabilities.software { 1e8 } else { 6e9 }
}

/// Products that a submit may have, where `known` were allowed and one of `products` has just taken so long.
pub fn next_submit(known: f64, products: f64, took: Duration) -> f64 {
    // A submit much smaller than allowed was short because there was little work.
    if took < SUBMIT && products < known / 2.0 {
        return known;
    }
    let fitting = products * SUBMIT.as_secs_f64() / took.as_secs_f64().max(1e-6);
    // One measurement may be off: others use the adapter too.
    fitting.clamp(known / 2.0, known * 2.0).clamp(1e6, 1e13)
}

/// The rows of a prefill step, at most `most`. A dispatch cannot be cut: the largest, with `largest` products a row,
/// should take no longer than a few submits of `submit` products each.
pub fn step_rows(most: usize, largest: u64, submit: f64) -> usize {
    const SUBMITS: f64 = 4.0;
    // With fewer rows, reading the weights does not pay.
    const LEAST: usize = 64;
    let fitting = (SUBMITS * submit / largest.max(1) as f64) as usize;
    (fitting / ROW_PADDING * ROW_PADDING).max(LEAST).min(most)
}

/// Decoding steps that are submitted before the first token is read back, for a model with `matmul_weights` weights: as
/// many as end within about a tenth of a second on a slow adapter. A read-back costs as much as a few million products,
/// so larger models gain nothing from more.
pub fn steps_ahead(matmul_weights: u64, capabilities: &Capabilities) -> usize {
    let (products, most) = if capabilities.software { (35_000_000, 4) } else { (16_000_000_000, 8) };
    (products / matmul_weights.max(1)).clamp(1, most) as usize
}

#[cfg(test)]
mod tests {
    use super::super::decide::tests::{HARDWARE, SOFTWARE};
    use super::*;

    #[test]
    fn steps_on_software_are_short() {
        assert_eq!(max_rows(135_000_000, &SOFTWARE), 24);
        assert_eq!(max_rows(8_000_000_000, &SOFTWARE), 8);
        assert_eq!(max_rows(10_000, &SOFTWARE), 256);
        assert_eq!(max_rows(8_000_000_000, &HARDWARE), 512);
    }

    #[test]
    fn few_steps_are_ahead_of_an_abort() {
        let table = [(10_000, 4, 8), (135_000_000, 1, 8), (3_000_000_000, 1, 5), (8_000_000_000, 1, 2)];
        for (weights, software, hardware) in table {
            assert_eq!(steps_ahead(weights, &SOFTWARE), software);
            assert_eq!(steps_ahead(weights, &HARDWARE), hardware);
        }
    }

    #[test]
    fn submits_come_to_take_as_long_as_they_should() {
        let ms = Duration::from_millis;
        // (allowed, products, took) and what is allowed next.
        let table = [
            (1e8, 1e8, ms(60), 1e8),
            (1e8, 1e8, ms(80), 7.5e7),
            (1e8, 8e7, ms(40), 1.2e8),
            // No more than doubled, nor than halved.
            (1e8, 1e8, ms(1), 2e8),
            (1e8, 1e8, ms(0), 2e8),
            (1e8, 1e8, ms(4000), 5e7),
            // Little work says something only where it took too long.
            (1e8, 1e6, ms(1), 1e8),
            (1e8, 4e7, ms(48), 1e8),
            (1e8, 1e6, ms(100), 5e7),
            (1e6, 1e6, ms(500), 1e6),
            (1e13, 1e13, ms(1), 1e13),
        ];
        for (known, products, took, next) in table {
            let got = next_submit(known, products, took);
            assert!((got / next - 1.0).abs() < 1e-9, "{known:e} {products:e} {took:?}: {got:e}");
        }
        // From the first guess to the pace of a fast and of a slow adapter.
        for (capabilities, rate) in [(SOFTWARE, 4e8), (SOFTWARE, 4e10), (HARDWARE, 1e10), (HARDWARE, 1e14)] {
            let mut allowed = first_submit(&capabilities);
            for _ in 0..24 {
                allowed = next_submit(allowed, allowed, Duration::from_secs_f64(allowed / rate));
            }
            let takes = allowed / rate / SUBMIT.as_secs_f64();
            assert!((0.99..1.01).contains(&takes) || allowed == 1e13, "{rate:e}: {takes}");
        }
    }

    #[test]
    fn steps_on_weak_hardware_have_fewer_rows() {
        // Gate and up of Llama-3.1-8B are one map.
        let largest = 2 * 14336 * 4096;
        let table = [
            // SmolLM2-135M, at the first guess.
            (512, 2 * 1536 * 576, 6e9, 512),
            (512, largest, 6e9, 200),
            (512, largest, 1e9, 64),
            (512, largest, 1e13, 512),
            (24, 2 * 1536 * 576, 1e8, 24),
            (8, largest, 1e6, 8),
        ];
        for (most, largest, submit, rows) in table {
            assert_eq!(step_rows(most, largest, submit), rows, "{most} {largest} {submit:e}");
        }
    }
}
