//! Pseudo-random choices that depend on nothing but a number or the fuzzed octets, so that a failing input fails again.

/// A stream of choices (xorshift64*, Marsaglia and Vigna).
#[derive(Clone, Debug)]
pub struct Choices(u64);

impl Choices {
    /// From a seed. Zero, which xorshift never leaves, is as good as any other.
    pub fn seeded(seed: u64) -> Self {
        Self(seed ^ 0x9e37_79b9_7f4a_7c15 | 1 << 63)
    }

    /// From the octets (FNV-1a), so that a seed file can be plain text and needs no octets for the choices.
    pub fn of(data: &[u8]) -> Self {
        let hash = data
            .iter()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, &octet| (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3));
        Self::seeded(hash)
    }

    /// Any number.
    pub fn any(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Less than `bound`, or 0 if there is nothing less.
    pub fn below(&mut self, bound: usize) -> usize {
        if bound == 0 { 0 } else { ((self.any() >> 16) % bound as u64) as usize }
    }

    /// True once in `times`.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of these.
    ///
    /// # Panics
    /// If there are none.
    pub fn one_of<'i, T>(&mut self, items: &'i [T]) -> &'i T {
        &items[self.below(items.len())]
    }

    /// `items` cut into consecutive pieces of 1 to `longest`.
    pub fn cut<'i, T>(&mut self, mut items: &'i [T], longest: usize) -> Vec<&'i [T]> {
        let mut pieces = Vec::new();
        while !items.is_empty() {
            let (piece, rest) = items.split_at(1 + self.below(longest.min(items.len())));
            pieces.push(piece);
            items = rest;
        }
        pieces
    }
}
