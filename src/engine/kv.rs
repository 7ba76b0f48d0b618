//! Sequences over a paged KV cache.

use crate::model::KvShape;
use crate::{Error, Result};
use std::cell::RefCell;
use std::rc::Rc;

/// Positions in a block.
pub(super) const BLOCK_LEN: usize = 16;

/// The free blocks of a KV cache, the lowest last, so that a cache that grows with use stays small.
#[derive(Clone)]
pub(super) struct BlockPool {
    free: Rc<RefCell<Vec<u32>>>,
    block_len: usize,
    blocks: usize,
}

/// A block in use; it returns to its pool with its last owner.
struct Block {
    id: u32,
    free: Rc<RefCell<Vec<u32>>>,
}

impl Drop for Block {
    fn drop(&mut self) {
        let mut free = self.free.borrow_mut();
        let at = free.partition_point(|&id| id > self.id);
        free.insert(at, self.id);
    }
}

impl BlockPool {
    pub fn new(shape: &KvShape) -> BlockPool {
        let free = Rc::new(RefCell::new((0..shape.blocks as u32).rev().collect()));
        BlockPool { free, block_len: shape.block_len, blocks: shape.blocks }
    }

    /// Positions that all sequences together can hold.
    pub fn capacity(&self) -> usize {
        self.blocks * self.block_len
    }

    pub fn sequence(&self) -> Sequence {
        Sequence { tokens: Vec::new(), blocks: Vec::new(), pool: self.clone() }
    }
}

/// Tokens whose K and V are in the cache.
pub struct Sequence {
    tokens: Vec<u32>,
    blocks: Vec<Rc<Block>>,
    pool: BlockPool,
}

impl Sequence {
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// Makes room for `count` more tokens.
    pub(super) fn reserve(&mut self, count: usize) -> Result<()> {
        let len = self.pool.block_len;
        let wanted = (self.tokens.len() + count).div_ceil(len);
        while self.blocks.len() < wanted {
            let id = self.pool.free.borrow_mut().pop();
            let id = id.ok_or(Error::ContextOverflow {
                tokens: self.tokens.len() + count,
                limit: self.pool.capacity(),
            })?;
            self.blocks.push(Rc::new(Block { id, free: self.pool.free.clone() }));
        }
        Ok(())
    }

    /// The cache slot of a position that has room.
    pub(super) fn slot(&self, position: usize) -> u32 {
        let len = self.pool.block_len;
        self.blocks[position / len].id * len as u32 + (position % len) as u32
    }

    pub(super) fn table(&self) -> Vec<u32> {
        self.blocks.iter().map(|block| block.id).collect()
    }

    /// Tokens that were computed into reserved room.
    pub(super) fn push(&mut self, tokens: &[u32]) {
        self.tokens.extend_from_slice(tokens);
    }

    /// Keeps the first `len` tokens. Room stays reserved: what comes next overwrites it.
    pub(super) fn truncate(&mut self, len: usize) {
        self.tokens.truncate(len);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_come_back() {
        let pool = BlockPool::new(&KvShape { layers: 1, kv_heads: 1, head_dim: 4, block_len: 4, blocks: 3 });
        let mut a = pool.sequence();
        a.reserve(5).unwrap();
        assert_eq!(a.table(), [0, 1]);
        let mut b = pool.sequence();
        assert!(matches!(b.reserve(9), Err(Error::ContextOverflow { tokens: 9, limit: 12 })));
        drop(a);
        b.reserve(9).unwrap();
        assert_eq!(b.table(), [2, 0, 1]);
        assert_eq!(b.slot(4), 0);
    }
}
