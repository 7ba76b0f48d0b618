//! Grouped-query attention of a step's rows over a paged KV cache, a block at a time with an online softmax
//! (Milakov and Gimelshein 2018; Dao et al. 2022), so that no row of scores is ever held whole.

use super::kv::{KvCache, Part};
use super::matmul::{axpy, dot};
use crate::model::Step;
use wide::f32x4;

/// `softmax(q kᵀ / √head_dim) v` for each row and head; `q` and the result are `[n, heads · head_dim]`. The K and V of
/// the rows themselves are in the cache already.
///
/// A row sees its blocks in order, whatever it is computed with: its result does not depend on its neighbours.
pub(super) fn attention(step: &Step, kv: &KvCache, layer: usize, q: &[f32], out: &mut [f32]) {
    let shape = kv.shape;
    let width = q.len() / step.rows.len();
    let group = width / shape.head_dim / shape.kv_heads;
    let mut work = Work {
        layer,
        group,
        width,
        scale: 1.0 / (shape.head_dim as f32).sqrt(),
        keys: vec![0.0; shape.block_len * shape.head_dim],
        values: vec![0.0; shape.block_len * shape.head_dim],
        scores: vec![0.0; shape.block_len.next_multiple_of(4)],
        states: vec![State::START; step.rows.len() * group],
    };
    out.fill(0.0);
    for sequence in 0..step.tables.len() {
        for kv_head in 0..shape.kv_heads {
            work.head(step, kv, sequence as u32, kv_head, q, out);
        }
    }
}

/// The running maximum of a row's scores, and the sum of their exponentials relative to it.
#[derive(Clone, Copy)]
struct State {
    max: f32,
    sum: f32,
}

impl State {
    const START: State = State { max: f32::NEG_INFINITY, sum: 0.0 };
}

struct Work {
    layer: usize,
    /// Query heads that share a KV head.
    group: usize,
    width: usize,
    scale: f32,
    /// One block of one head as `f32`: `[block_len, head_dim]`.
    keys: Vec<f32>,
    values: Vec<f32>,
    scores: Vec<f32>,
    /// `[rows, group]`
    states: Vec<State>,
}

impl Work {
    /// All rows of a sequence with one KV head.
    fn head(&mut self, step: &Step, kv: &KvCache, sequence: u32, kv_head: usize, q: &[f32], out: &mut [f32]) {
        let (dim, block_len) = (kv.shape.head_dim, kv.shape.block_len);
        let rows: Vec<_> = step.rows.iter().enumerate().filter(|(_, row)| row.sequence == sequence).collect();
        let Some(last) = rows.iter().map(|(_, row)| row.position as usize).max() else { return };
        self.states.fill(State::START);
        for (i, &block) in step.tables[sequence as usize].iter().take(last / block_len + 1).enumerate() {
            kv.head(self.layer, Part::Key, block, kv_head, &mut self.keys);
            kv.head(self.layer, Part::Value, block, kv_head, &mut self.values);
            for (r, row) in &rows {
                let Some(visible) = (row.position as usize + 1).checked_sub(i * block_len).filter(|v| *v > 0)
                else {
                    continue;
                };
                for member in 0..self.group {
                    let at = r * self.width + (kv_head * self.group + member) * dim;
                    let state = r * self.group + member;
                    self.block(visible.min(block_len), state, &q[at..][..dim], &mut out[at..][..dim]);
                }
            }
        }
        for (r, _) in &rows {
            for member in 0..self.group {
                let at = r * self.width + (kv_head * self.group + member) * dim;
                let sum = self.states[r * self.group + member].sum;
                out[at..][..dim].iter_mut().for_each(|v| *v /= sum);
            }
        }
    }

    /// One row and head with the first `visible` positions of the block in `keys` and `values`.
    fn block(&mut self, visible: usize, state: usize, q: &[f32], out: &mut [f32]) {
        let scores = &mut self.scores[..visible.next_multiple_of(4)];
        scores[visible..].fill(f32::NEG_INFINITY);
        for (score, key) in scores.iter_mut().zip(self.keys.chunks_exact(q.len())).take(visible) {
            *score = dot(q, key) * self.scale;
        }
        let State { max: before, sum } = self.states[state];
        let max = scores.iter().copied().fold(before, f32::max);
        let mut total = 0.0;
        for four in scores.chunks_exact_mut(4) {
            let weights = (f32x4::new([four[0], four[1], four[2], four[3]]) - f32x4::splat(max)).exp();
            four.copy_from_slice(weights.as_array());
            total += weights.reduce_add();
        }
        if max > before {
            let shrink = (before - max).exp();
            out.iter_mut().for_each(|v| *v *= shrink);
            total += sum * shrink;
        } else {
            total += sum;
        }
        self.states[state] = State { max, sum: total };
        for (weight, value) in scores.iter().zip(self.values.chunks_exact(q.len())).take(visible) {
            axpy(*weight, value, out);
        }
    }
}
