//! The Q and B encodings (RFC 2047 §4.1, §4.2) into octets.

/// The octets of one or more encoded words.
#[derive(Default)]
pub(super) struct Octets {
    octets: Vec<u8>,
    /// Base64 that is not yet an octet: its last sextets, as many as `sextets` (0 to 3) says.
    bits: u32,
    sextets: u8,
}

impl Octets {
    /// `_` is a space, `=` and two hexadecimal digits of either case an octet; anything else is itself, a space and a broken
    /// `=` too.
    pub(super) fn add_q(&mut self, encoded: &[u8]) {
        self.end_quantum();
        self.octets.reserve(encoded.len());
        let mut rest = encoded;
        while let Some((&octet, behind)) = rest.split_first() {
            let (octet, behind) = match (octet, behind) {
                (b'_', _) => (b' ', behind),
                (b'=', after_equals @ [high, low, behind @ ..]) => match hexadecimal(*high, *low) {
                    Some(octet) => (octet, behind),
                    None => (b'=', after_equals),
                },
                _ => (octet, behind),
            };
            self.octets.push(octet);
            rest = behind;
        }
    }

    /// What is no base64 is passed over, `=` ends a quantum, and what is behind it goes on: readers differ there, and what is
    /// shown by some must be seen.
    pub(super) fn add_b(&mut self, encoded: &[u8]) {
        if !self.continues_in(encoded) {
            self.end_quantum();
        }
        self.octets.reserve(encoded.len() / 4 * 3 + 3);
        for &octet in encoded {
            match sextet(octet) {
                Some(sextet) => self.add_sextet(sextet),
                None if octet == b'=' => self.end_quantum(),
                None => {}
            }
        }
    }

    /// All octets.
    pub(super) fn finished(&mut self) -> &[u8] {
        self.end_quantum();
        &self.octets
    }

    fn add_sextet(&mut self, sextet: u32) {
        self.bits = self.bits << 6 | sextet;
        self.sextets = self.sextets.saturating_add(1);
        if self.sextets == 4 {
            let [_, octets @ ..] = self.bits.to_be_bytes();
            self.octets.extend_from_slice(&octets);
            self.bits = 0;
            self.sextets = 0;
        }
    }

    /// What a quantum without its padding holds; a single sextet holds nothing.
    fn end_quantum(&mut self) {
        match self.sextets {
            2 => self.octets.push(low_octet(self.bits >> 4)),
            3 => self.octets.extend([low_octet(self.bits >> 10), low_octet(self.bits >> 2)]),
            _ => {}
        }
        self.bits = 0;
        self.sextets = 0;
    }

    /// Whether the quantum that the last word left open goes on in this one, or that word merely had no padding. It goes on if
    /// it ends in the middle of an octet (the bits to spare are not zero), or if this word's base64 only comes out even with it.
    fn continues_in(&self, encoded: &[u8]) -> bool {
        let even = |sextets: usize| sextets.is_multiple_of(4);
        let here = encoded.iter().filter(|&&octet| octet == b'=' || sextet(octet).is_some()).count();
        match self.sextets {
            0 => false,
            1 => true,
            sextets => {
                let to_spare = if sextets == 2 { 0xf } else { 0x3 };
                self.bits & to_spare != 0 || !even(here) && even(here.saturating_add(sextets.into()))
            }
        }
    }
}

/// The value of a base64 character.
pub(super) fn sextet(octet: u8) -> Option<u32> {
    let value = match octet {
        b'A'..=b'Z' => octet.wrapping_sub(b'A'),
        b'a'..=b'z' => octet.wrapping_sub(b'a').wrapping_add(26),
        b'0'..=b'9' => octet.wrapping_sub(b'0').wrapping_add(52),
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(value.into())
}

fn hexadecimal(high: u8, low: u8) -> Option<u8> {
    let value = char::from(high).to_digit(16)? << 4 | char::from(low).to_digit(16)?;
    u8::try_from(value).ok()
}

fn low_octet(bits: u32) -> u8 {
    let [.., octet] = bits.to_be_bytes();
    octet
}
