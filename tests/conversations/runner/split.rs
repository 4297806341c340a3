//! Where octets are split: promise 7 says that it makes no difference.

/// How the octets of client and next hop are cut into pieces.
#[derive(Clone, Debug)]
pub enum Split {
    /// As much as is taken at once.
    Whole,
    /// One by one.
    Octets,
    /// At places drawn by xorshift64 (Marsaglia 2003) from this state, never 0.
    Random(u64),
}

impl Split {
    /// The splits that every script is played with.
    pub fn all() -> Vec<Self> {
        let random = (1..=20_u64).map(|seed| Self::Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        [Self::Whole, Self::Octets].into_iter().chain(random).collect()
    }

    /// How many octets the next piece has, when `most` (not 0) are there to be taken.
    pub fn piece(&mut self, most: usize) -> usize {
        match self {
            Self::Whole => most,
            Self::Octets => 1,
            Self::Random(_) => {
                // Small pieces are where decoders break; large ones are where buffers do.
                let scale = 1_usize << (self.draw() % 15);
                1 + self.draw() as usize % scale.min(most)
            }
        }
    }

    /// Whether, of two that are ready, the first goes first.
    pub fn first(&mut self) -> bool {
        !matches!(self, Self::Random(_)) || self.draw() & 1 == 0
    }

    fn draw(&mut self) -> u64 {
        let Self::Random(state) = self else { return 0 };
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state >> 11
    }
}
