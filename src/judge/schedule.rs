//! Who is compared with whom: all pairs, or the rounds of a Swiss tournament, which tell n players apart with some
//! n·log n comparisons.

use super::ranking::MOST_PLAYERS;
use crate::statistics::shuffle;
use crate::{Error, Result};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use std::collections::BTreeSet;

/// Every pair of `players`, the lower index first.
pub fn all_pairs(players: usize) -> Result<Vec<(usize, usize)>> {
    check(players)?;
    Ok((0..players).flat_map(|a| (a + 1..players).map(move |b| (a, b))).collect())
}

/// Rounds after which the best of `players` has most likely been found: ⌈log₂ n⌉ + 1, but no more than there are
/// opponents.
pub fn default_rounds(players: usize) -> usize {
    match players {
        0 | 1 => 0,
        n => (n.next_power_of_two().trailing_zeros() as usize + 1).min(n - 1 + n % 2),
    }
}

fn check(players: usize) -> Result<()> {
    match (2..=MOST_PLAYERS).contains(&players) {
        true => Ok(()),
        false => Err(Error::InvalidArgument(format!(
            "there are {players} players; comparisons need between 2 and {MOST_PLAYERS}"
        ))),
    }
}

/// A Swiss tournament: in each round, players of similar strength that have not met.
#[derive(Debug, Clone)]
pub struct Swiss {
    met: BTreeSet<(usize, usize)>,
    /// Rounds that each player has sat out.
    byes: Vec<usize>,
    /// The order of players of equal strength, those of the first round among them.
    drawn: Vec<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    /// The lower index first.
    pub pairs: Vec<(usize, usize)>,
    /// Those who sit out: one where the number is odd, and any for whom no new opponent is left.
    pub byes: Vec<usize>,
}

impl Swiss {
    /// `seed` draws the pairs of the first round.
    pub fn new(players: usize, seed: u64) -> Result<Swiss> {
        check(players)?;
        let mut drawn: Vec<usize> = (0..players).collect();
        shuffle(&mut ChaCha8Rng::seed_from_u64(seed), &mut drawn);
        Ok(Swiss { met: BTreeSet::new(), byes: vec![0; players], drawn })
    }

    /// Pairs the next round from the strengths so far; before the first they are equal. A round without pairs says that
    /// everybody has met everybody.
    pub fn round(&mut self, strengths: &[f64]) -> Result<Round> {
        if strengths.len() != self.byes.len() || strengths.iter().any(|s| !s.is_finite()) {
            return Err(Error::InvalidArgument(format!(
                "`strengths` must be {} finite numbers, one for each player",
                self.byes.len()
            )));
        }
        let mut order = self.drawn.clone();
        order.sort_by(|&a, &b| strengths[b].total_cmp(&strengths[a]));
        let mut byes = Vec::new();
        if order.len() % 2 == 1 {
            // The weakest of those who sat out least.
            let least = self.byes.iter().min().copied().unwrap_or(0);
            if let Some(place) = order.iter().rposition(|&player| self.byes[player] == least) {
                byes.push(order.remove(place));
            }
        }
        let mut pairing =
            Pairing { met: &self.met, order: &order, partner: vec![None; order.len()], budget: 20_000 };
        if !pairing.complete(0) {
            pairing.greedy();
        }
        let mut pairs = Vec::with_capacity(order.len() / 2);
        for (place, partner) in pairing.partner.iter().enumerate() {
            match partner {
                None => byes.push(order[place]),
                Some(partner) if *partner > place => {
                    let (a, b) = (order[place], order[*partner]);
                    pairs.push((a.min(b), a.max(b)));
                }
                Some(_) => {}
            }
        }
        self.met.extend(&pairs);
        for &player in &byes {
            self.byes[player] += 1;
        }
        Ok(Round { pairs, byes })
    }
}

/// The search for a round's pairs, by places in the order of strength.
struct Pairing<'a> {
    met: &'a BTreeSet<(usize, usize)>,
    order: &'a [usize],
    partner: Vec<Option<usize>>,
    /// Partners that may still be tried: the search goes back on itself, and must end.
    budget: usize,
}

impl Pairing<'_> {
    /// Pairs everybody from `place` on, each with the nearest partner that leaves the others one; false if there is no
    /// such way, or none was found within the budget.
    fn complete(&mut self, place: usize) -> bool {
        let Some(place) = (place..self.order.len()).find(|&place| self.partner[place].is_none()) else {
            return true;
        };
        for other in place + 1..self.order.len() {
            if !self.may_pair(place, other) {
                continue;
            }
            if self.budget == 0 {
                return false;
            }
            self.budget -= 1;
            self.partner[place] = Some(other);
            self.partner[other] = Some(place);
            if self.complete(place + 1) {
                return true;
            }
            self.partner[place] = None;
            self.partner[other] = None;
        }
        false
    }

    /// Pairs whom it can, from the strongest down; others stay without a partner.
    fn greedy(&mut self) {
        for place in 0..self.order.len() {
            let partner = (place + 1..self.order.len()).find(|&other| self.may_pair(place, other));
            if let (None, Some(other)) = (self.partner[place], partner) {
                self.partner[place] = Some(other);
                self.partner[other] = Some(place);
            }
        }
    }

    fn may_pair(&self, place: usize, other: usize) -> bool {
        let (a, b) = (self.order[place], self.order[other]);
        self.partner[other].is_none() && !self.met.contains(&(a.min(b), a.max(b)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::ranking::{RankOptions, rank_results};
    use super::super::result::PairwiseResult;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn all_pairs_are_all() {
        assert_eq!(all_pairs(4).unwrap(), [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]);
        assert_eq!(all_pairs(1000).unwrap().len(), 499_500);
        assert!(all_pairs(1).is_err() && all_pairs(1001).is_err() && Swiss::new(1, 0).is_err());
    }

    #[test]
    fn rounds_grow_with_the_logarithm() {
        for (players, rounds) in
            [(0, 0), (1, 0), (2, 1), (3, 3), (4, 3), (5, 4), (8, 4), (9, 5), (64, 7), (1000, 11)]
        {
            assert_eq!(default_rounds(players), rounds, "{players} players");
        }
    }

    #[test]
    fn neighbours_meet_and_the_weakest_sits_out() {
        let mut swiss = Swiss::new(5, 0).unwrap();
        let strengths = [0.5, 4.0, 1.0, 3.0, 2.0];
        let first = swiss.round(&strengths).unwrap();
        assert_eq!(first, Round { pairs: vec![(1, 3), (2, 4)], byes: vec![0] });
        let second = swiss.round(&strengths).unwrap();
        assert_eq!(second, Round { pairs: vec![(1, 4), (0, 3)], byes: vec![2] });
        assert!(swiss.round(&[0.0; 4]).is_err() && swiss.round(&[0.0, 0.0, 0.0, 0.0, f64::NAN]).is_err());
    }

    /// Greedy pairing would take (0, 1) and leave 2 and 3, who have met.
    #[test]
    fn a_pair_is_given_up_for_a_whole_round() {
        let mut swiss = Swiss::new(4, 0).unwrap();
        swiss.met.insert((2, 3));
        let round = swiss.round(&[4.0, 3.0, 2.0, 1.0]).unwrap();
        assert_eq!(round, Round { pairs: vec![(0, 2), (1, 3)], byes: vec![] });
    }

    #[test]
    fn once_everybody_has_met_nobody_plays() {
        let mut swiss = Swiss::new(4, 3).unwrap();
        let pairs: BTreeSet<_> = (0..3).flat_map(|_| swiss.round(&[0.0; 4]).unwrap().pairs).collect();
        assert_eq!(pairs, all_pairs(4).unwrap().into_iter().collect());
        assert_eq!(swiss.round(&[0.0; 4]).unwrap(), Round { pairs: vec![], byes: swiss.drawn.clone() });
    }

    /// A judge without fault: the better of two has the lower index.
    #[test]
    fn the_best_of_many_comes_first() {
        for players in [6, 33, 200] {
            let mut swiss = Swiss::new(players, 5).unwrap();
            let options = RankOptions { players: Some(players), resamples: 0, ..Default::default() };
            let mut results = Vec::new();
            for _ in 0..default_rounds(players) {
                let ranking = rank_results(&results, &options).unwrap();
                let strengths: Vec<f64> = ranking.players.iter().map(|p| p.strength).collect();
                let round = swiss.round(&strengths).unwrap();
                results.extend(round.pairs.iter().map(|&(a, b)| PairwiseResult { a, b, probability_a: 1.0 }));
            }
            let order = rank_results(&results, &options).unwrap().order;
            assert_eq!(order[0], 0, "of {players}");
            assert!(results.len() <= players / 2 * default_rounds(players));
        }
    }

    proptest! {
        #[test]
        fn nobody_meets_anybody_twice_or_sits_out_unduly(
            players in 2usize..40, seed in 0u64..1000, luck in prop::collection::vec(-3f64..3.0, 40 * 8)
        ) {
            let mut swiss = Swiss::new(players, seed).unwrap();
            let mut met = BTreeSet::new();
            for round in 0..default_rounds(players) {
                let Round { pairs, byes } = swiss.round(&luck[round * 40..][..players]).unwrap();
                let mut seen: Vec<usize> = pairs.iter().flat_map(|&(a, b)| [a, b]).chain(byes.clone()).collect();
                seen.sort_unstable();
                prop_assert_eq!(seen, (0..players).collect::<Vec<_>>());
                for (a, b) in pairs {
                    prop_assert!(a < b && met.insert((a, b)), "{} and {} meet again", a, b);
                }
                // With so many opponents left, a whole round exists (Dirac: none has met half of the others).
                if round < players / 2 {
                    prop_assert_eq!(byes.len(), players % 2, "round {}", round);
                }
            }
            if default_rounds(players) <= players / 2 {
                prop_assert!(swiss.byes.iter().all(|&byes| byes <= 1));
            }
        }
    }
}
