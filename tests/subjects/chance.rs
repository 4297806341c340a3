//! Numbers that look like chance, the same on every machine.

/// SplitMix64.
pub struct Chance(u64);

impl Chance {
    /// From `PORTARIA_SUBJECTS_SEED` or a fixed seed, which is printed.
    pub fn seeded(what: &str) -> Self {
        let seed = std::env::var("PORTARIA_SUBJECTS_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(5);
        println!("{what}: PORTARIA_SUBJECTS_SEED={seed}");
        Self(seed)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((bits ^ bits >> 31) % end as u64).unwrap()
    }

    /// One of a list.
    pub fn of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }
}
