//! Grouped-query attention of a step's rows over a paged KV cache, a block at a time with an online softmax
//! (Milakov and Gimelshein 2018; Dao et al. 2022), so that no row of scores is ever held whole.

use super::kv::{KvCache, Part};
use super::threads::Threads;
use super::vector::dots;
use crate::model::{Attention, Row, Step};
use std::ops::Range;
use wide::f32x4;

/// `softmax(scale · q kᵀ) v` for each row and head, of the positions that it sees and with capped scores where `how` says
/// so; `q` and the result are `[n, heads · head_dim]`. The K and V of the rows themselves are in the cache already.
///
/// A row sees its blocks in order, whatever it is computed with: its result does not depend on its neighbours.
pub(super) fn attention(
    threads: &Threads,
    step: &Step,
    kv: &KvCache,
    layer: usize,
    how: &Attention,
    q: &[f32],
    out: &mut [f32],
) {
    let shape = kv.shape;
    let width = q.len() / step.rows.len();
    let group = width / shape.head_dim / shape.kv_heads;
    // The columns of a KV head's queries.
    let columns = group * shape.head_dim;
    let seen: usize = step.rows.iter().map(|row| row.position as usize + 1).sum();
    threads.columns(out, width, columns, 2 * seen * width, |wanted, out| {
        let mut work = Work {
            layer,
            group,
            width,
            how: *how,
            keys: vec![0.0; shape.block_len * shape.head_dim],
            values: vec![0.0; shape.block_len * shape.head_dim],
            scores: vec![0.0; MEMBERS * shape.block_len.next_multiple_of(4)],
            states: vec![State::START; step.rows.len() * group],
        };
        out.fill(0.0);
        for sequence in 0..step.tables.len() {
            for kv_head in wanted.start / columns..wanted.end / columns {
                let mut part = Columns { first: kv_head * columns - wanted.start, width: wanted.len(), out };
                work.head(step, kv, sequence as u32, kv_head, q, &mut part);
            }
        }
    });
}

/// The results of a KV head's queries: some columns of `[rows, width]`.
struct Columns<'a> {
    first: usize,
    width: usize,
    out: &'a mut [f32],
}

impl Columns<'_> {
    fn of(&mut self, row: usize, from: usize, len: usize) -> &mut [f32] {
        &mut self.out[row * self.width + self.first + from..][..len]
    }
}

/// Query heads of a group that are computed together, so that K and V are read once for them.
const MEMBERS: usize = 4;

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
    how: Attention,
    /// One block of one head as `f32`: `[block_len, head_dim]`.
    keys: Vec<f32>,
    values: Vec<f32>,
    /// `[members, block_len]`, padded to whole vectors.
    scores: Vec<f32>,
    /// `[rows, group]`
    states: Vec<State>,
}

impl Work {
    /// All rows of a sequence with one KV head.
    fn head(
        &mut self,
        step: &Step,
        kv: &KvCache,
        sequence: u32,
        kv_head: usize,
        q: &[f32],
        out: &mut Columns,
    ) {
        let (dim, block_len) = (kv.shape.head_dim, kv.shape.block_len);
        let rows: Vec<_> = step.rows.iter().enumerate().filter(|(_, row)| row.sequence == sequence).collect();
        let Some(last) = rows.iter().map(|(_, row)| row.position as usize).max() else { return };
        self.states.fill(State::START);
        let first = |row: &Row| self.how.first(row.position as usize);
        let firsts: Vec<usize> = rows.iter().map(|(_, row)| first(row)).collect();
        let skipped = firsts.iter().min().map_or(0, |first| first / block_len);
        let blocks = step.tables[sequence as usize].iter().enumerate();
        for (i, &block) in blocks.take(last / block_len + 1).skip(skipped) {
            kv.head(self.layer, Part::Key, block, kv_head, &mut self.keys);
            kv.head(self.layer, Part::Value, block, kv_head, &mut self.values);
            for ((r, row), first) in rows.iter().zip(&firsts) {
                let Some(end) = (row.position as usize + 1).checked_sub(i * block_len).filter(|v| *v > 0)
                else {
                    continue;
                };
                let visible = first.saturating_sub(i * block_len)..end.min(block_len);
                if visible.is_empty() {
                    continue;
                }
                for first in (0..self.group).step_by(MEMBERS) {
                    let members = MEMBERS.min(self.group - first);
                    let at = r * self.width + (kv_head * self.group + first) * dim;
                    let (q, out) = (&q[at..][..members * dim], out.of(*r, first * dim, members * dim));
                    let state = r * self.group + first;
                    let visible = visible.clone();
                    match members {
                        1 => self.block::<1>(visible, state, q, out),
                        2 => self.block::<2>(visible, state, q, out),
                        3 => self.block::<3>(visible, state, q, out),
                        _ => self.block::<4>(visible, state, q, out),
                    }
                }
            }
        }
        for (r, _) in &rows {
            for member in 0..self.group {
                let sum = self.states[r * self.group + member].sum;
                out.of(*r, member * dim, dim).iter_mut().for_each(|v| *v /= sum);
            }
        }
    }

    /// `M` heads of a row with the `visible` positions of the block in `keys` and `values`; `q` and `out` are
    /// `[M, head_dim]`. What a head gets does not depend on the others.
    fn block<const M: usize>(&mut self, visible: Range<usize>, state: usize, q: &[f32], out: &mut [f32]) {
        let dim = q.len() / M;
        let Range { start, end } = visible;
        let padded = end.next_multiple_of(4);
        self.scores(start..end, padded, std::array::from_fn::<_, M, _>(|m| &q[m * dim..][..dim]));
        for (m, out) in out.chunks_exact_mut(dim).enumerate() {
            let shrink = self.states[state + m].add(&mut self.scores[m * padded..][..padded]);
            if shrink != 1.0 {
                out.iter_mut().for_each(|v| *v *= shrink);
            }
        }
        let weights: [&[f32]; M] = std::array::from_fn(|m| &self.scores[m * padded..][..end]);
        weigh(weights, &self.values, out);
    }

    /// Scores, and negative infinity for what is not seen.
    fn scores<const M: usize>(&mut self, visible: Range<usize>, padded: usize, qs: [&[f32]; M]) {
        let dim = qs[0].len();
        let key = |p: usize| &self.keys[p * dim..][..dim];
        let Range { start, end } = visible;
        for p in (0..end).step_by(2) {
            // An odd last position is computed twice, so that all positions add up in the same way.
            let next = (p + 1).min(end - 1);
            let pairs = dots::<M, 2>(qs, [key(p), key(next)]);
            for (m, pair) in pairs.iter().enumerate() {
                self.scores[m * padded + p] = pair[0] * self.how.scale;
                self.scores[m * padded + next] = pair[usize::from(next > p)] * self.how.scale;
            }
        }
        for m in 0..M {
            let scores = &mut self.scores[m * padded..(m + 1) * padded];
            if let Some(cap) = self.how.cap {
                scores[..end].iter_mut().for_each(|score| *score = cap * (*score / cap).tanh());
            }
            scores[..start].fill(f32::NEG_INFINITY);
            scores[end..].fill(f32::NEG_INFINITY);
        }
    }
}

impl State {
    /// Takes in the scores of a block, which become exponentials; returns what earlier results must be multiplied by.
    fn add(&mut self, scores: &mut [f32]) -> f32 {
        let max = scores.iter().copied().fold(self.max, f32::max);
        let mut total = 0.0;
        for four in scores.as_chunks_mut::<4>().0 {
            let weights = (f32x4::new(*four) - f32x4::splat(max)).exp();
            *four = weights.to_array();
            total += weights.reduce_add();
        }
        let shrink = if max > self.max { (self.max - max).exp() } else { 1.0 };
        *self = State { max, sum: total + self.sum * shrink };
        shrink
    }
}

/// `out += weights · values`: each of `M` rows of weights for as many of the values `[positions, dim]`.
fn weigh<const M: usize>(weights: [&[f32]; M], values: &[f32], out: &mut [f32]) {
    let dim = out.len() / M;
    let visible = weights[0].len();
    assert!(weights.iter().all(|w| w.len() == visible));
    for d in (0..dim - dim % 4).step_by(4) {
        let four = |values: &[f32], at: usize| {
            f32x4::new([values[at], values[at + 1], values[at + 2], values[at + 3]])
        };
        let mut sums: [f32x4; M] = std::array::from_fn(|m| four(out, m * dim + d));
        for (p, value) in values.chunks_exact(dim).take(visible).enumerate() {
            let value = four(&value[d..d + 4], 0);
            for (sum, weights) in sums.iter_mut().zip(weights) {
                *sum = value.mul_add(f32x4::splat(weights[p]), *sum);
            }
        }
        for (m, sum) in sums.iter().enumerate() {
            out[m * dim + d..][..4].copy_from_slice(sum.as_array());
        }
    }
    for d in dim - dim % 4..dim {
        for (m, weights) in weights.iter().enumerate() {
            let sum: f32 = weights.iter().zip(values.chunks_exact(dim)).map(|(w, value)| w * value[d]).sum();
            out[m * dim + d] += sum;
        }
    }
}
