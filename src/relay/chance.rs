//! Chance as a value: a generator whose seed comes in, so that a session can be repeated exactly.

use std::sync::{Mutex, PoisonError};

/// SplitMix64 (Steele, Lea, Flood 2014), twice per number. Ids must be unguessable enough not to collide and need not be secret:
/// nothing is allowed for knowing one.
#[derive(Clone, Debug)]
pub(super) struct Chance {
    low: u64,
    high: u64,
}

impl Chance {
    pub(super) fn new(seed: u128) -> Self {
        Self { low: seed as u64, high: (seed >> 64) as u64 }
    }

    /// The next 128 bits.
    pub(super) fn next(&mut self) -> u128 {
        u128::from(step(&mut self.high)) << 64 | u128::from(step(&mut self.low))
    }
}

/// The seeds of all sessions, from one: the system is asked for chance once, and not for every connection.
#[derive(Debug)]
pub struct Seeds(Mutex<Chance>);

impl Seeds {
    /// `seed` is 128 bits that no other process has.
    pub fn new(seed: u128) -> Self {
        Self(Mutex::new(Chance::new(seed)))
    }

    /// The next one, for [`Session::new`](super::Session::new).
    pub fn next(&self) -> u128 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).next()
    }
}

fn step(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers_and_no_number_twice() {
        let draw = || {
            let mut chance = Chance::new(7);
            (0..1000).map(|_| chance.next()).collect::<Vec<_>>()
        };
        let mut numbers = draw();
        assert_eq!(numbers, draw());
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 1000);
    }

    #[test]
    fn sessions_of_one_seed_have_no_number_in_common() {
        let seeds = Seeds::new(7);
        let mut numbers: Vec<u128> = Vec::new();
        for _ in 0..1000 {
            let mut session = Chance::new(seeds.next());
            numbers.extend((0..10).map(|_| session.next()));
        }
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 10_000);
    }
}
