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
        let start = self.octets.len();
        self.octets.resize(start.saturating_add(encoded.len()), 0);
        // As many places as could be needed: nothing has to look for room at each octet.
        let mut places = self.octets.get_mut(start..).unwrap_or_default().iter_mut();
        let mut rest = encoded;
        while let Some((&octet, behind)) = rest.split_first()
            && let Some(place) = places.next()
        {
            let (octet, behind) = match (octet, behind) {
                (b'_', _) => (b' ', behind),
                (b'=', after_equals @ [high, low, behind @ ..]) => match hexadecimal(*high, *low) {
                    Some(octet) => (octet, behind),
                    None => (b'=', after_equals),
                },
                _ => (octet, behind),
            };
            *place = octet;
            rest = behind;
        }
        let left = places.len();
        self.octets.truncate(self.octets.len().saturating_sub(left));
    }

    /// What is no base64 is passed over, `=` ends a quantum, and what is behind it goes on: readers differ there, and what is
    /// shown by some must be seen.
    pub(super) fn add_b(&mut self, encoded: &[u8]) {
        if !self.continues_in(encoded) {
            self.end_quantum();
        }
        self.octets.reserve(encoded.len() / 4 * 3 + 3);
        let mut rest = encoded;
        while let Some((&octet, behind)) = rest.split_first() {
            // Whole quanta, as nearly all are.
            if self.sextets == 0
                && let Some((quantum, behind)) = rest.split_first_chunk()
                && let Some(octets) = whole_quantum(*quantum)
            {
                self.octets.extend_from_slice(&octets);
                rest = behind;
                continue;
            }
            match sextet(octet) {
                Some(sextet) => self.add_sextet(sextet),
                None if octet == b'=' => self.end_quantum(),
                None => {}
            }
            rest = behind;
        }
    }

    /// Nothing, and room for as much as there was.
    pub(super) fn clear(&mut self) {
        self.octets.clear();
        self.bits = 0;
        self.sextets = 0;
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
        let here = || encoded.iter().filter(|&&octet| octet == b'=' || sextet(octet).is_some()).count();
        match self.sextets {
            0 => false,
            1 => true,
            sextets => {
                let to_spare = if sextets == 2 { 0xf } else { 0x3 };
                self.bits & to_spare != 0 || {
                    let here = here();
                    !even(here) && even(here.saturating_add(sextets.into()))
                }
            }
        }
    }
}

/// The value of a base64 character.
pub(super) fn sextet(octet: u8) -> Option<u32> {
    let value = value(&SEXTETS, octet);
    (value != NONE).then_some(value.into())
}

/// The octets of four base64 characters, if they are that.
fn whole_quantum(quantum: [u8; 4]) -> Option<[u8; 3]> {
    let [one, two, three, four] = quantum.map(|octet| u32::from(value(&SEXTETS, octet)));
    if one | two | three | four > 63 {
        return None;
    }
    let [_, octets @ ..] = (one << 18 | two << 12 | three << 6 | four).to_be_bytes();
    Some(octets)
}

fn hexadecimal(high: u8, low: u8) -> Option<u8> {
    let (high, low) = (value(&DIGITS, high), value(&DIGITS, low));
    (high | low < 16).then_some(high << 4 | low)
}

/// What a table has for an octet that is no character of its alphabet. No value has its highest bit.
const NONE: u8 = 0xff;

type Table = [u8; 256];
static SEXTETS: Table = table(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", b"");
static DIGITS: Table = table(b"0123456789abcdef", b"ABCDEF");

fn value(table: &Table, octet: u8) -> u8 {
    table.get(usize::from(octet)).copied().unwrap_or(NONE)
}

/// The characters of `alphabet` have the values from 0 on, and those of `also` the last of them once more.
#[expect(clippy::indexing_slicing, reason = "made while compiling, where an index beyond the end is an error")]
const fn table(alphabet: &[u8], also: &[u8]) -> Table {
    let mut table = [NONE; 256];
    let mut at = 0;
    while at < alphabet.len() {
        table[alphabet[at] as usize] = at as u8;
        at += 1;
    }
    let mut at = 0;
    while at < also.len() {
        table[also[at] as usize] = (alphabet.len() - also.len() + at) as u8;
        at += 1;
    }
    table
}

fn low_octet(bits: u32) -> u8 {
    let [.., octet] = bits.to_be_bytes();
    octet
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As [`Octets::add_b`] without its way for whole quanta.
    fn add_plainly(octets: &mut Octets, encoded: &[u8]) {
        if !octets.continues_in(encoded) {
            octets.end_quantum();
        }
        for &octet in encoded {
            match sextet(octet) {
                Some(sextet) => octets.add_sextet(sextet),
                None if octet == b'=' => octets.end_quantum(),
                None => {}
            }
        }
    }

    #[test]
    fn whole_quanta_are_what_their_sextets_are() {
        const TOKENS: [&str; 7] = ["QUJD", "/+az", "Q", "09", "=", "-", "\u{fffd}"];
        for mut number in 0..TOKENS.len().pow(5) {
            let mut words = [String::new(), String::new()];
            for nth in 0..5 {
                words[nth / 3].push_str(TOKENS[number % TOKENS.len()]);
                number /= TOKENS.len();
            }
            let (mut octets, mut plain) = (Octets::default(), Octets::default());
            for word in &words {
                octets.add_b(word.as_bytes());
                add_plainly(&mut plain, word.as_bytes());
            }
            assert_eq!(octets.finished(), plain.finished(), "{words:?}");
        }
    }

    #[test]
    fn the_tables_have_what_the_alphabets_say() {
        for octet in 0..=u8::MAX {
            let digit = char::from(octet).to_digit(16).map(|digit| u8::try_from(digit).unwrap());
            assert_eq!(hexadecimal(b'0', octet), digit);
            assert_eq!(hexadecimal(octet, b'F'), digit.map(|digit| digit << 4 | 15));
            let is_base64 = octet.is_ascii_alphanumeric() || octet == b'+' || octet == b'/';
            assert_eq!(sextet(octet).is_some(), is_base64);
        }
        assert_eq!(
            [b'A', b'Z', b'a', b'z', b'0', b'9', b'+', b'/'].map(sextet),
            [0, 25, 26, 51, 52, 61, 62, 63].map(Some)
        );
    }
}
