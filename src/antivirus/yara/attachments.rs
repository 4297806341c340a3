//! The parts of a message, decoded, one after the other.
//!
//! In: a whole message. Out: each leaf of its MIME tree (RFC 2046), with the name and type that it claims; nested
//! messages are walked too. Depth, number and decoded octets are bounded; over a bound the walk says so, and what was
//! not seen is not called clean. It opens no archive (decision 22), and uuencoded text inside a body is not decoded.
//!
//! mail-parser reads each header section; the tree is walked here. Its full parse nests a value for each
//! `message/rfc822` without a bound: a message of 3 MB with 100,000 of them overflows the stack when it is dropped, which
//! ends the process and no `catch_unwind` stops (measured with 0.11.9 and the 2 MiB stack of a tokio thread). It also
//! panics under overflow checks (238 of 10.5 million mutated messages), where its header parsing did not once in 3.9.

use std::{borrow::Cow, ops::ControlFlow};

use mail_parser::{Message, MessageParser, MimeHeaders};

use super::decode;
use crate::message::mime::{
    Place,
    delimiter::{self, Delimiter},
    parameter::Structured,
    section::SectionReader,
    transfer_encoding::TransferEncoding,
};

/// Nested multiparts and messages, counted together.
const DEEPEST: usize = 8;
/// Parts, composite ones included. clamd alerts above 1,024.
const MOST_PARTS: usize = 1000;
/// A header section, octets; the gateway's own limit for the message's.
const LONGEST_HEADER: usize = 256 * 1024;
/// Boundaries of one multipart that are tried.
const MOST_BOUNDARIES: usize = 4;
/// Decoded octets, as a multiple of the message's; honest ones need three quarters.
const MOST_DECODED: usize = 4;

/// One leaf of the tree.
#[derive(Debug)]
pub struct Part<'a> {
    /// The file name that it claims, decoded; empty if none.
    pub name: &'a str,
    /// The media type that it claims, lower-case.
    pub media_type: &'a str,
    /// Its content, decoded.
    pub octets: &'a [u8],
}

/// Why not every part was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Incomplete {
    /// Over [`DEEPEST`].
    #[error("nested too deep")]
    Depth,
    /// Over [`MOST_PARTS`].
    #[error("too many parts")]
    Parts,
    /// Over [`LONGEST_HEADER`].
    #[error("header section of a part too long")]
    Header,
    /// Over [`MOST_DECODED`].
    #[error("too many decoded octets")]
    Decoded,
    /// A part says that it is encoded in a way that is not undone here.
    #[error("unknown content-transfer-encoding")]
    Encoding,
    /// The visitor had enough.
    #[error("stopped")]
    Stopped,
}

/// Shows every leaf of `message` to `visit`, in order. All that was shown before an error was shown.
pub fn walk(message: &[u8], visit: &mut dyn FnMut(&Part<'_>) -> ControlFlow<()>) -> Result<(), Incomplete> {
    let budget = message.len().saturating_mul(MOST_DECODED);
    Walk { visit, parts: 0, budget }.entity(message, "text/plain", 0)
}

struct Walk<'v> {
    visit: &'v mut dyn FnMut(&Part<'_>) -> ControlFlow<()>,
    parts: usize,
    budget: usize,
}

impl Walk<'_> {
    /// A message or a part: header section, body. `default` is its type if it names none (RFC 2046 §5.1.5).
    fn entity(&mut self, octets: &[u8], default: &str, depth: usize) -> Result<(), Incomplete> {
        if depth > DEEPEST {
            return Err(Incomplete::Depth);
        }
        self.parts = self.parts.saturating_add(1);
        if self.parts > MOST_PARTS {
            return Err(Incomplete::Parts);
        }
        let (header, body) = split_header(octets);
        if header.len() > LONGEST_HEADER {
            return Err(Incomplete::Header);
        }
        let parsed = MessageParser::new().with_mime_headers().default_header_ignore().parse_headers(header);
        let media_type = parsed.as_ref().and_then(media_type).unwrap_or_else(|| default.to_owned());
        let encoding = parsed.as_ref().map_or(TransferEncoding::Identity, encoding);
        if encoding == TransferEncoding::Foreign {
            return Err(Incomplete::Encoding);
        }
        let decoded = self.decode(encoding, body)?;
        let default = if media_type == "multipart/digest" { "message/rfc822" } else { "text/plain" };
        let mut children = 0usize;
        for (index, boundary) in boundaries(header, parsed.as_ref()).iter().enumerate() {
            // Each further one walks the same octets once more, at every depth.
            if index > 0 {
                self.budget = self.budget.checked_sub(body.len()).ok_or(Incomplete::Decoded)?;
            }
            children = children.saturating_add(self.children(body, boundary, default, depth)?);
            // RFC 2045 §6.4 forbids to encode a multipart. Some readers take no notice, some decode.
            if encoding != TransferEncoding::Identity {
                children = children.saturating_add(self.children(&decoded, boundary, default, depth)?);
            }
        }
        match media_type.as_str() {
            // Whatever another field says of it too.
            "message/rfc822" | "message/global" => self.entity(&decoded, "text/plain", depth.saturating_add(1)),
            // A multipart without a single delimiter is one too: readers show it as a text.
            _ if children == 0 => self.leaf(parsed.as_ref(), &media_type, &decoded),
            _ => Ok(()),
        }
    }

    /// How many there were.
    fn children(&mut self, body: &[u8], boundary: &[u8], default: &str, depth: usize) -> Result<usize, Incomplete> {
        let mut count = 0usize;
        for child in Delimited::new(body, boundary) {
            self.entity(child, default, depth.saturating_add(1))?;
            count = count.saturating_add(1);
        }
        Ok(count)
    }

    /// Shown once under each name that it claims: readers differ in which of the two they use.
    fn leaf(&mut self, parsed: Option<&Message<'_>>, media_type: &str, octets: &[u8]) -> Result<(), Incomplete> {
        let disposition = parsed.and_then(|it| it.content_disposition()?.attribute("filename"));
        let content_type = parsed.and_then(|it| it.content_type()?.attribute("name"));
        let first = disposition.or(content_type).unwrap_or_default();
        let second = content_type.filter(|name| *name != first);
        for name in [Some(first), second].into_iter().flatten() {
            if (self.visit)(&Part { name, media_type, octets }).is_break() {
                return Err(Incomplete::Stopped);
            }
        }
        Ok(())
    }

    fn decode<'b>(&mut self, encoding: TransferEncoding, body: &'b [u8]) -> Result<Cow<'b, [u8]>, Incomplete> {
        let decoded = match encoding {
            TransferEncoding::Identity | TransferEncoding::Foreign => return Ok(Cow::Borrowed(body)),
            // Before it is decoded: neither makes more of it than there was.
            _ if body.len() > self.budget => return Err(Incomplete::Decoded),
            TransferEncoding::Base64 => decode::base64(body),
            TransferEncoding::QuotedPrintable => decode::quoted_printable(body),
        };
        self.budget = self.budget.saturating_sub(body.len());
        Ok(Cow::Owned(decoded))
    }
}

/// The header section with the empty line that ends it, and what follows. Without an empty line all of it is header.
fn split_header(octets: &[u8]) -> (&[u8], &[u8]) {
    let mut at = 0usize;
    for line in octets.split_inclusive(|&octet| octet == b'\n') {
        at = at.saturating_add(line.len());
        if matches!(line, b"\r\n" | b"\n") {
            break;
        }
    }
    octets.split_at_checked(at).unwrap_or((octets, b""))
}

fn media_type(parsed: &Message<'_>) -> Option<String> {
    let content_type = parsed.content_type()?;
    let mut name = content_type.ctype().trim().to_ascii_lowercase();
    if let Some(subtype) = content_type.subtype() {
        name.push('/');
        name.push_str(&subtype.trim().to_ascii_lowercase());
    }
    Some(name)
}

/// Every boundary that some reader takes: each one that a Content-Type field names, as the house reads it, and the one that
/// mail-parser reads. Honest messages name one.
fn boundaries(header: &[u8], parsed: Option<&Message<'_>>) -> Vec<Vec<u8>> {
    let mut section = SectionReader::default();
    for line in header.split(|&octet| octet == b'\n') {
        section.line(line.strip_suffix(b"\r").unwrap_or(line), Place { line: 0, at: 0 });
    }
    let section = section.end();
    let read = section.all("Content-Type").map(|kept| Structured::read(kept.field.body));
    let ours = read
        .filter(|it| it.value.starts_with(b"multipart"))
        .flat_map(|it| it.all("boundary").map(|parameter| parameter.value.to_vec()).collect::<Vec<_>>());
    let theirs = parsed
        .filter(|it| media_type(it).is_some_and(|name| name.starts_with("multipart/")))
        .and_then(|it| Some(it.content_type()?.attribute("boundary")?.as_bytes().to_vec()));
    let mut all: Vec<Vec<u8>> = Vec::new();
    for boundary in theirs.into_iter().chain(ours) {
        if all.len() < MOST_BOUNDARIES && !all.contains(&boundary) {
            all.push(boundary);
        }
    }
    all
}

/// Of several fields the last (a message with several is ambiguous before anybody scans it, decision 8).
fn encoding(parsed: &Message<'_>) -> TransferEncoding {
    TransferEncoding::leniently(parsed.content_transfer_encoding().unwrap_or_default().as_bytes())
}

/// What stands between the delimiter lines of one multipart. What stands before the first one is no part; what stands
/// behind the closing one is taken for one if another delimiter follows, since some readers do.
struct Delimited<'a> {
    rest: &'a [u8],
    boundary: &'a [u8],
    /// Between parts: `rest` is one only if a delimiter follows.
    outside: bool,
}

impl<'a> Delimited<'a> {
    fn new(body: &'a [u8], boundary: &'a [u8]) -> Self {
        let mut this = Self { rest: body, boundary, outside: true };
        let _preamble = this.until_delimiter();
        this
    }

    /// What stands before the next delimiter line, which is passed; without one, what is left if it is a part.
    fn until_delimiter(&mut self) -> Option<&'a [u8]> {
        let whole = self.rest;
        let mut at = 0usize;
        for line in whole.split_inclusive(|&octet| octet == b'\n') {
            let end = at.saturating_add(line.len());
            if let Some(which) = delimiter::delimiter(line, self.boundary) {
                self.rest = whole.get(end..).unwrap_or_default();
                self.outside = which == Delimiter::Closes;
                return whole.get(..at);
            }
            at = end;
        }
        self.rest = b"";
        (!self.outside && !whole.is_empty()).then_some(whole)
    }
}

impl<'a> Iterator for Delimited<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let part = self.until_delimiter()?;
        // The line end before a delimiter belongs to it (RFC 2046 §5.1.1).
        let part = part.strip_suffix(b"\n").unwrap_or(part);
        Some(part.strip_suffix(b"\r").unwrap_or(part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(message: &str) -> (Vec<String>, Result<(), Incomplete>) {
        let mut seen = Vec::new();
        let result = walk(message.replace('\n', "\r\n").as_bytes(), &mut |part| {
            let text = String::from_utf8_lossy(part.octets).replace("\r\n", "|");
            seen.push(format!("{} {} {text}", part.media_type, part.name));
            ControlFlow::Continue(())
        });
        (seen, result)
    }

    #[test]
    fn every_leaf_is_seen_decoded_under_each_name_that_it_claims() {
        let rows: [(&str, &[&str]); 17] = [
            ("Subject: x\n\nbody\n", &["text/plain  body|"]),
            ("Content-Transfer-Encoding: base64\n\naGVs\nbG8=\n", &["text/plain  hello"]),
            ("content-transfer-encoding: Quoted-Printable (x)\n\nh=65=\nllo", &["text/plain  hello"]),
            (
                "Content-Type: multipart/mixed; boundary=b\n\npreamble\n--b\n\none\n--b\nContent-Type: Application/PDF;\n \
                 name=\"a.pdf\"\n\ntwo\n\n--b--\nepilogue\n",
                &["text/plain  one", "application/pdf a.pdf two|"],
            ),
            ("Content-Type: multipart/mixed; boundary=b; boundary=c\n\n--c\n\none\n--c--\n", &["text/plain  one"]),
            ("Content-Type: multipart/mixed; boundary\n =\n b\n\n--b\n\none\n--b--\n", &["text/plain  one"]),
            (
                "Content-Type: multipart/mixed; boundary=b\nContent-Type: text/plain\n\n--b\n\none\n--b--\n",
                &["text/plain  one"],
            ),
            (
                "Content-Type: multipart/mixed; boundary=b\nContent-Type: message/rfc822\n\nContent-Type: a/b\n\n--b\n\none\n--b--\n",
                &["text/plain  one", "a/b  --b||one|--b--|"],
            ),
            // Behind the closing delimiter, some readers go on.
            (
                "Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b--\n--b\n\nhidden\n--b\n\nunclosed",
                &["text/plain  one", "text/plain  ", "text/plain  hidden", "text/plain  unclosed"],
            ),
            // Which name counts is the reader's choice.
            (
                "Content-Type: application/pdf; name=a.pdf\nContent-Disposition: attachment; filename=a.exe\n\nx",
                &["application/pdf a.exe x", "application/pdf a.pdf x"],
            ),
            // Names are decoded.
            ("Content-Disposition: attachment; filename*=utf-8''a%2Eexe\n\nx", &["text/plain a.exe x"]),
            ("Content-Disposition: attachment; filename=\"=?utf-8?b?YS5leGU=?=\"\n\nx", &["text/plain a.exe x"]),
            // A charset is no encoding: the octets stay what they are.
            (
                "Content-Type: text/plain; charset=utf-16\nContent-Transfer-Encoding: base64\n\naGVsbG8=",
                &["text/plain  hello"],
            ),
            // Messages inside, plain, encoded, and in a digest.
            (
                "Content-Type: message/rfc822\n\nContent-Type: multipart/digest; boundary=c\n\n--c\n\nSubject: y\n\ninner\n\
                 --c--",
                &["text/plain  inner"],
            ),
            (
                "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nU3ViamVjdDogeQ0KDQppbm5lcg==",
                &["text/plain  inner"],
            ),
            // A multipart without boundary or delimiter is one part.
            ("Content-Type: multipart/mixed\n\n--b\n\nx", &["multipart/mixed  --b||x"]),
            ("Content-Type: multipart/mixed; boundary=b\n\nonly text", &["multipart/mixed  only text"]),
        ];
        for (message, expected) in rows {
            let (seen, result) = leaves(message);
            let seen: Vec<&str> = seen.iter().map(String::as_str).collect();
            assert_eq!((seen.as_slice(), result), (expected, Ok(())), "{message:?}");
        }
    }

    #[test]
    fn an_encoded_multipart_is_walked_both_ways() {
        let inner = "LS1iDQoNCmhpZGRlbg0KLS1iLS0NCg==";
        let message = format!(
            "Content-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: base64\n\n{inner}\n--b\n\nopen\n--b--\n"
        );
        let (seen, result) = leaves(&message);
        assert_eq!(result, Ok(()));
        assert!(seen.iter().any(|it| it.ends_with("hidden")) && seen.iter().any(|it| it.ends_with("open")), "{seen:?}");
    }

    #[test]
    fn a_walk_over_a_bound_says_so() {
        let nest = |depth: usize| "Content-Type: message/rfc822\n\n".repeat(depth) + "Subject: x\n\ndeep";
        assert_eq!(leaves(&nest(8)), (vec!["text/plain  deep".to_owned()], Ok(())));
        assert_eq!(leaves(&nest(9)).1, Err(Incomplete::Depth));
        // What overflows the stack under mail-parser's full parse.
        assert_eq!(leaves(&nest(100_000)).1, Err(Incomplete::Depth));
        let many =
            |parts: usize| format!("Content-Type: multipart/mixed; boundary=b\n\n{}--b--", "--b\n\nx\n".repeat(parts));
        assert_eq!(leaves(&many(999)).1, Ok(()));
        assert_eq!(leaves(&many(1000)).1, Err(Incomplete::Parts));
        let long = |octets: usize| format!("X: {}\n\nx", "y".repeat(octets - 7));
        assert_eq!(leaves(&long(LONGEST_HEADER)).1, Ok(()));
        assert_eq!(leaves(&long(LONGEST_HEADER + 1)).1, Err(Incomplete::Header));
        assert_eq!(leaves("Content-Transfer-Encoding: x-uuencode\n\nx").1, Err(Incomplete::Encoding));
        let base64 = "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n";
        assert_eq!(leaves(&(base64.to_owned() + &"AAAA".repeat(50))).1, Ok(()));
    }

    #[test]
    fn the_visitor_may_stop_and_nothing_of_a_peer_panics() {
        assert_eq!(walk(b"A: b\r\n\r\nx", &mut |_| ControlFlow::Break(())), Err(Incomplete::Stopped));
        let seed =
            b"Content-Type: multipart/mixed; boundary=\"b\"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
            --b\r\nContent-Disposition: a; filename*0*=utf-8''%41\r\n\r\n=4D=\r\n--b--\r\n";
        for at in 0..seed.len() {
            for octet in [0u8, b'\r', b'\n', b'=', b';', b'"', b'-', b'%', 0xff] {
                let mut mutated = seed.to_vec();
                mutated[at] = octet;
                let _ = walk(&mutated, &mut |_| ControlFlow::Continue(()));
                let _ = walk(&seed[..at], &mut |_| ControlFlow::Continue(()));
            }
        }
    }
}
