//! The file of keys: one a line, its id and 64 hexadecimal digits; the last one is for new blobs. `#` begins a comment.
//!
//! ```text
//! # openssl rand -hex 32
//! 2026-11 0f1e2d3c…
//! ```
//!
//! A key leaves the file when nothing needs it any more (`portaria check` counts). What a key is stands in no text of ours.

use std::fmt;

use aws_lc_rs::{
    aead::{AES_256_GCM, LessSafeKey, UnboundKey},
    hkdf::{HKDF_SHA256, Salt},
};

/// Octets of a key.
const KEY: usize = 32;

/// Octets of an id, at most.
const ID: usize = 64;

/// All keys that are known.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Keys(Vec<Key>);

/// One of them.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) id: String,
    octets: [u8; KEY],
}

/// What is wrong with a file of keys, and in which line (from 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// Not two words.
    #[error("line {0}: an id and 64 hexadecimal digits are wanted")]
    Shape(usize),
    /// The id is no id.
    #[error("line {0}: an id has 1 to 64 letters, digits, `.`, `_` or `-`")]
    Id(usize),
    /// The id is there already.
    #[error("line {0}: this id is there already")]
    Twice(usize),
    /// There is no key in it.
    #[error("no key is in it")]
    None,
}

impl Keys {
    /// Reads the file's text.
    pub fn parse(text: &str) -> Result<Self, KeyFault> {
        let mut keys: Vec<Key> = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let mut words = line.split_ascii_whitespace();
            let (Some(id), Some(digits), None) = (words.next(), words.next(), words.next()) else {
                return Err(KeyFault::Shape(number));
            };
            if !is_id(id.as_bytes()) {
                return Err(KeyFault::Id(number));
            }
            if keys.iter().any(|key| key.id == id) {
                return Err(KeyFault::Twice(number));
            }
            keys.push(Key { id: id.to_owned(), octets: hexadecimal(digits).ok_or(KeyFault::Shape(number))? });
        }
        if keys.is_empty() { Err(KeyFault::None) } else { Ok(Self(keys)) }
    }

    /// The id of the one for new blobs; none: they are not encrypted.
    pub fn newest_id(&self) -> Option<&str> {
        self.newest().map(|key| key.id.as_str())
    }

    /// Whether there is a key with this id.
    pub fn has(&self, id: &str) -> bool {
        self.named(id).is_some()
    }

    pub(super) fn newest(&self) -> Option<&Key> {
        self.0.last()
    }

    pub(super) fn named(&self, id: &str) -> Option<&Key> {
        self.0.iter().find(|key| key.id == id)
    }
}

impl Key {
    /// The key of one blob.
    pub(super) fn of_blob(&self, salt: &[u8]) -> Option<LessSafeKey> {
        let own = Salt::new(HKDF_SHA256, salt).extract(&self.octets);
        let own = own.expand(&[b"portaria blob 1"], &AES_256_GCM).ok()?;
        Some(LessSafeKey::new(UnboundKey::from(own)))
    }
}

/// Whether octets are an id; those of a header may be anything, and are shown to people.
pub(super) fn is_id(id: &[u8]) -> bool {
    (1..=ID).contains(&id.len()) && id.iter().all(|octet| octet.is_ascii_alphanumeric() || b"._-".contains(octet))
}

/// 64 hexadecimal digits as octets.
pub(in crate::store) fn hexadecimal(digits: &str) -> Option<[u8; KEY]> {
    if digits.len() != 2 * KEY {
        return None;
    }
    let mut octets = [0; KEY];
    for (octet, pair) in octets.iter_mut().zip(digits.as_bytes().chunks(2)) {
        let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        *octet = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(octets)
}

/// Ids alone.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|key| &key.id)).finish()
    }
}
