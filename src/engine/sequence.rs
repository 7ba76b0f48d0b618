use super::cache::{Cache, NodeId, root};
use crate::model::Chosen;
use std::cell::RefCell;
use std::rc::Rc;

/// Tokens whose K and V are in the cache.
///
/// Its full blocks are in the prefix tree and shared with every sequence that begins alike; only the last, unfinished
/// block is its own.
pub struct Sequence {
    cache: Rc<RefCell<Cache>>,
    adapter: Option<Chosen>,
    /// The cache's epoch when it was filled. Blocks of an older epoch are gone (see [`Sequence::renew`]).
    epoch: u64,
    tokens: Vec<u32>,
    /// Full blocks, from the root of the tree.
    path: Vec<NodeId>,
    /// Blocks behind them that are written to.
    tail: Vec<u32>,
    /// Tokens behind `tokens` whose K and V are in the tail already: computed ahead, not yet asked for.
    ahead: Vec<u32>,
    /// How its tokens were computed, from the first on.
    runs: Vec<Run>,
    /// While it is computed again after a loss: the tokens that it held, which `runs` describes.
    past: Vec<u32>,
}

/// How tokens are computed. Backends round steps of few rows differently from steps of many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// In steps of prefill.
    Many,
    /// In steps of decoding, with so many rows at a time.
    Few(usize),
}

/// Tokens up to `end` that were computed in the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    end: usize,
    manner: Manner,
}

impl Sequence {
    pub(super) fn new(cache: &Rc<RefCell<Cache>>, adapter: Option<Chosen>) -> Sequence {
        Sequence {
            cache: cache.clone(),
            adapter,
            epoch: cache.borrow().epoch(),
            tokens: Vec::new(),
            path: Vec::new(),
            tail: Vec::new(),
            ahead: Vec::new(),
            runs: Vec::new(),
            past: Vec::new(),
        }
    }

    /// The adapter that its tokens are computed with.
    pub fn adapter(&self) -> Option<Chosen> {
        self.adapter
    }

    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// A sequence with the same full blocks: nothing is copied or computed.
    pub fn fork(&self) -> Sequence {
        let mut fork = Sequence::new(&self.cache, self.adapter);
        let whole = self.path.len() * self.block_len();
        if self.is_lost() {
            fork.epoch = self.epoch;
            fork.tokens = self.tokens[..whole].to_vec();
        } else {
            fork.adopt(self.path.clone(), &self.tokens);
        }
        fork.runs = self.runs.clone();
        fork.cut_runs(whole);
        fork
    }

    /// Whether the backend has lost what it holds.
    fn is_lost(&self) -> bool {
        self.epoch != self.cache.borrow().epoch()
    }

    /// Empties the sequence if the backend has lost its content; `true` if so. What it held, as far as `tokens` agrees,
    /// is then computed again in the same way, so that the same bits and the same tokens follow.
    pub(super) fn renew(&mut self, tokens: &[u32]) -> bool {
        let (epoch, alike) = {
            let cache = self.cache.borrow();
            (cache.epoch(), cache.is_alike(self.epoch))
        };
        if self.epoch == epoch {
            return false;
        }
        self.epoch = epoch;
        self.path.clear();
        self.tail.clear();
        let mut held = std::mem::take(&mut self.tokens);
        for token in std::mem::take(&mut self.ahead) {
            held.push(token);
            self.ran(held.len(), Manner::Few(1));
        }
        // Lost again during the recovery: the aim stays the same.
        if self.past.is_empty() {
            self.past = held;
        }
        if alike {
            let wanted = shared(&self.past, tokens);
            self.past.truncate(wanted);
            self.cut_runs(wanted);
        } else {
            self.past.clear();
            self.runs.clear();
        }
        true
    }

    /// How many tokens it begins with as `tokens` does.
    pub(super) fn shared(&self, tokens: &[u32]) -> usize {
        shared(&self.tokens, tokens)
    }

    /// During a recovery: up to which token the next step goes, and how it is computed.
    pub(super) fn pending(&self) -> Option<(usize, Manner)> {
        let run = self.runs.iter().find(|run| run.end > self.tokens.len())?;
        Some((run.end, run.manner))
    }

    /// Records what was computed ahead, in reserved room. Only [`Sequence::settle`] makes it part of the sequence.
    pub(super) fn set_ahead(&mut self, tokens: Vec<u32>) {
        self.ahead = tokens;
    }

    /// Accepts what was computed ahead as far as it agrees with `tokens`, and drops the rest.
    pub(super) fn settle(&mut self, tokens: &[u32]) {
        let ahead = std::mem::take(&mut self.ahead);
        if self.shared(tokens) == self.tokens.len() {
            let wanted = shared(&ahead, &tokens[self.tokens.len()..]);
            self.push(&ahead[..wanted], Manner::Few(1));
        }
    }

    /// Keeps, or finds in the tree, as much as possible of the beginning of `tokens`, and drops the rest.
    pub(super) fn seek(&mut self, tokens: &[u32]) {
        let shared = self.shared(tokens);
        let found = self.cache.borrow().find(root(self.adapter), tokens);
        if found.len() * self.block_len() > shared {
            let (mut runs, past) = (std::mem::take(&mut self.runs), std::mem::take(&mut self.past));
            self.clear();
            self.adopt(found, tokens);
            if past.is_empty() {
                std::mem::swap(&mut self.runs, &mut runs);
                self.cut_runs(shared);
                self.ran(self.tokens.len(), Manner::Many);
            } else {
                (self.runs, self.past) = (runs, past);
            }
        } else {
            self.truncate(shared);
        }
    }

    /// Keeps the first `len` tokens, or fewer: a block in the tree is kept whole or not at all.
    pub(super) fn truncate(&mut self, len: usize) {
        self.ahead.clear();
        if len >= self.tokens.len() {
            return;
        }
        let block_len = self.block_len();
        let whole = len / block_len;
        let mut kept = len;
        if whole < self.path.len() {
            self.release_tail();
            self.release_path(whole);
            kept = whole * block_len;
        }
        self.tokens.truncate(kept);
        self.past.clear();
        self.cut_runs(kept);
    }

    /// Makes room for `count` more tokens; `false` when all blocks are in use.
    pub(super) fn reserve(&mut self, count: usize) -> bool {
        let wanted = (self.tokens.len() + count).div_ceil(self.block_len());
        let mut cache = self.cache.borrow_mut();
        while self.path.len() + self.tail.len() < wanted {
            match cache.allocate() {
                Some(block) => self.tail.push(block),
                None => return false,
            }
        }
        true
    }

    /// The block of each `block_len` positions, those reserved included.
    pub(super) fn table(&self) -> Vec<u32> {
        let cache = self.cache.borrow();
        self.path.iter().map(|&node| cache.block(node)).chain(self.tail.iter().copied()).collect()
    }

    /// Takes in tokens that were computed into reserved room.
    pub(super) fn push(&mut self, tokens: &[u32], manner: Manner) {
        self.tokens.extend_from_slice(tokens);
        self.ran(self.tokens.len(), manner);
        if self.tokens.len() >= self.past.len() {
            self.past.clear();
        }
        let mut cache = self.cache.borrow_mut();
        let len = cache.block_len();
        while (self.path.len() + 1) * len <= self.tokens.len() {
            let full = &self.tokens[self.path.len() * len..][..len];
            let node = cache.insert(root(self.adapter), self.path.last().copied(), full, self.tail.remove(0));
            self.path.push(node);
        }
    }

    /// The last block of the tree that it holds.
    pub(super) fn last_node(&self) -> Option<NodeId> {
        self.path.last().copied()
    }

    /// The tokens of the block that comes next when it is to hold `tokens`, if it begins at a block's beginning.
    pub(super) fn next_block<'a>(&self, tokens: &'a [u32]) -> Option<&'a [u32]> {
        let (start, len) = (self.tokens.len(), self.block_len());
        (start % len == 0).then(|| tokens.get(start..start + len)).flatten()
    }

    /// Frees everything.
    pub(super) fn clear(&mut self) {
        self.release_tail();
        self.release_path(0);
        self.tokens.clear();
        self.ahead.clear();
        self.past.clear();
        self.runs.clear();
    }

    fn adopt(&mut self, path: Vec<NodeId>, tokens: &[u32]) {
        let mut cache = self.cache.borrow_mut();
        path.iter().for_each(|&node| cache.acquire(node));
        self.tokens = tokens[..path.len() * cache.block_len()].to_vec();
        self.path = path;
    }

    fn release_tail(&mut self) {
        let lost = self.is_lost();
        let mut cache = self.cache.borrow_mut();
        self.tail.drain(..).filter(|_| !lost).for_each(|block| cache.release_block(block));
    }

    /// Frees the path but for its first `kept` blocks.
    fn release_path(&mut self, kept: usize) {
        let lost = self.is_lost();
        let mut cache = self.cache.borrow_mut();
        self.path.drain(kept..).rev().filter(|_| !lost).for_each(|node| cache.release(node));
    }

    /// Records how the tokens up to `end` were computed, if that is not known.
    fn ran(&mut self, end: usize, manner: Manner) {
        match self.runs.last_mut() {
            Some(last) if last.end >= end => {}
            Some(last) if last.manner == manner => last.end = end,
            _ if end > 0 => self.runs.push(Run { end, manner }),
            _ => {}
        }
    }

    /// Forgets how tokens behind the first `len` were computed.
    fn cut_runs(&mut self, len: usize) {
        let first = self.runs.iter().position(|run| run.end >= len).unwrap_or(self.runs.len());
        if let Some(run) = self.runs.get_mut(first) {
            run.end = len;
        }
        self.runs.truncate(if len > 0 { first + 1 } else { 0 });
    }

    pub(super) fn block_len(&self) -> usize {
        self.cache.borrow().block_len()
    }
}

impl Drop for Sequence {
    fn drop(&mut self) {
        self.clear();
    }
}

fn shared(a: &[u32], b: &[u32]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::KvShape;

    const SHAPE: KvShape = KvShape { layers: 1, kv_heads: 1, head_dim: 4, block_len: 4, blocks: 8 };

    fn compute(sequence: &mut Sequence, tokens: &[u32], manner: Manner) {
        assert!(sequence.reserve(tokens.len()));
        sequence.push(tokens, manner);
    }

    /// Follows what is pending up to its end, and says what that was.
    fn replay(sequence: &mut Sequence, tokens: &[u32]) -> Vec<(usize, Manner)> {
        let mut steps = Vec::new();
        while let Some((end, manner)) = sequence.pending() {
            let start = sequence.tokens().len();
            compute(sequence, &tokens[start..end], manner);
            steps.push((end, manner));
        }
        steps
    }

    #[test]
    fn what_was_lost_is_computed_again_as_it_was() {
        use Manner::{Few, Many};
        let cache = Rc::new(RefCell::new(Cache::new(&SHAPE, 8)));
        let text: Vec<u32> = (0..20).collect();
        let mut sequence = Sequence::new(&cache, None);
        compute(&mut sequence, &text[..6], Many);
        compute(&mut sequence, &text[6..9], Many);
        compute(&mut sequence, &text[9..10], Few(1));
        compute(&mut sequence, &text[10..11], Few(1));
        compute(&mut sequence, &text[11..14], Few(3));
        assert!(sequence.reserve(2));
        sequence.set_ahead(vec![14, 15]);
        let kept = sequence.fork();
        assert!(!sequence.renew(&text));

        cache.borrow_mut().reset(8, true);
        assert!(sequence.renew(&text[..15]));
        assert!(sequence.tokens().is_empty());
        let whole = [(9, Many), (11, Few(1)), (14, Few(3)), (15, Few(1))];
        assert_eq!(sequence.pending(), Some(whole[0]));
        // Lost again on the way.
        compute(&mut sequence, &text[..9], Many);
        compute(&mut sequence, &text[9..10], Few(1));
        cache.borrow_mut().reset(8, true);
        assert!(sequence.renew(&text[..15]));
        assert_eq!(replay(&mut sequence, &text), whole);
        assert!(sequence.past.is_empty());

        // A fork that was made before, and one of what is lost; both go on otherwise behind their third block.
        for mut fork in [kept.fork(), kept] {
            assert!(fork.renew(&[&text[..10], &[99; 4]].concat()));
            assert_eq!(replay(&mut fork, &text), [(9, Many), (10, Few(1))]);
        }
        drop(sequence);
        assert_eq!(cache.borrow().find(None, &text).len(), 3);
    }

    #[test]
    fn another_kind_of_backend_computes_in_its_own_way() {
        let cache = Rc::new(RefCell::new(Cache::new(&SHAPE, 8)));
        let mut sequence = Sequence::new(&cache, None);
        compute(&mut sequence, &[1, 2, 3, 4, 5], Manner::Few(1));
        cache.borrow_mut().reset(8, false);
        cache.borrow_mut().reset(8, true);
        assert!(sequence.renew(&[1, 2, 3]));
        assert_eq!((sequence.pending(), sequence.tokens().len()), (None, 0));
    }

    #[test]
    fn blocks_of_a_lost_cache_are_not_given_back_twice() {
        let cache = Rc::new(RefCell::new(Cache::new(&SHAPE, 8)));
        let mut old = Sequence::new(&cache, None);
        compute(&mut old, &[1, 2, 3, 4, 5], Manner::Many);
        cache.borrow_mut().reset(8, true);
        let mut new = Sequence::new(&cache, None);
        compute(&mut new, &[1, 2, 3, 4, 5], Manner::Many);
        drop(old);
        let mut all: Vec<u32> = std::iter::from_fn(|| cache.borrow_mut().allocate()).collect();
        all.extend(new.table());
        all.sort();
        assert_eq!(all, (0..8).collect::<Vec<_>>());
    }
}
