//! Content that comes by chunks (RFC 3030 §2): the size decides, nothing else.
//!
//! In: the size of each chunk, and octets of the wire. Out: content as [`MailDataDecoder`](super::MailDataDecoder) gives it: CR and
//! LF only as CRLF, and whole lines. A dot is a dot. Which command announced the chunk, and how much content is too much, is not
//! known here.

#[cfg(test)]
mod tests;

use bytes::{Bytes, BytesMut};
use memchr::memchr2;

use super::{BareNewlines, CRLF, has_only_crlf};

/// What the decoder found next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChunkData {
    /// Content; never empty.
    Content(Bytes),
    /// All octets of the chunk were taken: what follows in the buffer is a command.
    End,
}

/// Decodes the chunks of one message. A CR may end one chunk and its LF begin the next: what chunks are cut into says nothing.
///
/// The last line of the last chunk is ended if its client did not: towards the next hop it must be (RFC 5321 §4.1.1.4), and hold,
/// scanner and next hop are to have the same octets. DKIM sees no difference (RFC 6376 §3.4.3, §3.4.4).
#[derive(Clone, Debug)]
pub struct ChunkDecoder {
    policy: BareNewlines,
    /// Octets of the present chunk that are still to come.
    left: u64,
    last: bool,
    /// A CR that waits for its LF. It was taken from the wire, for behind it may stand a command.
    cr: bool,
    /// Content was given out that ends within a line.
    within_line: bool,
    bare_newline: bool,
}

impl ChunkDecoder {
    /// Before the first chunk.
    pub fn with(policy: BareNewlines) -> Self {
        Self { policy, left: 0, last: false, cr: false, within_line: false, bare_newline: false }
    }

    /// A chunk of `size` octets follows; `last`: no other one behind it.
    pub fn begin(&mut self, size: u64, last: bool) {
        (self.left, self.last) = (size, last);
    }

    /// Takes from `wire` what belongs to the chunk, and nothing behind it; `None` wants more octets. Without newlines to mend or a CR
    /// between two pieces nothing is copied.
    pub fn decode(&mut self, wire: &mut BytesMut) -> Option<ChunkData> {
        while self.left > 0 {
            let here = usize::try_from(self.left).unwrap_or(usize::MAX).min(wire.len());
            if here == 0 {
                return None;
            }
            self.left -= here as u64;
            let content = self.read(wire.split_to(here).freeze());
            if !content.is_empty() {
                return Some(self.content(content));
            }
        }
        if self.last {
            let mut rest = BytesMut::new();
            self.resolve_cr(&mut rest);
            if !rest.ends_with(CRLF) && self.within_line {
                rest.extend_from_slice(CRLF);
            }
            if !rest.is_empty() {
                return Some(self.content(rest.freeze()));
            }
        }
        Some(ChunkData::End)
    }

    /// Whether the present chunk is the last one.
    pub fn is_last(&self) -> bool {
        self.last
    }

    /// As [`MailDataDecoder::saw_bare_newline`](super::MailDataDecoder::saw_bare_newline), over all chunks so far.
    pub fn saw_bare_newline(&self) -> bool {
        self.bare_newline
    }

    fn content(&mut self, content: Bytes) -> ChunkData {
        self.within_line = !content.ends_with(CRLF);
        ChunkData::Content(content)
    }

    /// The content that the next octets of the chunk are.
    fn read(&mut self, octets: Bytes) -> Bytes {
        let (front, ends_in_cr) = match octets.as_ref() {
            [front @ .., b'\r'] => (front.len(), true),
            all => (all.len(), false),
        };
        if self.cr || !has_only_crlf(octets.get(..front).unwrap_or_default()) {
            return self.mend(&octets);
        }
        self.cr = ends_in_cr;
        octets.slice(..front)
    }

    /// The same, octet by octet where CR and LF are no pair.
    fn mend(&mut self, octets: &[u8]) -> Bytes {
        let mut content = BytesMut::with_capacity(octets.len() + octets.len() / 16 + CRLF.len());
        let mut rest = octets;
        if let (true, [b'\n', behind @ ..]) = (self.cr, rest) {
            self.cr = false;
            content.extend_from_slice(CRLF);
            rest = behind;
        }
        self.resolve_cr(&mut content);
        while let Some((text, newline)) = rest.split_at_checked(memchr2(b'\r', b'\n', rest).unwrap_or(rest.len())) {
            content.extend_from_slice(text);
            rest = match newline {
                [] => break,
                [b'\r', b'\n', behind @ ..] => {
                    content.extend_from_slice(CRLF);
                    behind
                }
                [b'\r'] => {
                    self.cr = true;
                    break;
                }
                [_, behind @ ..] => {
                    self.bare(&mut content);
                    behind
                }
            };
        }
        content.freeze()
    }

    /// No LF follows a CR that waited for one.
    fn resolve_cr(&mut self, content: &mut BytesMut) {
        if std::mem::take(&mut self.cr) {
            self.bare(content);
        }
    }

    fn bare(&mut self, content: &mut BytesMut) {
        match self.policy {
            BareNewlines::Refuse => self.bare_newline = true,
            BareNewlines::Normalise => content.extend_from_slice(CRLF),
        }
    }
}
