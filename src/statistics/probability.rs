//! Whether probabilities can be believed.

use super::mean;

/// The squared error of a distribution over labels, of which `truth` is the true one: Σ (p − y)², half of it where there are
/// two labels, so that it is the squared error of the probability of one (Brier, 1950).
pub fn brier(distribution: &[f64], truth: usize) -> f64 {
    let squares = |(i, p): (usize, &f64)| (p - f64::from(i == truth)).powi(2);
    let sum: f64 = distribution.iter().enumerate().map(squares).sum();
    if distribution.len() == 2 { sum / 2.0 } else { sum }
}

/// One bin of a reliability diagram.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReliabilityBin {
    pub from: f64,
    pub to: f64,
    pub n: usize,
    /// The mean probability, and the share that was right; `None` for an empty bin.
    pub confidence: Option<f64>,
    pub accuracy: Option<f64>,
}

/// Sorts answers (probability, whether it was right) into equally wide bins, each without its lower end but the first.
pub fn reliability(answers: &[(f64, bool)], bins: usize) -> Vec<ReliabilityBin> {
    let edge = |i: usize| i as f64 / bins as f64;
    let mut filled = vec![Vec::new(); bins];
    for &(p, right) in answers {
        let bin = (1..bins).take_while(|&i| p > edge(i)).count();
        filled[bin].push((p, f64::from(right)));
    }
    let bin = |(i, answers): (usize, &Vec<(f64, f64)>)| {
        let (p, right): (Vec<f64>, Vec<f64>) = answers.iter().copied().unzip();
        let (from, to, n) = (edge(i), edge(i + 1), answers.len());
        ReliabilityBin { from, to, n, confidence: mean(&p), accuracy: mean(&right) }
    };
    filled.iter().enumerate().map(bin).collect()
}

/// The expected calibration error: the mean over answers of |accuracy − confidence| of their bins (Guo and others, "On
/// calibration of modern neural networks", 2017).
pub fn calibration_error(bins: &[ReliabilityBin]) -> Option<f64> {
    let n: usize = bins.iter().map(|bin| bin.n).sum();
    let gap = |bin: &ReliabilityBin| Some((bin.accuracy? - bin.confidence?).abs() * bin.n as f64);
    (n > 0).then(|| bins.iter().filter_map(gap).sum::<f64>() / n as f64)
}
