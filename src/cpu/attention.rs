//! Grouped-query attention of a step's rows over a paged KV cache.

use super::matmul::{axpy, dot};
use super::runner::{KvCache, Part};
use crate::model::Step;

/// `softmax(q kᵀ / √head_dim) v` for each row and head; `q` and the result are `[n, heads · head_dim]`. The K and V of
/// the rows themselves are in the cache already.
pub(super) fn attention(step: &Step, kv: &KvCache, layer: usize, q: &[f32], out: &mut [f32]) {
    let shape = kv.shape;
    let dim = shape.head_dim;
    let width = q.len() / step.rows.len();
    let group = width / dim / shape.kv_heads;
    let scale = 1.0 / (dim as f32).sqrt();
    let mut scores = Vec::new();
    for (row, (q, out)) in step.rows.iter().zip(q.chunks_exact(width).zip(out.chunks_exact_mut(width))) {
        let table = &step.tables[row.sequence as usize];
        let length = row.position as usize + 1;
        let slot = |p: usize| table[p / shape.block_len] as usize * shape.block_len + p % shape.block_len;
        for head in 0..width / dim {
            let (q, out) = (&q[head * dim..][..dim], &mut out[head * dim..][..dim]);
            let at = head / group * dim;
            scores.clear();
            scores.extend(
                (0..length).map(|p| dot(q, &kv.vector(layer, Part::Key, slot(p))[at..][..dim]) * scale),
            );
            softmax(&mut scores);
            out.fill(0.0);
            for (p, weight) in scores.iter().enumerate() {
                axpy(*weight, &kv.vector(layer, Part::Value, slot(p))[at..][..dim], out);
            }
        }
    }
}

fn softmax(values: &mut [f32]) {
    let max = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut total = 0.0;
    for value in values.iter_mut() {
        *value = (*value - max).exp();
        total += *value;
    }
    values.iter_mut().for_each(|v| *v /= total);
}
