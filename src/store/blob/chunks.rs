//! The cipher: chunk after chunk, each with its number and whether it is the last.

use aws_lc_rs::aead::{Aad, LessSafeKey, Nonce};

use super::{BlobFault, CHUNK};

/// Octets that a chunk is longer for being sealed.
pub(super) const TAG: usize = 16;

/// Octets of a sealed chunk that is not the last.
pub(super) const SEALED: usize = CHUNK + TAG;

/// Seals or opens the chunks of one blob, in their order.
pub(super) struct Chunks {
    key: LessSafeKey,
    key_id: String,
    /// Header and id: what the chunks belong to.
    bound_to: Vec<u8>,
    next: u32,
    /// Some chunk has opened: the key is the one.
    is_known: bool,
}

impl Chunks {
    pub(super) fn new(key: LessSafeKey, key_id: String, header: &[u8], id: &str) -> Self {
        Self { key, key_id, bound_to: [header, id.as_bytes()].concat(), next: 0, is_known: false }
    }

    /// Seals the next chunk, at most [`CHUNK`] octets.
    pub(super) fn seal(&mut self, mut plain: Vec<u8>, last: bool) -> Result<Vec<u8>, BlobFault> {
        let nonce = self.nonce(last)?;
        let sealed = self.key.seal_in_place_append_tag(nonce, Aad::from(&self.bound_to), &mut plain);
        sealed.map(|()| plain).map_err(|_| BlobFault::Encrypt)
    }

    /// Opens the next chunk. Nothing of it comes out if it is the first and does not open: that the next one does, tells damage from another
    /// key. Then, and behind a last one that does not open either, there is a fault.
    pub(super) fn open(&mut self, mut sealed: Vec<u8>, last: bool) -> Result<Vec<u8>, BlobFault> {
        let chunk = self.next;
        let nonce = self.nonce(last)?;
        let length =
            self.key.open_in_place(nonce, Aad::from(&self.bound_to), &mut sealed).ok().map(|plain| plain.len());
        let key = || self.key_id.clone();
        match length {
            Some(length) if chunk == 0 || self.is_known => {
                self.is_known = true;
                sealed.truncate(length);
                Ok(sealed)
            }
            Some(_) => Err(BlobFault::Altered { chunk: 0, key: key() }),
            None if self.is_known => Err(BlobFault::Altered { chunk, key: key() }),
            None if chunk == 0 && !last => Ok(Vec::new()),
            None => Err(BlobFault::Sealed { key: key() }),
        }
    }

    /// Seven octets of nothing, the number, and 1 for the last: no two chunks of a blob have the same.
    fn nonce(&mut self, last: bool) -> Result<Nonce, BlobFault> {
        let mut nonce = [0; 12];
        let (_, end) = nonce.split_at_mut(7);
        for (octet, value) in end.iter_mut().zip(self.next.to_be_bytes().into_iter().chain([u8::from(last)])) {
            *octet = value;
        }
        // 256 TiB.
        self.next = self.next.checked_add(1).ok_or(BlobFault::Encrypt)?;
        Ok(Nonce::assume_unique_for_key(nonce))
    }
}
