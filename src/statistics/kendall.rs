//! Kendall's τ-b.

/// Kendall's τ-b: (concordant − discordant pairs) ⁄ √(pairs untied in x · pairs untied in y). `None` when either side is
/// constant. Discordant pairs are the exchanges of a merge sort (Knight, "A computer method for calculating Kendall's tau",
/// 1966).
pub fn kendall(pairs: &[(f64, f64)]) -> Option<f64> {
    if !super::finite(pairs) {
        return None;
    }
    let mut sorted = pairs.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let tied_x = tied(&sorted, |a, b| a.0 == b.0);
    let tied_both = tied(&sorted, |a, b| a == b);
    let mut y: Vec<f64> = sorted.iter().map(|pair| pair.1).collect();
    let discordant = sort(&mut y);
    let tied_y = tied(&y, |a, b| a == b);
    let all = pairs_of(pairs.len());
    let untied = (all - tied_x) as f64 * (all - tied_y) as f64;
    let concordance = (all + tied_both) as f64 - (tied_x + tied_y) as f64 - 2.0 * discordant as f64;
    (untied > 0.0).then(|| (concordance / untied.sqrt()).clamp(-1.0, 1.0))
}

fn pairs_of(n: usize) -> u64 {
    let n = n as u64;
    n * n.saturating_sub(1) / 2
}

fn tied<T>(sorted: &[T], same: fn(&T, &T) -> bool) -> u64 {
    sorted.chunk_by(same).map(|run| pairs_of(run.len())).sum()
}

/// Sorts, and counts the pairs that stood in the wrong order.
fn sort(values: &mut [f64]) -> u64 {
    let middle = values.len() / 2;
    if middle == 0 {
        return 0;
    }
    let (left, right) = values.split_at_mut(middle);
    let mut exchanges = sort(left) + sort(right);
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let (mut i, mut j) = (0, 0);
    while i < left.len() && j < right.len() {
        if right[j] < left[i] {
            exchanges += (left.len() - i) as u64;
            merged.push(right[j]);
            j += 1;
        } else {
            merged.push(left[i]);
            i += 1;
        }
    }
    merged.extend_from_slice(&left[i..]);
    merged.extend_from_slice(&right[j..]);
    values.copy_from_slice(&merged);
    exchanges
}
