//! The blocks of the KV cache, and the prefix tree over them.
//!
//! A block that is full never changes again. It becomes a node of the tree: its key is its tokens, its parent the block
//! before it, so that a path from the root *is* a prefix, and a sequence that begins with one shares its blocks. Nodes
//! that no sequence uses stay until room is needed; then the one that was used longest ago goes, leaves first.

use crate::model::{Chosen, KvShape};
use std::collections::HashMap;

/// Index of a node in the tree.
pub(super) type NodeId = usize;

/// Under which root of the tree a sequence's blocks are: K and V depend on the adapter, and on the bits of its scale.
pub(super) type Root = Option<(u32, u32)>;

pub(super) fn root(adapter: Option<Chosen>) -> Root {
    adapter.map(|chosen| (chosen.adapter, chosen.scale.to_bits()))
}

pub(super) struct Cache {
    /// How often the backend has lost its content.
    epoch: u64,
    /// The epoch from which on the backend is of the kind that it is now.
    alike_from: u64,
    block_len: usize,
    blocks: u32,
    free: Vec<u32>,
    nodes: Vec<Node>,
    /// Evicted nodes, for reuse.
    vacant: Vec<NodeId>,
    roots: HashMap<Root, HashMap<Box<[u32]>, NodeId>>,
    /// The most nodes without users that are kept.
    idle_limit: usize,
    idle: usize,
    clock: u64,
}

struct Node {
    tokens: Box<[u32]>,
    block: u32,
    root: Root,
    parent: Option<NodeId>,
    children: HashMap<Box<[u32]>, NodeId>,
    /// Sequences whose path holds this node.
    users: usize,
    last_used: u64,
}

impl Cache {
    pub fn new(shape: &KvShape, idle_limit: usize) -> Cache {
        Cache {
            epoch: 0,
            alike_from: 0,
            block_len: shape.block_len,
            blocks: shape.blocks as u32,
            free: (0..shape.blocks as u32).rev().collect(),
            nodes: Vec::new(),
            vacant: Vec::new(),
            roots: HashMap::new(),
            idle_limit,
            idle: 0,
            clock: 0,
        }
    }

    /// Resets the cache for a backend that holds nothing. A sequence notices the new epoch when it is next used.
    pub fn reset(&mut self, idle_limit: usize, alike: bool) {
        self.epoch += 1;
        if !alike {
            self.alike_from = self.epoch;
        }
        self.free = (0..self.blocks).rev().collect();
        self.nodes.clear();
        self.vacant.clear();
        self.roots.clear();
        self.idle_limit = idle_limit;
        self.idle = 0;
    }

    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Whether the backend computes as it did in `epoch`.
    pub fn is_alike(&self, epoch: u64) -> bool {
        epoch >= self.alike_from
    }

    pub fn block_len(&self) -> usize {
        self.block_len
    }

    pub fn block(&self, node: NodeId) -> u32 {
        self.nodes[node].block
    }

    /// The longest path of whole blocks under `root` that `tokens` begins with.
    pub fn find(&self, root: Root, tokens: &[u32]) -> Vec<NodeId> {
        let mut path = Vec::new();
        let Some(mut children) = self.roots.get(&root) else { return path };
        for key in tokens.chunks_exact(self.block_len) {
            let Some(&node) = children.get(key) else { break };
            path.push(node);
            children = &self.nodes[node].children;
        }
        path
    }

    /// Allocates a block to write to; `None` when all are in use.
    pub fn allocate(&mut self) -> Option<u32> {
        if self.free.is_empty() {
            self.evict();
        }
        self.free.pop()
    }

    /// Frees a block that is not in the tree.
    pub fn release_block(&mut self, block: u32) {
        // The lowest block is used first, so that a backend that makes blocks on first use stays small.
        let at = self.free.partition_point(|&id| id > block);
        self.free.insert(at, block);
    }

    /// Puts a full block under `parent`, or else under `root`, and returns its node, which gains a user. Where the tree has
    /// such a block already, that one is used and `block` is free again.
    pub fn insert(&mut self, root: Root, parent: Option<NodeId>, tokens: &[u32], block: u32) -> NodeId {
        let known = self.children(root, parent).get(tokens).copied();
        if let Some(node) = known {
            self.release_block(block);
            self.acquire(node);
            return node;
        }
        self.clock += 1;
        let node = Node {
            tokens: tokens.into(),
            block,
            root,
            parent,
            children: HashMap::new(),
            users: 1,
            last_used: self.clock,
        };
        let id = match self.vacant.pop() {
            Some(id) => {
                self.nodes[id] = node;
                id
            }
            None => {
                self.nodes.push(node);
                self.nodes.len() - 1
            }
        };
        self.children(root, parent).insert(tokens.into(), id);
        id
    }

    pub fn acquire(&mut self, node: NodeId) {
        self.clock += 1;
        let node = &mut self.nodes[node];
        self.idle -= usize::from(node.users == 0);
        node.users += 1;
        node.last_used = self.clock;
    }

    pub fn release(&mut self, node: NodeId) {
        self.clock += 1;
        let node = &mut self.nodes[node];
        node.users -= 1;
        node.last_used = self.clock;
        self.idle += usize::from(node.users == 0);
        while self.idle > self.idle_limit && self.evict() {}
    }

    fn children(&mut self, root: Root, parent: Option<NodeId>) -> &mut HashMap<Box<[u32]>, NodeId> {
        match parent {
            Some(parent) => &mut self.nodes[parent].children,
            None => self.roots.entry(root).or_default(),
        }
    }

    /// Frees the block of the leaf without users that was used longest ago. A node's users use its ancestors too, so
    /// that wherever there is an idle node there is an idle leaf.
    fn evict(&mut self) -> bool {
        // A vacant node has no tokens; a block always has.
        let idle = |node: &Node| node.users == 0 && node.children.is_empty() && !node.tokens.is_empty();
        let oldest =
            (0..self.nodes.len()).filter(|&i| idle(&self.nodes[i])).min_by_key(|&i| self.nodes[i].last_used);
        let Some(id) = oldest else { return false };
        let tokens = std::mem::take(&mut self.nodes[id].tokens);
        let Node { root, parent, block, .. } = self.nodes[id];
        self.children(root, parent).remove(&tokens);
        // Else each scale that was ever used would leave something.
        if self.roots.get(&root).is_some_and(HashMap::is_empty) {
            self.roots.remove(&root);
        }
        self.vacant.push(id);
        self.idle -= 1;
        self.release_block(block);
        true
    }
}
