//! A small mutator for the smoke run: what libFuzzer does best without its coverage.

use crate::choices::Choices;

/// The longest input made, in octets.
const LONGEST: usize = 4096;

/// Makes inputs from seeds and a dictionary.
pub struct Mutator {
    seeds: Vec<Vec<u8>>,
    dictionary: Vec<Vec<u8>>,
    choices: Choices,
}

impl Mutator {
    /// `dictionary` is a libFuzzer dictionary.
    pub fn new(seeds: Vec<Vec<u8>>, dictionary: &str, seed: u64) -> Self {
        let dictionary = dictionary.lines().filter_map(token).collect();
        Self { seeds, dictionary, choices: Choices::seeded(seed) }
    }

    /// A seed changed one to eight times.
    pub fn input(&mut self) -> Vec<u8> {
        let mut input = self.seed();
        for _ in 0..=self.choices.below(8) {
            self.change(&mut input);
        }
        input.truncate(LONGEST);
        input
    }

    fn seed(&mut self) -> Vec<u8> {
        if self.seeds.is_empty() { Vec::new() } else { self.choices.one_of(&self.seeds).clone() }
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.choices.below(input.len() + 1);
        match self.choices.below(8) {
            0 => input.insert(at, self.choices.any() as u8),
            1 => flip(input, at, 1 << self.choices.below(8)),
            2 => flip(input, at, self.choices.any() as u8),
            3 => input.truncate(at),
            4 => {
                let end = at + self.choices.below((input.len() - at).min(32) + 1);
                input.drain(at..end);
            }
            5 if !self.dictionary.is_empty() => {
                let token = self.choices.one_of(&self.dictionary).clone();
                input.splice(at..at, token);
            }
            6 => {
                let other = self.seed();
                let piece = self.choices.below(other.len() + 1);
                input.truncate(at);
                input.extend_from_slice(&other[piece..]);
            }
            _ => self.duplicate(input, at),
        }
    }

    /// A piece again and again: what is quadratic shows.
    fn duplicate(&mut self, input: &mut Vec<u8>, at: usize) {
        let end = at + self.choices.below((input.len() - at).min(64) + 1);
        let times = if self.choices.once_in(8) { 64 } else { 1 + self.choices.below(4) };
        let piece = input[at..end].repeat(times);
        if input.len() + piece.len() <= LONGEST {
            input.splice(at..at, piece);
        }
    }
}

fn flip(input: &mut [u8], at: usize, bits: u8) {
    if let Some(octet) = input.get_mut(at) {
        *octet ^= bits;
    }
}

/// The token of a line `name="token"` or `"token"`, with `\\`, `\"` and `\xHH` as libFuzzer has them. None: a comment.
fn token(line: &str) -> Option<Vec<u8>> {
    let line = line.trim();
    if line.starts_with('#') {
        return None;
    }
    let (_, quoted) = line.split_once('"')?;
    let mut rest = quoted.strip_suffix('"')?.as_bytes();
    let mut token = Vec::new();
    while let Some((&octet, behind)) = rest.split_first() {
        rest = behind;
        if octet != b'\\' {
            token.push(octet);
        } else if let Some(digits) = behind.strip_prefix(b"x") {
            let (digits, behind) = digits.split_at_checked(2)?;
            token.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
            rest = behind;
        } else {
            let (&escaped, behind) = behind.split_first()?;
            token.push(escaped);
            rest = behind;
        }
    }
    Some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_dictionary_is_a_token_a_comment_or_blank() {
        for line in include_str!("../smtp.dict").lines() {
            assert!(line.is_empty() || line.starts_with('#') || token(line).is_some(), "{line}");
        }
        assert_eq!(token(r#"dot="\x0d\x0a.\"\\""#).as_deref(), Some(&b"\r\n.\"\\"[..]));
        assert_eq!(token("# \"x\""), None);
    }

    #[test]
    fn the_same_seed_makes_the_same_inputs() {
        let inputs = |seed| {
            let mut mutator = Mutator::new(vec![b"=?utf-8?q?a?=".to_vec()], "\"x\"", seed);
            (0..100).map(|_| mutator.input()).collect::<Vec<_>>()
        };
        assert_eq!(inputs(1), inputs(1));
        assert_ne!(inputs(1), inputs(2));
    }
}
