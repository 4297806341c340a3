//! Octets into command lines: only CRLF ends a line, and a line is bounded.
//!
//! In: the buffer of what came from the client. Out: whole lines without their CRLF. What stands in them is not known here.

use bytes::{Buf, Bytes, BytesMut};
use memchr::memchr2;

use super::limits;

/// What stood next in the buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A line, its CRLF removed.
    Whole(Bytes),
    /// A line above its limit ([`limits::COMMAND_LINE`] for a command), read to its CRLF and dropped whole: its tail must never run as a command. What is left
    /// is its verb (four octets): behind some of them stands more that must not.
    TooLong(Bytes),
    /// A CR without LF or an LF without CR. What is behind it is not to be read: whoever is between the client and us may have
    /// taken it for a line end.
    BareNewline,
}

/// Splits octets at CRLF.
#[derive(Debug, Default)]
pub struct LineDecoder {
    /// The current line is too long already; but for its first octets, what was read of it is gone.
    too_long: Option<Bytes>,
}

impl LineDecoder {
    /// Takes the next command line from `wire`; `None` wants more octets. Whatever comes, `wire` keeps fewer octets than a line may have.
    pub fn decode(&mut self, wire: &mut BytesMut) -> Option<Line> {
        self.decode_within(wire, limits::COMMAND_LINE)
    }

    /// Takes the next line, which may have so many octets with its CRLF.
    pub fn decode_within(&mut self, wire: &mut BytesMut, limit: usize) -> Option<Line> {
        let end = memchr2(b'\r', b'\n', wire).unwrap_or(wire.len());
        let line = match wire.get(end..).unwrap_or_default() {
            [] | [b'\r'] => {
                // One more octet at least is to come, so a full buffer is a line too long. Its last CR stays: it may be half a CRLF.
                if self.too_long.is_some() || wire.len() >= limit {
                    self.too_long.get_or_insert_with(|| Bytes::copy_from_slice(verb(wire)));
                    wire.advance(end);
                }
                return None;
            }
            [b'\r', b'\n', ..] => {
                let line = wire.split_to(end).freeze();
                wire.advance(2);
                line
            }
            _ => return Some(Line::BareNewline),
        };
        if let Some(verb) = self.too_long.take() {
            return Some(Line::TooLong(verb));
        }
        let fits = line.len() + 2 <= limit;
        Some(if fits { Line::Whole(line) } else { Line::TooLong(Bytes::copy_from_slice(verb(&line))) })
    }
}

fn verb(line: &[u8]) -> &[u8] {
    line.get(..4).unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of `octets`, fed in pieces of `size`, up to a bare newline.
    fn lines(octets: &[u8], size: usize) -> (Vec<Line>, Vec<u8>) {
        let (mut decoder, mut wire, mut lines) = (LineDecoder::default(), BytesMut::new(), Vec::new());
        for piece in octets.chunks(size) {
            wire.extend_from_slice(piece);
            while let Some(line) = decoder.decode(&mut wire) {
                lines.push(line);
                if lines.last() == Some(&Line::BareNewline) {
                    return (lines, Vec::new());
                }
            }
            assert!(wire.len() < limits::COMMAND_LINE, "memory is bounded");
        }
        (lines, wire.to_vec())
    }

    #[test]
    fn only_crlf_ends_a_line_and_a_line_is_bounded() {
        let whole = |line: &str| Line::Whole(Bytes::copy_from_slice(line.as_bytes()));
        let (longest, too_long) = ("x".repeat(2046), "x".repeat(2047));
        let rows = [
            ("NOOP\r\nQUIT\r\n".to_owned(), vec![whole("NOOP"), whole("QUIT")], ""),
            ("\r\n\r\n".to_owned(), vec![whole(""), whole("")], ""),
            ("NOOP\r\nQUI".to_owned(), vec![whole("NOOP")], "QUI"),
            ("NOOP\r".to_owned(), vec![], "NOOP\r"),
            // A CR or an LF alone: nothing behind it is read.
            ("NOOP\nQUIT\r\n".to_owned(), vec![Line::BareNewline], ""),
            ("NOOP\r\nNOOP\rQUIT\r\n".to_owned(), vec![whole("NOOP"), Line::BareNewline], ""),
            ("NOOP\r\r\n".to_owned(), vec![Line::BareNewline], ""),
            ("\n".to_owned(), vec![Line::BareNewline], ""),
            // 2048 with its CRLF, and not one more; the tail of a longer one never runs.
            (format!("{longest}\r\nNOOP\r\n"), vec![whole(&longest), whole("NOOP")], ""),
            (format!("{too_long}\r\nNOOP\r\n"), vec![Line::TooLong("xxxx".into()), whole("NOOP")], ""),
            (format!("{too_long}{too_long}QUIT\r\nNOOP\r\n"), vec![Line::TooLong("xxxx".into()), whole("NOOP")], ""),
            (format!("{too_long}QUIT\nNOOP\r\n"), vec![Line::BareNewline], ""),
            (format!("{too_long}\rQUIT\r\n"), vec![Line::BareNewline], ""),
            (format!("{too_long}\r"), vec![], "\r"),
        ];
        for (octets, expected, left) in rows {
            for size in [1, 2, 3, 7, 1000, 2047, 2048] {
                let read = lines(octets.as_bytes(), size);
                assert_eq!(read, (expected.clone(), left.as_bytes().to_vec()), "{octets:.20} by {size}");
            }
        }
    }
}
