//! Stretches of a body in which there is nothing to find, passed over at once.
//!
//! In: a body, and content from the beginning of a line on. Out: how many octets of it, whole lines, that [`Body`] would read without a
//! finding and be behind them as it was in front of them. No line of a stretch begins with a dash, so none is a delimiter or like one;
//! and how long a line is makes no difference in it. Nought is always a right answer: what is no stretch is read line by line, and that
//! reading is what the tests hold this one to.
//!
//! An attachment is nearly nothing but stretches.

use memchr::memrchr;

use super::{Base64, Body, Escape, Padding, Text, is_digit};

impl Body {
    /// The octets of the stretch that `content` begins with.
    pub(in super::super) fn stretch(&self, content: &[u8]) -> usize {
        let begins_line = |line: fn(u8) -> bool| content.first().is_some_and(|&first| line(first));
        match self {
            Self::Opaque if begins_line(is_no_dash) => {
                whole_lines(content, |one, two, _| (one != b'\n') | is_no_dash(two))
            }
            Self::Plain(Text { begun: None }) if begins_line(is_text) => {
                whole_lines(content, |one, two, _| (one != b'\n') | is_text(two))
            }
            Self::Base64(Base64 { padding: Padding::None, .. }) => whole_lines(content, |one, _, _| is_of_base64(one)),
            Self::QuotedPrintable { escape: Escape::None, .. } if begins_line(is_no_dash) => {
                whole_lines(content, |one, two, three| {
                    ((one != b'=') | is_escape(two, three)) & ((one != b'\n') | is_no_dash(two))
                })
            }
            _ => 0,
        }
    }
}

fn is_no_dash(first: u8) -> bool {
    first != b'-'
}

/// Whether a line that begins so is no more than a line of a text: no file in it, and no delimiter.
fn is_text(first: u8) -> bool {
    (first != b'-') & (first != b'b') & (first != b'=') & (first != b'(')
}

/// A digit or the end of a line. A lone CR is passed over as the reading by lines passes over it.
fn is_of_base64(octet: u8) -> bool {
    is_digit(octet) | (octet == b'\r') | (octet == b'\n')
}

/// What stands behind an equals sign: two digits, or the end of the line.
fn is_escape(one: u8, two: u8) -> bool {
    let is_digit = |octet: u8| (octet.wrapping_sub(b'0') < 10) | ((octet | 0x20).wrapping_sub(b'a') < 6);
    (is_digit(one) & is_digit(two)) | (one == b'\n') | ((one == b'\r') & (two == b'\n'))
}

/// Octets that are looked at together, without a branch for each: the compiler makes of it a few comparisons of sixteen at once.
const BLOCK: usize = 64;
/// … and where a block is not plain, or not whole: what is left for a look at each octet is short.
const SMALL: usize = 16;

/// Whether each of the first `N` octets is plain, and the two behind them are there. How many they are is known when this is compiled: nothing
/// is left to be done octet by octet.
fn are_plain<const N: usize>(octets: &[u8], is_plain: &impl Fn(u8, u8, u8) -> bool) -> bool {
    let behind = |by: usize| octets.get(by..).and_then(<[u8]>::first_chunk::<N>);
    let (Some(one), Some(two), Some(three)) = (behind(0), behind(1), behind(2)) else { return false };
    let three = one.iter().zip(two).zip(three);
    three.fold(0, |odd, ((&one, &two), &three)| odd | u8::from(!is_plain(one, two, three))) == 0
}

/// Whole lines in which each octet is plain, by the two behind it. The last two octets, of which that is not known, are in none of them.
fn whole_lines(content: &[u8], is_plain: impl Fn(u8, u8, u8) -> bool) -> usize {
    let mut plain = 0_usize;
    while are_plain::<BLOCK>(content.get(plain..).unwrap_or_default(), &is_plain) {
        plain = plain.saturating_add(BLOCK);
    }
    while are_plain::<SMALL>(content.get(plain..).unwrap_or_default(), &is_plain) {
        plain = plain.saturating_add(SMALL);
    }
    while are_plain::<1>(content.get(plain..).unwrap_or_default(), &is_plain) {
        plain = plain.saturating_add(1);
    }
    memrchr(b'\n', content.get(..plain).unwrap_or_default()).map_or(0, |lf| lf.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::{super::super::finding::Findings, *};
    use crate::{
        inspect::ambiguity::entity::Leaf,
        message::mime::{Place, transfer_encoding::TransferEncoding},
    };

    fn body(encoding: TransferEncoding, is_text: bool) -> Body {
        Body::new(Leaf { encoding, is_text, is_attachment: !is_text, is_signature: false })
    }

    #[test]
    fn a_stretch_is_whole_lines_without_anything_to_find() {
        use TransferEncoding::{Base64, Identity, QuotedPrintable};
        let long = ["QUJD".repeat(500).as_str(), "\r\n", "QU!\r\n"].concat();
        let rows: [(TransferEncoding, bool, &str, usize); 21] = [
            (Base64, false, "QUJD\r\nQUJD\n\r\nQUJD", 13),
            (Base64, false, "QUJD\r\nQU-D\r\n", 6),
            (Base64, false, "QUJD\r\nQUI=\r\n", 6),
            (Base64, false, "QU JD\r\n..", 0),
            (Base64, false, &long, 2002),
            (Base64, false, "QUJD\r\n", 0),
            (Base64, false, "", 0),
            (QuotedPrintable, true, "a=3D=\r\n=3db=\n\r\n=..", 15),
            (QuotedPrintable, true, "a\r\nb=3\r\n", 3),
            (QuotedPrintable, true, "a\r\nb= \r\n", 3),
            (QuotedPrintable, true, "a\r\nb=3", 3),
            (QuotedPrintable, true, "a\r\nc\r\n-b\r\n", 3),
            (QuotedPrintable, true, "-a\r\nb\r\n", 0),
            (Identity, true, "a\r\nc\r\nbegin 644 a\r\n", 3),
            (Identity, true, "a\r\nc\r\n=ybegin\r\n", 3),
            (Identity, true, "a\r\nc\r\n(This\r\n", 3),
            (Identity, true, "begin\r\n\r\n", 0),
            (Identity, true, "\r\n\r\n--b\r\n", 2),
            (Identity, true, "a", 0),
            (Identity, false, "begin\r\n=\r\n-a", 7),
            (Identity, false, "-\r\nb\r\n", 0),
        ];
        for (encoding, is_text, content, expected) in rows {
            assert_eq!(body(encoding, is_text).stretch(content.as_bytes()), expected, "{content:.40?}");
        }
    }

    #[test]
    fn within_something_there_is_no_stretch() {
        let place = Place { line: 1, at: 0 };
        let behind = |encoding, line: &str| {
            let mut body = body(encoding, encoding == TransferEncoding::Identity);
            body.line(line.as_bytes(), place, &mut Findings::default());
            body.stretch(b"QUJD\r\n..")
        };
        for (encoding, line, expected) in [
            (TransferEncoding::Base64, "QUJD\r\n", 6),
            (TransferEncoding::Base64, "QUI=\r\n", 0),
            (TransferEncoding::QuotedPrintable, "a=\r\n", 6),
            (TransferEncoding::QuotedPrintable, "a=3", 0),
            (TransferEncoding::Identity, "begin\r\n", 6),
            (TransferEncoding::Identity, "begin 644 a\r\n", 0),
        ] {
            assert_eq!(behind(encoding, line), expected, "{line:?}");
        }
    }
}
