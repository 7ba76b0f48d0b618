use super::cache::{Cache, NodeId};
use std::cell::RefCell;
use std::rc::Rc;

/// Tokens whose K and V are in the cache.
///
/// Its full blocks are in the prefix tree and shared with every sequence that begins alike; only the last, unfinished
/// block is its own.
pub struct Sequence {
    cache: Rc<RefCell<Cache>>,
    tokens: Vec<u32>,
    /// Full blocks, from the root of the tree.
    path: Vec<NodeId>,
    /// Blocks behind them that are written to.
    tail: Vec<u32>,
    /// Tokens behind `tokens` whose K and V are in the tail already, drawn ahead of anybody's wish for them.
    ahead: Vec<u32>,
}

impl Sequence {
    pub(super) fn new(cache: &Rc<RefCell<Cache>>) -> Sequence {
        Sequence {
            cache: cache.clone(),
            tokens: Vec::new(),
            path: Vec::new(),
            tail: Vec::new(),
            ahead: Vec::new(),
        }
    }

    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// A sequence with the same full blocks: nothing is copied or computed.
    pub fn fork(&self) -> Sequence {
        let mut fork = Sequence::new(&self.cache);
        fork.adopt(self.path.clone(), &self.tokens);
        fork
    }

    /// How many tokens it begins with as `tokens` does.
    pub(super) fn shared(&self, tokens: &[u32]) -> usize {
        self.tokens.iter().zip(tokens).take_while(|(a, b)| a == b).count()
    }

    /// Notes what was computed ahead, into reserved room. Only [`Sequence::settle`] makes it part of the sequence.
    pub(super) fn set_ahead(&mut self, tokens: Vec<u32>) {
        self.ahead = tokens;
    }

    /// Takes in what was computed ahead as far as `tokens` go on so, and forgets the rest.
    pub(super) fn settle(&mut self, tokens: &[u32]) {
        let ahead = std::mem::take(&mut self.ahead);
        if self.shared(tokens) == self.tokens.len() {
            let wanted = ahead.iter().zip(&tokens[self.tokens.len()..]).take_while(|(a, b)| a == b).count();
            self.push(&ahead[..wanted]);
        }
    }

    /// Keeps, or finds in the tree, as much as possible of the beginning of `tokens`, and drops the rest.
    pub(super) fn seek(&mut self, tokens: &[u32]) {
        let shared = self.shared(tokens);
        let found = self.cache.borrow().find(tokens);
        if found.len() * self.block_len() > shared {
            self.clear();
            self.adopt(found, tokens);
        } else {
            self.truncate(shared);
        }
    }

    /// Keeps the first `len` tokens, or fewer: a block in the tree is kept whole or not at all.
    pub(super) fn truncate(&mut self, len: usize) {
        self.ahead.clear();
        let block_len = self.block_len();
        let whole = len / block_len;
        let mut kept = len;
        if whole < self.path.len() {
            self.release_tail();
            let mut cache = self.cache.borrow_mut();
            self.path.drain(whole..).rev().for_each(|node| cache.release(node));
            kept = whole * block_len;
        }
        self.tokens.truncate(kept);
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
    pub(super) fn push(&mut self, tokens: &[u32]) {
        self.tokens.extend_from_slice(tokens);
        let mut cache = self.cache.borrow_mut();
        let len = cache.block_len();
        while (self.path.len() + 1) * len <= self.tokens.len() {
            let full = &self.tokens[self.path.len() * len..][..len];
            let node = cache.insert(self.path.last().copied(), full, self.tail.remove(0));
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

    /// Gives everything back.
    pub(super) fn clear(&mut self) {
        self.truncate(0);
        self.release_tail();
    }

    fn adopt(&mut self, path: Vec<NodeId>, tokens: &[u32]) {
        let mut cache = self.cache.borrow_mut();
        path.iter().for_each(|&node| cache.acquire(node));
        self.tokens = tokens[..path.len() * cache.block_len()].to_vec();
        self.path = path;
    }

    fn release_tail(&mut self) {
        let mut cache = self.cache.borrow_mut();
        self.tail.drain(..).for_each(|block| cache.release_block(block));
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
