//! Where mail data ends and what stands in it (RFC 5321 §4.5.2), both ways.
//!
//! In: octets of the wire, or content. Out: content, or octets of the wire. Only `CRLF . CRLF` ends mail data and only CRLF
//! ends a line of the wire; a CR or an LF alone is neither passed on nor taken for either (SMTP smuggling: CVE-2023-51764,
//! CVE-2023-51765, CVE-2023-51766). What to say about one is not decided here, nor how much content is too much. Content that
//! comes by chunks has no such end: `chunk`.

pub mod chunk;
#[cfg(test)]
mod tests;

use bytes::{Buf, Bytes, BytesMut};
use memchr::{memchr2, memmem};

const CRLF: &[u8] = b"\r\n";

/// What the decoder found next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailData {
    /// Content, transparency dots removed; never empty.
    Content(Bytes),
    /// `CRLF . CRLF` (or `. CRLF` right after DATA): what follows in the buffer are commands again.
    End,
}

/// What becomes of a CR without LF or an LF without CR in mail data (decision 4). In commands neither is ever taken.
///
/// In both, it ends no mail data and begins no line in which a dot means something: where the message ends does not depend on
/// the choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BareNewlines {
    /// It is no content, and [`MailDataDecoder::saw_bare_newline`] tells of it: the message is to be refused.
    #[default]
    Refuse,
    /// Each becomes a CRLF of content, and nobody is told. For applications that end lines with LF; a signature of theirs
    /// over the content breaks. Content may be up to twice what was on the wire.
    Normalise,
}

/// Where the next octet stands. Between two calls there is no other place: octets that could be the beginning of more than one
/// thing (`.`, `. CR`, `CR` at the end of the buffer) are left in it until the next one decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// Just behind CRLF, or at the very beginning, which is behind the CRLF of DATA. Starting here is what makes
    /// an empty message (`. CRLF` at once) no special case.
    #[default]
    LineStart,
    /// Anywhere else.
    Text,
}

/// Decodes mail data from the wire. Starts as if just after CRLF.
#[derive(Debug, Default)]
pub struct MailDataDecoder {
    place: Place,
    policy: BareNewlines,
    bare_newline: bool,
}

impl MailDataDecoder {
    /// As after the 354; bare newlines are not taken.
    pub fn new() -> Self {
        Self::default()
    }

    /// As after the 354.
    pub fn with(policy: BareNewlines) -> Self {
        Self { policy, ..Self::default() }
    }

    /// Takes from `wire` what can be decided now and leaves the rest; `None` wants more octets.
    ///
    /// All content that is decided comes as one piece, however many dots were removed from it: a client that begins each
    /// line with a dot must not cost a write to the hold for each line, nor one that ends each with LF. Without dots to remove or
    /// newlines to mend nothing is copied.
    pub fn decode(&mut self, wire: &mut BytesMut) -> Option<MailData> {
        let mut scanned = self.scan(wire);
        if let Some(mended) = scanned.mended.take() {
            wire.advance(scanned.taken);
            return Some(MailData::Content(mended.freeze()));
        }
        if scanned.content > 0 {
            let content = wire.split_to(scanned.content).freeze();
            wire.advance(scanned.taken - scanned.content);
            return Some(MailData::Content(content));
        }
        wire.advance(scanned.taken);
        if self.place == Place::LineStart && wire.starts_with(b".\r\n") {
            wire.advance(b".\r\n".len());
            return Some(MailData::End);
        }
        None
    }

    /// Whether a CR without LF or an LF without CR was seen that is to be refused (`550 5.6.11` at the end; it never ended a
    /// line and never appears in content). Never under [`BareNewlines::Normalise`].
    pub fn saw_bare_newline(&self) -> bool {
        self.bare_newline
    }

    /// Reads up to the end of mail data or the first octets that cannot be decided yet, and moves the content together
    /// at the front of `wire` where something between was no content.
    fn scan(&mut self, wire: &mut [u8]) -> Scanned {
        let mut scanned = Scanned { taken: 0, content: 0, mended: None };
        // Until something is bare. From there on line by line, or a client that puts one into each buffer would have it read as
        // often as it has lines.
        let (dots, mut is_plain) = (memmem::Finder::new(b"\n."), true);
        while let Some(rest) = wire.get(scanned.taken..) {
            match (self.place, rest) {
                (_, []) => break,
                // Undecided, or the end, which waits until the content before it is out.
                (Place::LineStart, b"." | b".\r" | [b'.', b'\r', b'\n', ..]) => break,
                // §4.5.2: a dot in front of anything else was put there for transparency. (Clients that forgot to
                // double theirs lose it here, as the section says.)
                (Place::LineStart, [b'.', ..]) => {
                    scanned.taken += 1;
                    self.place = Place::Text;
                }
                (Place::LineStart, _) => self.place = Place::Text,
                (Place::Text, _) if is_plain && let Some(plain) = plain(rest, &dots) => {
                    self.place = if plain.ends_with(b"\n") { Place::LineStart } else { Place::Text };
                    let length = plain.len();
                    scanned.keep(wire, length);
                }
                (Place::Text, _) => {
                    is_plain = false;
                    let text = memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
                    match rest.get(text..).unwrap_or_default() {
                        [b'\r', b'\n', ..] => {
                            scanned.keep(wire, text + 2);
                            self.place = Place::LineStart;
                        }
                        [] => scanned.keep(wire, text),
                        [b'\r'] => {
                            scanned.keep(wire, text);
                            break;
                        }
                        _ => {
                            scanned.keep(wire, text);
                            // The place stays in the text of the same line: a dot behind it is content (RFC 5321 §4.5.2 knows
                            // lines of CRLF only). Taken for a line's beginning, `LF . CRLF` would end the mail data.
                            match self.policy {
                                BareNewlines::Refuse => self.bare_newline = true,
                                BareNewlines::Normalise => scanned.mend(wire),
                            }
                            scanned.taken += 1;
                        }
                    }
                }
            }
        }
        scanned
    }
}

/// The lines up to the next that begins with a dot, or all there is but a CR at its end, if nothing in them is bare: content as it stands.
/// `text` begins within a line; never empty.
fn plain<'w>(text: &'w [u8], dots: &memmem::Finder<'_>) -> Option<&'w [u8]> {
    let lines = match dots.find(text) {
        Some(lf) => text.get(..=lf)?,
        None => text.strip_suffix(b"\r").unwrap_or(text),
    };
    (!lines.is_empty() && has_only_crlf(lines)).then_some(lines)
}

/// Whether each CR stands in front of an LF, and each LF behind a CR. Without a branch for each octet: the compiler compares
/// sixteen at a time.
fn has_only_crlf(octets: &[u8]) -> bool {
    let (Some(first), Some(last)) = (octets.first(), octets.last()) else { return true };
    let neighbours = octets.iter().zip(octets.get(1..).unwrap_or_default());
    let odd = neighbours.fold(false, |odd, (&one, &next)| odd | ((one == b'\r') != (next == b'\n')));
    !odd && *first != b'\n' && *last != b'\r'
}

/// How far a buffer was read: `content` octets of content stand at its front, out of `taken`. `content <= taken <= len`.
struct Scanned {
    taken: usize,
    content: usize,
    /// All of the content instead, once it has become longer than what it was made of.
    mended: Option<BytesMut>,
}

impl Scanned {
    /// Counts the next `length` octets as content.
    fn keep(&mut self, wire: &mut [u8], length: usize) {
        if let Some(mended) = &mut self.mended {
            mended.extend_from_slice(wire.get(self.taken..self.taken + length).unwrap_or_default());
        } else if self.content < self.taken {
            // In bounds: `length` octets were seen behind `taken`, and `content` is below it.
            wire.copy_within(self.taken..self.taken + length, self.content);
        }
        self.taken += length;
        self.content += length;
    }

    /// Puts CRLF where the next octet is one half of it.
    fn mend(&mut self, wire: &[u8]) {
        let mended = self.mended.get_or_insert_with(|| {
            let mut mended = BytesMut::with_capacity(wire.len() + wire.len() / 16 + 2);
            mended.extend_from_slice(wire.get(..self.content).unwrap_or_default());
            mended
        });
        mended.extend_from_slice(b"\r\n");
    }
}

/// Encodes content for the wire: dots doubled at line starts; nothing else changes, since content holds CR and LF only as CRLF.
///
/// A dot behind *any* LF is doubled. On content of ours that is the same; should an LF ever stand alone, a next hop that takes
/// it for a line end would still see no dot on a line of its own.
#[derive(Debug, Default)]
pub struct MailDataEncoder {
    place: Place,
}

impl MailDataEncoder {
    /// The wire form of the next piece of content. Nothing is copied when no dot has to be doubled.
    pub fn encode(&mut self, content: Bytes) -> Bytes {
        let first = self.place == Place::LineStart && content.starts_with(b".");
        match content.last() {
            Some(b'\n') => self.place = Place::LineStart,
            Some(_) => self.place = Place::Text,
            None => {}
        }
        let mut dots =
            first.then_some(0).into_iter().chain(memmem::find_iter(&content, b"\n.").map(|lf| lf + 1)).peekable();
        if dots.peek().is_none() {
            return content;
        }
        let mut wire = BytesMut::with_capacity(content.len() + content.len() / 64 + 1);
        let mut written = 0;
        for dot in dots {
            wire.extend_from_slice(content.get(written..dot).unwrap_or_default());
            wire.extend_from_slice(b".");
            written = dot;
        }
        wire.extend_from_slice(content.get(written..).unwrap_or_default());
        wire.freeze()
    }

    /// What ends the mail data: `.CRLF`, with a CRLF before it when the content does not end in one (a message without final CRLF
    /// cannot come out of our decoder, but an empty one can).
    pub fn end(self) -> Bytes {
        match self.place {
            Place::LineStart => Bytes::from_static(b".\r\n"),
            Place::Text => Bytes::from_static(b"\r\n.\r\n"),
        }
    }
}
