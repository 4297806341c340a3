//! Bodies that are not taken apart: whether everybody decodes them to the same octets.
//!
//! In: the body as it streams by, line by line, the rest of overlong lines in pieces. Out: findings. Nothing is decoded or kept.

mod stretch;

use memchr::memchr;

use super::{
    entity::Leaf,
    finding::{Findings, Trick},
};
use crate::message::mime::{Place, transfer_encoding::TransferEncoding};

/// A body while it streams by.
#[derive(Debug)]
pub(super) enum Body {
    /// Nothing in it is looked at.
    Opaque,
    /// Base64.
    Base64(Base64),
    /// Quoted-printable.
    QuotedPrintable { is_text: bool, is_attachment: bool, escape: Escape },
    /// As it stands.
    Plain(Text),
}

impl Body {
    pub(super) fn new(leaf: Leaf) -> Self {
        match leaf.encoding {
            TransferEncoding::Base64 => {
                Self::Base64(Base64 { is_attachment: leaf.is_attachment, padding: Padding::None })
            }
            TransferEncoding::QuotedPrintable => {
                let Leaf { is_text, is_attachment, .. } = leaf;
                Self::QuotedPrintable { is_text, is_attachment, escape: Escape::None }
            }
            TransferEncoding::Identity if leaf.is_text => Self::Plain(Text::default()),
            TransferEncoding::Identity | TransferEncoding::Foreign => Self::Opaque,
        }
    }

    /// A line with its end.
    pub(super) fn line(&mut self, line: &[u8], place: Place, findings: &mut Findings) {
        match self {
            Self::Plain(text) => text.line(line, place, findings),
            Self::Base64(base64) => base64.line(line, place, findings),
            _ => self.octets(line, place, findings),
        }
    }

    /// The first octets of an overlong line, always as many.
    pub(super) fn begin_overlong(&mut self, octets: &[u8], place: Place, findings: &mut Findings) {
        match self {
            Self::Base64(base64) => base64.line(octets, place, findings),
            _ => self.octets(octets, place, findings),
        }
    }

    /// A further piece of an overlong line.
    pub(super) fn octets(&mut self, octets: &[u8], place: Place, findings: &mut Findings) {
        match self {
            Self::Opaque => {}
            Self::Plain(text) => *text = Text::default(),
            Self::Base64(base64) => base64.octets(octets, place, findings),
            Self::QuotedPrintable { is_text, is_attachment, escape } => {
                let broken = if *is_text { Trick::BadQuotedText } else { Trick::BadQuotedPrintable };
                let padded = if *is_attachment { Trick::PaddedSoftBreak } else { Trick::BadQuotedText };
                let mut rest = octets;
                loop {
                    // Nothing but an equals sign begins anything.
                    let skipped = if *escape == Escape::None { memchr(b'=', rest).unwrap_or(rest.len()) } else { 0 };
                    let Some((&octet, behind)) = rest.get(skipped..).and_then(<[u8]>::split_first) else { break };
                    let (next, fault) = escape.next(octet);
                    (*escape, rest) = (next, behind);
                    match fault {
                        None => {}
                        Some(Fault::Broken) => findings.note(broken, place),
                        Some(Fault::Padded) => findings.note(padded, place),
                    }
                }
            }
        }
    }
}

/// Base64 (RFC 2045 §6.8).
#[derive(Debug)]
pub(super) struct Base64 {
    is_attachment: bool,
    padding: Padding,
}

/// Where padding stood last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Padding {
    None,
    /// On the line under way.
    Here,
    /// On a line above, and nothing but white space since.
    Above,
    /// Above what is no base64: the footer of a mailing list, if this is a text.
    AboveText,
}

impl Base64 {
    fn line(&mut self, line: &[u8], place: Place, findings: &mut Findings) {
        let line_alone = line.trim_ascii();
        if self.padding == Padding::Above && !line_alone.is_empty() {
            // A footer is hardly ever a word of four, eight, twelve letters alone on its line, or one of more than a line.
            let is_like_it = line_alone.len().is_multiple_of(4) || line_alone.len() > 60;
            if is_like_it && line_alone.iter().all(|octet| is_digit(*octet) || *octet == b'=') {
                findings.note(Trick::PaddingInside, place);
            } else {
                self.padding = Padding::AboveText;
            }
        }
        self.octets(line, place, findings);
    }

    fn octets(&mut self, octets: &[u8], place: Place, findings: &mut Findings) {
        for &octet in octets {
            let trick = match (octet, self.padding) {
                (b'\n', Padding::Here) => {
                    self.padding = Padding::Above;
                    continue;
                }
                (b'\r' | b'\n' | b' ' | b'\t', _) => continue,
                (b'=', Padding::None) => {
                    self.padding = Padding::Here;
                    continue;
                }
                (b'=', _) => continue,
                (_, Padding::None) if is_digit(octet) => continue,
                (_, Padding::Here) if is_digit(octet) => {
                    findings.note(Trick::PaddingInside, place);
                    continue;
                }
                _ if is_digit(octet) => Trick::PaddingInside,
                _ => Trick::DirtyBase64,
            };
            findings.note(if self.is_attachment { trick } else { Trick::DirtyText }, place);
        }
    }
}

/// Whether it is of base64's alphabet. Without a branch: `stretch` asks it of many octets at once. The digits stand behind the slash.
fn is_digit(octet: u8) -> bool {
    let is_letter = (octet | 0x20).wrapping_sub(b'a') < 26;
    let is_number = octet.wrapping_sub(b'/') < 11;
    is_letter | is_number | (octet == b'+')
}

/// Where quoted-printable stands (RFC 2045 §6.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escape {
    None,
    /// Behind `=`.
    Begun,
    /// Behind `=` and one digit.
    Half,
    /// Behind `=` and white space: only more of it and the end of the line may follow.
    Soft,
}

/// What is wrong with an escape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// Neither two digits nor the end of the line.
    Broken,
    /// White space before the end of the line.
    Padded,
}

impl Escape {
    /// Where it stands behind `octet`, and what that was wrong.
    fn next(self, octet: u8) -> (Self, Option<Fault>) {
        let begins = if octet == b'=' { Self::Begun } else { Self::None };
        match (self, octet) {
            (Self::None, _) => (begins, None),
            (Self::Begun | Self::Soft, b'\r') => (Self::Soft, None),
            (Self::Begun | Self::Soft, b'\n') => (Self::None, None),
            (Self::Begun | Self::Soft, b' ' | b'\t') => (Self::Soft, Some(Fault::Padded)),
            (Self::Begun, _) if octet.is_ascii_hexdigit() => (Self::Half, None),
            (Self::Half, _) if octet.is_ascii_hexdigit() => (Self::None, None),
            _ => (begins, Some(Fault::Broken)),
        }
    }
}

/// A text, in which some readers look for files.
#[derive(Debug, Default)]
pub(super) struct Text {
    /// The line above was `begin 644 name`.
    begun: Option<Place>,
}

impl Text {
    pub(super) fn line(&mut self, line: &[u8], place: Place, findings: &mut Findings) {
        let line = line.trim_ascii_end();
        if let Some(begun) = self.begun.take()
            && is_uuencoded(line)
        {
            findings.note(Trick::Uuencoded, begun);
        }
        if is_begin(line) {
            self.begun = Some(place);
        } else if line.starts_with(b"=ybegin ") && has(line, b"line=") && has(line, b"name=") {
            findings.note(Trick::YEncoded, place);
        } else if line.starts_with(b"(This file must be converted with BinHex") {
            findings.note(Trick::BinHexed, place);
        }
    }
}

fn has(line: &[u8], word: &[u8]) -> bool {
    line.windows(word.len()).any(|window| window == word)
}

/// `begin 644 name`, `begin-base64 644 name` (POSIX uuencode).
fn is_begin(line: &[u8]) -> bool {
    let Some(behind) = line.strip_prefix(b"begin ").or_else(|| line.strip_prefix(b"begin-base64 ")) else {
        return false;
    };
    let digits = behind.iter().take_while(|octet| (b'0'..=b'7').contains(*octet)).count();
    (3..=5).contains(&digits) && behind.get(digits) == Some(&b' ')
}

/// A line as uuencode writes it: a length, and as many letters as that needs; or one of base64. A sentence that only talks of
/// `begin 644 name` is followed by neither.
fn is_uuencoded(line: &[u8]) -> bool {
    let Some((&first, data)) = line.split_first() else { return false };
    let length = usize::from(first.wrapping_sub(b' ') & 63);
    let needed = length.div_ceil(3).saturating_mul(4);
    let is_line = (b'!'..=b'M').contains(&first)
        && data.len() <= needed.saturating_add(2)
        // White space at the end, which means nought, may be lost.
        && data.len() >= needed.div_ceil(2)
        && data.iter().all(|octet| (b' '..=b'`').contains(octet));
    let base64 = |octet: &u8| octet.is_ascii_alphanumeric() || b"+/=".contains(octet);
    is_line || (line.len() >= 8 && line.len().is_multiple_of(4) && line.iter().all(base64))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place = Place { line: 1, at: 0 };

    fn found(encoding: TransferEncoding, is_text: bool, is_attachment: bool, body: &str) -> Vec<Trick> {
        let mut findings = Findings::default();
        let mut lines = Body::new(Leaf { encoding, is_text, is_attachment, is_signature: false });
        for line in body.split_inclusive('\n') {
            lines.line(line.as_bytes(), PLACE, &mut findings);
        }
        findings.all().iter().map(|finding| finding.trick).collect()
    }

    #[test]
    fn base64_is_clear_or_not() {
        use Trick::{DirtyBase64, DirtyText, PaddingInside};
        let rows: [(&str, &[Trick], &[Trick]); 13] = [
            ("aGVsbG8=\r\n", &[], &[]),
            ("aGVs\r\nbG8=\r\n\r\n", &[], &[]),
            ("aGVs bG8 =\t\r\n", &[], &[]),
            ("aGVsbG8\r\n", &[], &[]),
            ("aGVsbG8====\r\n", &[], &[]),
            ("aGVs!bG8=\r\n", &[DirtyBase64], &[DirtyText]),
            ("aGVs-bG8_\r\n", &[DirtyBase64], &[DirtyText]),
            ("hello, world\r\naGVsbG8=\r\n", &[DirtyBase64], &[DirtyText]),
            ("aGU=bGxv\r\n", &[PaddingInside], &[PaddingInside]),
            ("aGU=\r\n\r\nbGxv\r\n", &[PaddingInside], &[PaddingInside, DirtyText]),
            ("aGU=\r\nbGU=\r\nbGU=\r\n", &[PaddingInside], &[PaddingInside, DirtyText]),
            ("aGU=\r\n-- \r\nList\r\n", &[DirtyBase64, PaddingInside], &[DirtyText]),
            ("aGU=\r\nTo leave:\r\nList\r\n", &[PaddingInside, DirtyBase64], &[DirtyText]),
        ];
        for (body, attachment, text) in rows {
            assert_eq!(found(TransferEncoding::Base64, false, true, body), attachment, "{body:?}");
            assert_eq!(found(TransferEncoding::Base64, true, false, body), text, "{body:?}");
        }
    }

    #[test]
    fn quoted_printable_is_clear_or_not() {
        use Trick::{BadQuotedPrintable, BadQuotedText, PaddedSoftBreak};
        let rows: [(&str, &[Trick], &[Trick]); 8] = [
            ("a=3Db=3db\r\n", &[], &[]),
            ("a=\r\nb=\nc", &[], &[]),
            ("a=", &[], &[]),
            ("a=zz\r\n", &[BadQuotedPrintable], &[BadQuotedText]),
            ("a=3z\r\n", &[BadQuotedPrintable], &[BadQuotedText]),
            ("a==3D\r\n", &[BadQuotedPrintable], &[BadQuotedText]),
            ("a= \t\r\nb", &[PaddedSoftBreak], &[PaddedSoftBreak]),
            ("a= b\r\n", &[PaddedSoftBreak, BadQuotedPrintable], &[PaddedSoftBreak, BadQuotedText]),
        ];
        for (body, octets, named_text) in rows {
            let found = |is_text, is_attachment| found(TransferEncoding::QuotedPrintable, is_text, is_attachment, body);
            assert_eq!(found(false, true), octets, "{body:?}");
            assert_eq!(found(true, true), named_text, "{body:?}");
            let text: &[Trick] = if octets.is_empty() { &[] } else { &[BadQuotedText] };
            assert_eq!(found(true, false), text, "{body:?}");
        }
    }

    #[test]
    fn a_file_in_a_text_is_found_and_talk_of_one_is_not() {
        let rows: [(&str, &[Trick]); 10] = [
            ("begin 644 a.exe\r\n#0V%T\r\n`\r\nend\r\n", &[Trick::Uuencoded]),
            ("begin-base64 644 a.exe\r\naGVsbG8=\r\n====\r\n", &[Trick::Uuencoded]),
            ("begin 644 a.exe\r\n", &[]),
            ("begin 644 a.exe\r\nis how such a file begins.\r\n", &[]),
            ("begin at 644 o'clock\r\n#0V%T\r\n", &[]),
            ("We begin 644 a\r\n#0V%T\r\n", &[]),
            ("=ybegin line=128 size=3 name=a.exe\r\n", &[Trick::YEncoded]),
            ("=ybegin is how yEnc begins\r\n", &[]),
            ("(This file must be converted with BinHex 4.0)\r\n", &[Trick::BinHexed]),
            ("Bom dia.\r\n-- \r\nAna\r\n", &[]),
        ];
        for (body, expected) in rows {
            assert_eq!(found(TransferEncoding::Identity, true, false, body), expected, "{body:?}");
        }
    }
}
