//! What was written to a hold last, kept for who reads it next: content that flows to the next hop while it arrives is read piece for
//! piece behind the client, and a small message is read once, when the scanner has spoken. Neither needs a read of the file.
//!
//! In: pieces as they were written. Out: the same octets, once. Whatever was taken, or not kept, stands in the hold.

use bytes::{Buf, Bytes};

/// The octets of a hold from `at` on, if anybody is expected to read them.
#[derive(Debug, Default)]
pub(super) struct Recent {
    at: u64,
    octets: Bytes,
    /// Who reads has everything that was written, so the next piece is what it wants next. While it is behind, nothing is kept: a piece
    /// for each client whose next hop is slow would be memory for nothing.
    follows: bool,
}

impl Recent {
    /// A message that is whole, from its start on.
    pub(super) fn of(octets: Bytes) -> Self {
        Self { at: 0, octets, follows: false }
    }

    /// `octets` were written at `at`, which was the hold's end. What nobody took meanwhile is let go of.
    pub(super) fn written(&mut self, at: u64, octets: Bytes) {
        self.octets = if std::mem::take(&mut self.follows) { octets } else { Bytes::new() };
        self.at = at;
    }

    /// At most `max` octets from `offset` on; none if they are not what is kept. They are let go of with that.
    pub(super) fn take(&mut self, offset: u64, max: usize) -> Option<Bytes> {
        // What is in front of it is not asked for any more: our own trace fields go to the next hop out of the hold's order.
        let skipped = usize::try_from(offset.checked_sub(self.at)?).ok()?;
        let length = self.octets.len().checked_sub(skipped)?.min(max);
        if length == 0 {
            return None;
        }
        self.octets.advance(skipped);
        let taken = self.octets.split_to(length);
        self.at = offset.saturating_add(length as u64);
        if self.octets.is_empty() {
            self.follows = true;
        }
        Some(taken)
    }

    /// Somebody read elsewhere, and has everything now or not.
    pub(super) fn was_read(&mut self, has_all: bool) {
        self.follows = has_all;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIECE: Bytes = Bytes::from_static(b"0123456789");

    /// Who was at the end when a piece came is given that piece, in parts of any size, once; who was not reads the hold.
    #[test]
    fn who_follows_is_given_each_piece_and_who_is_behind_none() {
        let mut recent = Recent::default();
        recent.written(100, PIECE);
        assert_eq!(recent.take(100, 10), None, "nobody has read yet");
        recent.was_read(true);
        recent.written(110, PIECE);
        assert_eq!(recent.take(109, 10), None, "it does not begin there");
        assert_eq!(recent.take(120, 10), None, "nor beyond its end");
        assert_eq!(recent.take(112, 3).as_deref(), Some(&b"234"[..]));
        assert_eq!(recent.take(112, 3), None, "once");
        assert_eq!(recent.take(115, 100).as_deref(), Some(&b"56789"[..]));
        recent.written(120, PIECE);
        assert_eq!(recent.take(120, 100), Some(PIECE));
        recent.written(130, PIECE);
        recent.written(140, PIECE);
        assert_eq!((recent.take(130, 10), recent.take(140, 10)), (None, None), "it fell behind");
        recent.was_read(false);
        recent.written(150, PIECE);
        assert_eq!(recent.take(150, 10), None, "and is behind yet");
    }

    /// Nothing of a piece that was given stays: it may be a part of a large buffer.
    #[test]
    fn what_was_given_is_not_kept() {
        let piece = Bytes::from(vec![b'x'; 1000]);
        let mut recent = Recent::of(piece);
        let given = recent.take(0, 1000).unwrap();
        assert!(given.try_into_mut().is_ok(), "nobody else has a part of it");
    }
}
