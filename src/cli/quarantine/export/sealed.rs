//! The cipher of a password ZIP: what WinZip called AE-2, with a key of 256 bits (winzip.com/en/support/aes-encryption).
//!
//! In: a password, a salt, and the octets of one file as they come. Out: the same octets encrypted in place, and the code that
//! authenticates them. It is a format of others, and its choices are old: PBKDF2 with 1,000 rounds of HMAC-SHA-1, AES in counter mode
//! with a counter that begins at 1 and counts from its *first* octet on (NIST's counts from the last, so a library's counter mode is
//! none of this one), and 80 bits of an HMAC-SHA-1 over what was encrypted. What that asks of a password, `password` says.

use std::num::NonZeroU32;

use aws_lc_rs::{
    cipher::{AES_256, EncryptingKey, UnboundCipherKey},
    error::Unspecified,
    hmac, pbkdf2,
};

use crate::smtp::auth::Secret;

/// Octets of a salt, in front of the encrypted ones. Two files must never have the same under one password: their octets could be told
/// from one another without it.
pub(super) const SALT: usize = 16;
/// Octets behind the salt by which a reader knows most wrong passwords at once.
pub(super) const VERIFIER: usize = 2;
/// Octets of the code behind the encrypted ones.
pub(super) const CODE: usize = 10;

/// Rounds that the format prescribes.
const ROUNDS: NonZeroU32 = NonZeroU32::new(1_000).unwrap();
/// Octets of each of the two keys.
const KEY: usize = 32;
/// Octets of a block of AES.
const BLOCK: usize = 16;
/// Octets of key stream that are made at a time.
const STREAM: usize = 256 * BLOCK;

/// One file on its way.
pub(super) struct Sealed {
    key: EncryptingKey,
    code: hmac::Context,
    counter: u128,
    stream: Vec<u8>,
    /// How much of `stream` was used.
    used: usize,
}

impl Sealed {
    /// Begins a file; and the octets that stand between its salt and its content.
    pub(super) fn begin(password: &Secret, salt: &[u8; SALT]) -> Result<(Self, [u8; VERIFIER]), Unspecified> {
        let mut octets = [0; 2 * KEY + VERIFIER];
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA1, ROUNDS, salt, password.octets(), &mut octets);
        let (keys, verifier) = octets.split_at(2 * KEY);
        let (encrypting, authenticating) = keys.split_at(KEY);
        let key = EncryptingKey::ecb(UnboundCipherKey::new(&AES_256, encrypting)?)?;
        let code = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, authenticating));
        let begun = Self { key, code, counter: 0, stream: vec![0; STREAM], used: STREAM };
        Ok((begun, verifier.try_into().map_err(|_| Unspecified)?))
    }

    /// The next octets, encrypted in place.
    pub(super) fn seal(&mut self, octets: &mut [u8]) -> Result<(), Unspecified> {
        let mut done = 0;
        while let Some(left) = octets.get_mut(done..).filter(|left| !left.is_empty()) {
            if self.used == self.stream.len() {
                self.more()?;
            }
            let stream = self.stream.get(self.used..).unwrap_or_default();
            let length = left.iter_mut().zip(stream).map(|(octet, key)| *octet ^= key).count();
            (done, self.used) = (done + length, self.used + length);
        }
        self.code.update(octets);
        Ok(())
    }

    /// The code behind the last octet.
    pub(super) fn end(self) -> [u8; CODE] {
        let whole = self.code.sign();
        let mut code = [0; CODE];
        code.iter_mut().zip(whole.as_ref()).for_each(|(octet, signed)| *octet = *signed);
        code
    }

    /// Key stream is the counter, encrypted block by block.
    fn more(&mut self) -> Result<(), Unspecified> {
        for block in self.stream.chunks_exact_mut(BLOCK) {
            self.counter = self.counter.checked_add(1).ok_or(Unspecified)?;
            block.copy_from_slice(&self.counter.to_le_bytes());
        }
        self.key.encrypt(&mut self.stream)?;
        self.used = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(pieces: &[&[u8]]) -> (Vec<u8>, [u8; CODE]) {
        let (mut file, _) = Sealed::begin(&b"correct horse battery"[..].into(), &[7; SALT]).unwrap();
        let mut out = Vec::new();
        for piece in pieces {
            let mut octets = piece.to_vec();
            file.seal(&mut octets).unwrap();
            out.extend(octets);
        }
        (out, file.end())
    }

    /// However the octets came. Longer than the counter's first octet counts, and than one portion of key stream.
    #[test]
    fn every_split_seals_the_same() {
        let content: Vec<u8> = (0..3 * STREAM + 5).map(|number| (number % 251) as u8).collect();
        let whole = sealed(&[&content]);
        assert_ne!(whole.0, content);
        for at in [0, 1, BLOCK - 1, BLOCK, STREAM - 1, STREAM, STREAM + 1, 2 * STREAM, content.len()] {
            let (one, other) = content.split_at(at);
            assert!(sealed(&[one, &[], other]) == whole, "split at {at}");
        }
        let small: Vec<&[u8]> = content.chunks(7).collect();
        assert!(sealed(&small) == whole);
    }
}
