//! Replies (RFC 5321 §4.2, RFC 3463), built so that they cannot break the protocol. Those of a next hop are read in
//! `reply_decoder`.

use std::{borrow::Cow, fmt};

use bytes::{BufMut, Bytes, BytesMut};
use memchr::memchr;

pub use super::reply_decoder::{ReplyDecoder, ReplyFault};

/// A reply: a code, an enhanced status code where one applies, and one or more lines of text.
///
/// Text is printable ASCII by construction: a tab becomes a space, whatever else is put in becomes `?`, and a line is cut
/// at 400 octets, so that no reply line exceeds the 512 octets of §4.5.3.1.5. The enhanced code always fits the code
/// (RFC 2034 §4: same class; 3xx has none), whoever gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    code: u16,
    enhanced: Option<Enhanced>,
    /// The lines, LF between two of them. In one piece, and borrowed where we always say the same: a small message is answered with eight
    /// replies and hears six, and most of what a reply cost was its allocations.
    text: Cow<'static, str>,
}

/// An enhanced status code, `class.subject.detail` (RFC 3463 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enhanced(pub u8, pub u16, pub u16);

impl Enhanced {
    /// As it is written; every part has at most three digits, as those of a reply have.
    fn octets(self) -> impl Iterator<Item = u8> {
        let rest = [self.1, self.2].into_iter().flat_map(|part| std::iter::once(b'.').chain(digits(part)));
        digits(self.0.into()).chain(rest)
    }

    fn put(self, wire: &mut BytesMut) {
        put_digits(wire, self.0.into());
        for part in [self.1, self.2] {
            wire.put_u8(b'.');
            put_digits(wire, part);
        }
    }
}

impl fmt::Display for Enhanced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// Octets of text on one line. 512 less codes (`550 5.999.999 `) and CRLF leaves 496; the rest is room for what others
/// put in front of our text when they quote it in a delivery status notification.
const TEXT: usize = 400;
/// Octets of what stands in brackets behind it.
const SUFFIX: usize = 100;

impl Reply {
    /// A reply of one line. `code` is 200 to 599; anything else becomes 451 (a bug of ours must not become a lie).
    pub fn new(code: u16, enhanced: Option<Enhanced>, text: impl Into<Cow<'static, str>>) -> Self {
        let code = if (200..=599).contains(&code) { code } else { 451 };
        let enhanced = enhanced.and_then(|enhanced| fitting(code, enhanced));
        Self { code, enhanced, text: printable(text.into(), TEXT) }
    }

    /// A reply of several lines without an enhanced code (EHLO).
    pub fn multiline(code: u16, lines: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        Self::of_parts(code, None, lines)
    }

    /// 334 with a challenge (RFC 4954 §4).
    pub fn challenge(text: &'static str) -> Self {
        Self::new(334, None, text)
    }

    /// A reply of all its parts, as the decoder reads them; they are made to fit each other and the protocol.
    pub(super) fn of_parts(
        code: u16,
        enhanced: Option<Enhanced>,
        lines: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Self {
        let mut text = String::with_capacity(192);
        for (index, line) in lines.into_iter().enumerate() {
            if index > 0 {
                text.push('\n');
            }
            put_printable(&mut text, line.as_ref(), TEXT);
        }
        Self { text: Cow::Owned(text), ..Self::new(code, enhanced, "") }
    }

    /// The three digits.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// The enhanced status code, if it has one.
    pub fn enhanced(&self) -> Option<Enhanced> {
        self.enhanced
    }

    /// The lines of text, without codes; never none.
    pub fn lines(&self) -> impl DoubleEndedIterator<Item = &str> + Clone {
        self.text.split('\n')
    }

    /// 2xx
    pub fn is_positive(&self) -> bool {
        self.code / 100 == 2
    }

    /// 3xx
    pub fn is_intermediate(&self) -> bool {
        self.code / 100 == 3
    }

    /// 4xx
    pub fn is_transient(&self) -> bool {
        self.code / 100 == 4
    }

    /// 5xx
    pub fn is_permanent(&self) -> bool {
        self.code / 100 == 5
    }

    /// The reply as one line of text for a record or a log: code, enhanced code, text joined by spaces.
    pub fn summary(&self) -> String {
        let mut summary = String::with_capacity(self.text.len().saturating_add(CODES));
        summary.extend(digits(self.code).map(char::from));
        if let Some(enhanced) = self.enhanced {
            summary.push(' ');
            summary.extend(enhanced.octets().map(char::from));
        }
        for line in self.lines().filter(|line| !line.is_empty()) {
            summary.push(' ');
            summary.push_str(line);
        }
        summary
    }

    /// The reply on the wire, CRLF at every line's end. The enhanced code stands on every line (RFC 2034 §4).
    pub fn encode(&self) -> Bytes {
        let mut wire = BytesMut::with_capacity(64);
        self.put(&mut wire);
        wire.freeze()
    }

    /// The same at the end of what is to be written. By hand and not by `format!`: of all that a small message costs, its replies were a
    /// fortieth.
    pub(super) fn put(&self, wire: &mut BytesMut) {
        let mut rest = Some(self.text.as_ref());
        while let Some(text) = rest {
            let (line, behind) = match memchr(b'\n', text.as_bytes()).and_then(|lf| text.split_at_checked(lf)) {
                Some((line, behind)) => (line, behind.get(1..)),
                None => (text, None),
            };
            rest = behind;
            let nothing_behind = self.enhanced.is_none() && line.is_empty();
            wire.reserve(line.len().saturating_add(CODES));
            put_digits(wire, self.code);
            // A last line with nothing on it is the code alone (§4.2: `Reply-code [ SP textstring ]`).
            match (rest.is_none(), nothing_behind) {
                (false, _) => wire.put_u8(b'-'),
                (true, false) => wire.put_u8(b' '),
                // RFC 4954 §4 wants the space also in front of a challenge of no octets.
                (true, true) if self.code == 334 => wire.put_u8(b' '),
                (true, true) => {}
            }
            if let Some(enhanced) = self.enhanced {
                enhanced.put(wire);
                if !line.is_empty() {
                    wire.put_u8(b' ');
                }
            }
            wire.put_slice(line.as_bytes());
            wire.put_slice(b"\r\n");
        }
    }

    /// A next hop's reply as we pass it on (`docs/replies.md`): printable ASCII, one line, and a missing enhanced code
    /// becomes `X.0.0` (only for 2xx, 4xx, 5xx).
    pub fn passed_on(&self) -> Self {
        let missing = Enhanced((self.code / 100) as u8, 0, 0);
        let mut text = String::with_capacity(self.text.len());
        for line in self.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(line);
        }
        Self::new(self.code, Some(self.enhanced.unwrap_or(missing)), text)
    }

    /// The same with ` (suffix)` behind the text: the final form of every reply after DATA carries the id there. The text
    /// gives way to the suffix (at most 100 octets of it), never the other way round: people search for the id.
    pub fn with_suffix(self, suffix: &str) -> Self {
        let added = suffix.chars().take(SUFFIX).count().saturating_add(" ()".len());
        let last = self.text.rfind('\n').map_or(0, |before| before.saturating_add(1));
        let kept = self.text.len().min(last.saturating_add(TEXT.saturating_sub(added)));
        let mut text = String::with_capacity(kept.saturating_add(added));
        text.push_str(self.text.get(..kept).unwrap_or_default());
        text.push_str(if kept == last { "(" } else { " (" });
        put_printable(&mut text, suffix, SUFFIX);
        text.push(')');
        Self { text: Cow::Owned(text), ..self }
    }
}

/// `text` as printable ASCII, cut at `limit` octets. A CR or LF that got through here would be a reply of the client's
/// or the next hop's choosing.
fn printable(text: Cow<'static, str>, limit: usize) -> Cow<'static, str> {
    if text.len() <= limit && is_printable(&text) {
        return text;
    }
    let mut kept = String::with_capacity(limit);
    put_printable(&mut kept, &text, limit);
    Cow::Owned(kept)
}

fn is_printable(text: &str) -> bool {
    text.bytes().all(|octet| matches!(octet, b' '..=b'~'))
}

/// The same behind what there is.
fn put_printable(to: &mut String, text: &str, limit: usize) {
    if is_printable(text) {
        return to.push_str(text.get(..limit).unwrap_or(text));
    }
    let octet = |char: char| match char {
        '\t' => ' ',
        ' '..='~' => char,
        _ => '?',
    };
    to.extend(text.chars().take(limit).map(octet));
}

/// Octets of `550-5.999.999 ` and CRLF: a line without its text.
const CODES: usize = 16;

/// The digits of a number of at most three.
fn digits(number: u16) -> impl Iterator<Item = u8> {
    let (digits, leading) = three_digits(number);
    digits.into_iter().skip(leading)
}

/// The same behind what is to be written, at once: octet by octet they cost ten times as much.
fn put_digits(wire: &mut BytesMut, number: u16) {
    let (digits, leading) = three_digits(number);
    wire.put_slice(digits.get(leading..).unwrap_or_default());
}

/// Its digits, and how many of them are leading zeros that are not written.
fn three_digits(number: u16) -> ([u8; 3], usize) {
    let digits = [number / 100 % 10, number / 10 % 10, number % 10].map(|digit| b'0' + digit as u8);
    (digits, usize::from(number < 100).saturating_add(usize::from(number < 10)))
}

/// `enhanced` as it may stand beside `code`: of its class, within three digits each; none beside 3xx.
fn fitting(code: u16, enhanced: Enhanced) -> Option<Enhanced> {
    match code / 100 {
        class @ (2 | 4 | 5) => Some(Enhanced(class as u8, enhanced.1.min(999), enhanced.2.min(999))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(reply: &Reply) -> String {
        String::from_utf8(reply.encode().to_vec()).unwrap()
    }

    #[test]
    fn a_reply_on_the_wire() {
        let lines = |lines: &[&str]| Reply::multiline(250, lines.iter().map(|line| line.to_string()));
        let rows = [
            // One line, with and without an enhanced code, with and without text.
            (Reply::new(250, Some(Enhanced(2, 1, 5)), "OK"), "250 2.1.5 OK\r\n"),
            (Reply::new(354, None, "Go on"), "354 Go on\r\n"),
            (Reply::new(250, Some(Enhanced(2, 0, 0)), ""), "250 2.0.0\r\n"),
            (Reply::new(250, None, ""), "250\r\n"),
            (Reply::challenge(""), "334 \r\n"),
            (Reply::challenge("VXNlcm5hbWU6"), "334 VXNlcm5hbWU6\r\n"),
            // Several lines: a hyphen on all but the last; no line at all is still a reply.
            (lines(&["mx.example", "PIPELINING", "SIZE 5"]), "250-mx.example\r\n250-PIPELINING\r\n250 SIZE 5\r\n"),
            (lines(&["mx.example"]), "250 mx.example\r\n"),
            (lines(&[]), "250\r\n"),
            // The enhanced code is repeated on every line.
            (
                Reply::of_parts(550, Some(Enhanced(5, 7, 1)), ["a".to_owned(), String::new(), "b".to_owned()]),
                "550-5.7.1 a\r\n550-5.7.1\r\n550 5.7.1 b\r\n",
            ),
        ];
        for (reply, expected) in rows {
            assert_eq!(wire(&reply), expected);
        }
    }

    #[test]
    fn a_reply_cannot_break_the_protocol() {
        let rows = [
            // A line end in the text would begin a reply of someone else's choosing.
            (Reply::new(550, None, "no\r\n250 yes"), "550 no??250 yes\r\n"),
            (Reply::multiline(250, ["a\nb"]), "250 a?b\r\n"),
            (Reply::new(250, None, "fine").with_suffix("x\r\n221 bye"), "250 fine (x??221 bye)\r\n"),
            // Only printable ASCII; a tab is a space.
            (Reply::new(550, None, "não\t\u{1b}[31m\u{7f}"), "550 n?o ?[31m?\r\n"),
            // A code that is none is our bug: the client tries again later.
            (Reply::new(0, None, "x"), "451 x\r\n"),
            (Reply::new(199, None, "x"), "451 x\r\n"),
            (Reply::new(600, Some(Enhanced(6, 1, 1)), "x"), "451 4.1.1 x\r\n"),
            // The class of the enhanced code is that of the code; 3xx has none; three digits each.
            (Reply::new(550, Some(Enhanced(4, 1, 1)), "x"), "550 5.1.1 x\r\n"),
            (Reply::new(354, Some(Enhanced(3, 0, 0)), "x"), "354 x\r\n"),
            (Reply::new(250, Some(Enhanced(2, 1000, 65535)), "x"), "250 2.999.999 x\r\n"),
        ];
        for (reply, expected) in rows {
            assert_eq!(wire(&reply), expected);
        }
    }

    #[test]
    fn no_line_exceeds_512_octets() {
        let long = "x".repeat(5000);
        for reply in [
            Reply::new(550, Some(Enhanced(5, 999, 999)), long.clone()),
            Reply::new(550, Some(Enhanced(5, 999, 999)), long.clone()).with_suffix(&long),
            Reply::of_parts(550, Some(Enhanced(5, 7, 1)), [long.clone(), long.clone()]).passed_on().with_suffix("id"),
        ] {
            for line in wire(&reply).split_inclusive("\r\n") {
                assert!(line.len() <= 512, "{}", line.len());
            }
        }
        let cut = Reply::new(550, None, long.clone()).with_suffix("0190a5c1");
        assert!(wire(&cut).ends_with("x (0190a5c1)\r\n"), "the id is never what is cut");
    }

    #[test]
    fn a_next_hops_reply_as_it_is_passed_on() {
        let of = |code, enhanced, lines: &[&str]| Reply::of_parts(code, enhanced, lines.iter().map(|l| l.to_string()));
        let rows = [
            // Lines are joined; empty ones leave no gap.
            (of(550, Some(Enhanced(5, 1, 1)), &["No such user", "", " here "]), "550 5.1.1 No such user here"),
            // A missing enhanced code is the undefined one of its class.
            (of(250, None, &["OK"]), "250 2.0.0 OK"),
            (of(451, None, &["later"]), "451 4.0.0 later"),
            (of(554, None, &[""]), "554 5.0.0"),
            (of(354, None, &["go on"]), "354 go on"),
        ];
        for (reply, expected) in rows {
            assert_eq!(reply.passed_on().summary(), expected);
            assert_eq!(reply.passed_on().lines().count(), 1);
            assert_eq!(reply.passed_on().passed_on(), reply.passed_on());
        }
    }

    #[test]
    fn a_reply_belongs_to_one_class() {
        let classes = |code| {
            let reply = Reply::new(code, None, "");
            [reply.is_positive(), reply.is_intermediate(), reply.is_transient(), reply.is_permanent()]
        };
        assert_eq!(classes(250), [true, false, false, false]);
        assert_eq!(classes(354), [false, true, false, false]);
        assert_eq!(classes(421), [false, false, true, false]);
        assert_eq!(classes(550), [false, false, false, true]);
    }
}
