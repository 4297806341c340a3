//! Where mail data ends and what stands in it (RFC 5321 §4.5.2), both ways.
//!
//! In: octets of the wire, or content. Out: content, or octets of the wire. Only `CRLF . CRLF` ends mail data and only CRLF
//! ends a line; a CR or an LF alone is neither passed on nor taken for either (SMTP smuggling: CVE-2023-51764, CVE-2023-51765,
//! CVE-2023-51766). What to say about one is not decided here, nor how much content is too much.

use bytes::{Buf, Bytes, BytesMut};
use memchr::{memchr2, memmem};

/// What the decoder found next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailData {
    /// Content, transparency dots removed; never empty.
    Content(Bytes),
    /// `CRLF . CRLF` (or `. CRLF` right after DATA): what follows in the buffer are commands again.
    End,
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
    bare_newline: bool,
}

impl MailDataDecoder {
    /// As after the 354.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes from `wire` what can be decided now and leaves the rest; `None` wants more octets.
    ///
    /// All content that is decided comes as one piece, however many dots were removed from it: a client that begins each
    /// line with a dot must not cost a write to the hold for each line. Without dots to remove nothing is copied.
    pub fn decode(&mut self, wire: &mut BytesMut) -> Option<MailData> {
        let scanned = self.scan(wire);
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

    /// Whether a CR without LF or an LF without CR was seen (`550 5.6.11` at the end; it never ended a line and never appears in content).
    pub fn saw_bare_newline(&self) -> bool {
        self.bare_newline
    }

    /// Reads up to the end of mail data or the first octets that cannot be decided yet, and moves the content together
    /// at the front of `wire` where something between was no content.
    fn scan(&mut self, wire: &mut [u8]) -> Scanned {
        let mut scanned = Scanned { taken: 0, content: 0 };
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
                (Place::Text, _) => {
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
                            scanned.taken += 1;
                            self.bare_newline = true;
                        }
                    }
                }
            }
        }
        scanned
    }
}

/// How far a buffer was read: `content` octets of content stand at its front, out of `taken`. `content <= taken <= len`.
struct Scanned {
    taken: usize,
    content: usize,
}

impl Scanned {
    /// Counts the next `length` octets as content.
    fn keep(&mut self, wire: &mut [u8], length: usize) {
        if self.content < self.taken {
            // In bounds: `length` octets were seen behind `taken`, and `content` is below it.
            wire.copy_within(self.taken..self.taken + length, self.content);
        }
        self.taken += length;
        self.content += length;
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What the pieces of a wire decode to.
    #[derive(Debug, Default, PartialEq, Eq)]
    struct Decoded {
        content: Vec<u8>,
        ended: bool,
        bare_newline: bool,
        left: Vec<u8>,
    }

    fn decode(pieces: &[&[u8]]) -> Decoded {
        let (mut decoder, mut wire, mut decoded) = (MailDataDecoder::new(), BytesMut::new(), Decoded::default());
        for piece in pieces {
            wire.extend_from_slice(piece);
            while !decoded.ended {
                match decoder.decode(&mut wire) {
                    Some(MailData::Content(content)) => {
                        assert!(!content.is_empty());
                        decoded.content.extend_from_slice(&content);
                    }
                    Some(MailData::End) => decoded.ended = true,
                    None => break,
                }
            }
        }
        assert!(decoded.ended || wire.len() <= 2, "only `.`, `. CR` and `CR` may wait");
        Decoded { bare_newline: decoder.saw_bare_newline(), left: wire.to_vec(), ..decoded }
    }

    /// The naive reading: split at CRLF, stop at the line that is a dot, remove a dot in front, drop what is bare.
    /// `wire` has an end.
    fn naive(wire: &[u8]) -> Decoded {
        let mut decoded = Decoded { ended: true, ..Decoded::default() };
        let mut rest = wire;
        loop {
            let line_end = rest.windows(2).position(|pair| pair == b"\r\n").expect("the wire has an end");
            let line = &rest[..line_end];
            rest = &rest[line_end + 2..];
            if line == b"." {
                decoded.left = rest.to_vec();
                return decoded;
            }
            for &octet in line.strip_prefix(b".").unwrap_or(line) {
                match octet {
                    b'\r' | b'\n' => decoded.bare_newline = true,
                    _ => decoded.content.push(octet),
                }
            }
            decoded.content.extend_from_slice(b"\r\n");
        }
    }

    fn all_strings(alphabet: &[&[u8]], longest: usize) -> Vec<Vec<u8>> {
        let mut strings = vec![Vec::new()];
        let mut from = 0;
        for _ in 0..longest {
            let to = strings.len();
            for index in from..to {
                strings
                    .extend(alphabet.iter().map(|octets| [&strings[index][..], octets].concat()).collect::<Vec<_>>());
            }
            from = to;
        }
        strings
    }

    #[test]
    fn every_short_string_at_every_split_reads_as_rfc_5321_says() {
        let longest = if cfg!(debug_assertions) { 7 } else { 9 };
        for string in all_strings(&[b"\r", b"\n", b".", b"a"], longest) {
            let wire = [&string[..], b"\r\n.\r\n"].concat();
            let expected = naive(&wire);
            assert_eq!(decode(&[&wire]), expected, "{}", wire.escape_ascii());
            for split in 1..wire.len() {
                let (front, back) = wire.split_at(split);
                assert_eq!(decode(&[front, back]).content, expected.content, "{} at {split}", wire.escape_ascii());
            }
            let octets: Vec<&[u8]> = wire.chunks(1).collect();
            let by_octet = decode(&octets);
            let ended = expected.ended == by_octet.ended && expected.left == by_octet.left;
            assert!(ended && expected.content == by_octet.content, "{} by octet", wire.escape_ascii());
            assert_eq!(by_octet.bare_newline, expected.bare_newline, "{} by octet", wire.escape_ascii());
        }
    }

    #[test]
    fn the_end_of_mail_data() {
        type Row<'a> = (&'a [u8], &'a [u8], bool, &'a [u8]);
        let rows: &[Row<'_>] = &[
            // An empty message; what follows are commands again.
            (b".\r\n", b"", false, b""),
            (b".\r\nQUIT\r\n", b"", false, b"QUIT\r\n"),
            (b"a\r\n.\r\nRSET\r\n", b"a\r\n", false, b"RSET\r\n"),
            // Transparency: one dot is removed in front of anything else, also of nothing but dots.
            (b"..\r\n.a\r\n...\r\n.\r\n", b".\r\na\r\n..\r\n", false, b""),
            // What others have taken for the end is none here: CVE-2023-51764 and its kin.
            (b"a\n.\nb\r\n.\r\n", b"a.b\r\n", true, b""),
            (b"a\n.\r\nb\r\n.\r\n", b"a.\r\nb\r\n", true, b""),
            (b"a\r\n.\nb\r\n.\r\n", b"a\r\nb\r\n", true, b""),
            (b"a\r.\rb\r\n.\r\n", b"a.b\r\n", true, b""),
            (b"a\r\n.\rb\r\n.\r\n", b"a\r\nb\r\n", true, b""),
            (b"a\r\n.\r\r\nb\r\n.\r\n", b"a\r\n\r\nb\r\n", true, b""),
            (b"a\r\n\0.\r\n.\r\n", b"a\r\n\0.\r\n", false, b""),
            // CR CR LF is a bare CR and then a line end.
            (b"a\r\r\n.\r\n", b"a\r\n", true, b""),
        ];
        for (wire, content, bare_newline, left) in rows {
            let expected =
                Decoded { content: content.to_vec(), ended: true, bare_newline: *bare_newline, left: left.to_vec() };
            assert_eq!(decode(&[wire]), expected, "{}", wire.escape_ascii());
        }
    }

    #[test]
    fn content_comes_in_large_pieces() {
        // Untouched content is the buffer itself; a dot in front of each line makes it no smaller.
        for (line, kept) in [(&b"line\r\n"[..], &b"line\r\n"[..]), (b"..\r\n", b".\r\n"), (b"a\n", b"a")] {
            let mut wire = BytesMut::from(&line.repeat(1000)[..]);
            let buffer = wire.as_ptr();
            let mut decoder = MailDataDecoder::new();
            let Some(MailData::Content(content)) = decoder.decode(&mut wire) else { panic!("content was decided") };
            assert_eq!(content, kept.repeat(1000));
            assert_eq!(content.as_ptr(), buffer, "in place");
            assert_eq!(decoder.decode(&mut wire), None);
        }
    }

    fn encode(pieces: &[&[u8]]) -> Vec<u8> {
        let mut encoder = MailDataEncoder::default();
        let mut wire = Vec::new();
        for piece in pieces {
            wire.extend_from_slice(&encoder.encode(Bytes::copy_from_slice(piece)));
        }
        wire.extend_from_slice(&encoder.end());
        wire
    }

    #[test]
    fn what_is_encoded_decodes_to_the_same_content() {
        for content in all_strings(&[b"\r\n", b".", b"a"], 7) {
            let wire = encode(&[&content]);
            let decoded = decode(&[&wire]);
            let whole = if content.is_empty() || content.ends_with(b"\r\n") { &b""[..] } else { b"\r\n" };
            assert_eq!(decoded.content, [&content[..], whole].concat(), "{}", content.escape_ascii());
            assert!(decoded.ended && !decoded.bare_newline && decoded.left.is_empty());
            for split in 0..=content.len() {
                let (front, back) = content.split_at(split);
                assert_eq!(encode(&[front, b"", back]), wire, "{} at {split}", content.escape_ascii());
            }
        }
    }

    #[test]
    fn dots_are_doubled_at_line_starts_and_nothing_else_changes() {
        let rows: &[(&[u8], &[u8])] = &[
            (b"", b".\r\n"),
            (b"a.b\r\n", b"a.b\r\n.\r\n"),
            (b".\r\n..\r\n", b"..\r\n...\r\n.\r\n"),
            (b"a", b"a\r\n.\r\n"),
            // Cannot come out of our decoder; a next hop that takes LF for a line end would see no dot alone.
            (b"a\n.\nb\r\n", b"a\n..\nb\r\n.\r\n"),
        ];
        for (content, wire) in rows {
            assert_eq!(encode(&[content]), *wire, "{}", content.escape_ascii());
        }
        let content = Bytes::from_static(b"nothing to double\r\n");
        let same = MailDataEncoder::default().encode(content.clone());
        assert_eq!(same.as_ptr(), content.as_ptr(), "not copied");
    }
}
