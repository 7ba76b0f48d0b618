//! Merging: a word's symbols grow, the best pair first, until no pair makes a token. A queue of pairs keeps it at n log n.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A part of a word.
#[derive(Debug, Clone, Copy)]
pub(super) struct Symbol {
    /// Its token; none for a character that is no token.
    pub token: Option<u32>,
    /// Its bytes in the word.
    pub start: usize,
    pub end: usize,
}

/// A symbol with its neighbours. One that was merged into its left neighbour is empty.
struct Link {
    symbol: Symbol,
    before: Option<usize>,
    next: Option<usize>,
}

/// Two neighbours that make a token. The order is that of merging: by rank, then from left to right.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Pair {
    rank: u32,
    left: usize,
    right: usize,
    /// Where the right symbol ended. If it has grown since, the pair is gone.
    end: usize,
    token: u32,
}

/// Merges `symbols`, which are the parts of a word from left to right. `pair` gives the rank of two neighbours, of which the
/// lowest is merged first, and the token that they make.
pub(super) fn merge(
    symbols: impl Iterator<Item = Symbol>,
    pair: impl Fn(Symbol, Symbol) -> Option<(u32, u32)>,
) -> impl Iterator<Item = Symbol> {
    let mut links: Vec<Link> = symbols
        .enumerate()
        .map(|(i, symbol)| Link { symbol, before: i.checked_sub(1), next: Some(i + 1) })
        .collect();
    if let Some(last) = links.last_mut() {
        last.next = None;
    }
    let find = |links: &[Link], left: Option<usize>, right: Option<usize>| {
        let (left, right) = (left?, right?);
        let end = links[right].symbol.end;
        let (rank, token) = pair(links[left].symbol, links[right].symbol)?;
        Some(Reverse(Pair { rank, left, right, end, token }))
    };
    let mut queue: BinaryHeap<_> =
        (1..links.len()).filter_map(|right| find(&links, Some(right - 1), Some(right))).collect();
    while let Some(Reverse(Pair { left, right, end, token, .. })) = queue.pop() {
        // A symbol that is gone has no neighbour on its right.
        if links[left].next != Some(right) || links[right].symbol.end != end {
            continue;
        }
        let next = links[right].next.take();
        links[right].symbol.start = end;
        links[left].symbol.token = Some(token);
        links[left].symbol.end = end;
        links[left].next = next;
        if let Some(next) = next {
            links[next].before = Some(left);
        }
        queue.extend(find(&links, links[left].before, Some(left)));
        queue.extend(find(&links, Some(left), next));
    }
    links.into_iter().map(|link| link.symbol).filter(|symbol| symbol.start < symbol.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Merges a text of single letters by a list of tokens, the first of which are the best.
    fn merged(text: &str, tokens: &[&str]) -> Vec<String> {
        let symbols = (0..text.len()).map(|i| Symbol { token: None, start: i, end: i + 1 });
        let rank = |a: Symbol, b: Symbol| {
            let rank = tokens.iter().position(|token| *token == &text[a.start..b.end])? as u32;
            Some((rank, rank))
        };
        merge(symbols, rank).map(|symbol| text[symbol.start..symbol.end].to_string()).collect()
    }

    #[test]
    fn the_best_pair_is_merged_first() {
        assert_eq!(merged("abc", &["bc", "ab", "abc"]), ["abc"]);
        assert_eq!(merged("abc", &["bc", "ab"]), ["a", "bc"]);
        assert_eq!(merged("aaaaa", &["aa", "aaaa"]), ["aaaa", "a"]);
        assert_eq!(merged("aaaa", &["aa", "aaa"]), ["aa", "aa"]);
        assert_eq!(merged("abab", &["ab", "aba", "bab"]), ["ab", "ab"]);
        assert!(merged("", &[]).is_empty());
        assert_eq!(merged("x", &["x"]), ["x"]);
    }
}
