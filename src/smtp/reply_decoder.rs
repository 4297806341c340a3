//! Octets of a next hop into replies (RFC 5321 §4.2.1), within bounds.
//!
//! In: octets, split anywhere. Out: whole replies, or the one fault after which nothing more is read. It does not know which
//! command a reply answers. A next hop is hostile here: CVE-2020-8794 was an out-of-bounds read of exactly these lines.

use std::mem;

use bytes::{Buf as _, BytesMut};
use memchr::memchr;

use super::reply::{Enhanced, Reply};

/// Octets of one line, its line end included. §4.5.3.1.5 allows 512; Exchange and some filters say more.
const LINE: usize = 4096;
/// Lines of one reply. The longest EHLO replies seen in the wild have about 25.
const LINES: usize = 100;
/// Octets of one reply, line ends included.
const REPLY: usize = 64 * 1024;

/// What is wrong with octets that should have been a reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplyFault {
    /// Not three digits (200 to 599) followed by a space, a hyphen or the line end. Holds the line's beginning, escaped.
    #[error("not a reply line: {0}")]
    NotAReply(String),
    /// A line of a multiline reply carries another code than the first (§4.2.1).
    #[error("a multiline reply changed its code from {0} to {1}")]
    CodeChanged(u16, u16),
    /// A line above 4096 octets.
    #[error("a reply line is too long")]
    LineTooLong,
    /// More than 100 lines or 64 KiB.
    #[error("a reply is too long")]
    TooLong,
}

/// Reads replies as octets arrive. LF alone ends a line here too: some servers do so, and nothing that we forward depends on it.
///
/// Every decision falls at a line end or at a line's 4096th octet, never at the end of what happens to have arrived; so the
/// same octets give the same replies and the same fault however they are split.
#[derive(Debug, Default)]
pub struct ReplyDecoder {
    buffered: BytesMut,
    /// Octets of `buffered` known to hold no LF: a line that trickles in is not searched again from its start.
    searched: usize,
    begun: Begun,
    faulty: bool,
}

/// The lines so far of a reply that is not complete.
#[derive(Debug, Default)]
struct Begun {
    code: Option<u16>,
    /// The texts of the lines, LF between two of them.
    text: String,
    lines: usize,
    octets: usize,
}

impl ReplyDecoder {
    /// Adds octets. After a fault they are dropped: what they would mean is anyone's guess.
    pub fn receive(&mut self, octets: &[u8]) {
        if !self.faulty {
            self.buffered.extend_from_slice(octets);
        }
    }

    /// The next whole reply, if there is one. A fault is said once; after it the connection is of no use and this says `None`.
    pub fn poll(&mut self) -> Option<Result<Reply, ReplyFault>> {
        while !self.faulty {
            let last = match self.next_line() {
                Ok(None) => return None,
                Ok(Some(length)) => {
                    let last = self.begun.add(self.buffered.get(..length).unwrap_or_default());
                    self.buffered.advance(length.min(self.buffered.len()));
                    last
                }
                Err(fault) => Err(fault),
            };
            match last {
                Ok(false) => {}
                Ok(true) => return Some(Ok(mem::take(&mut self.begun).into_reply())),
                Err(fault) => {
                    self.faulty = true;
                    self.buffered.clear();
                    return Some(Err(fault));
                }
            }
        }
        None
    }

    /// Whether nothing is left over, not even part of a reply: before TLS that would be an injection (CVE-2011-0411), before
    /// a command an unsolicited reply.
    pub fn is_empty(&self) -> bool {
        self.buffered.is_empty() && self.begun.lines == 0
    }

    /// The length of the next line with its line end, if it is whole.
    fn next_line(&mut self) -> Result<Option<usize>, ReplyFault> {
        let unsearched = self.buffered.get(self.searched..).unwrap_or_default();
        match memchr(b'\n', unsearched).map(|at| self.searched + at + 1) {
            Some(length) if length > LINE => Err(ReplyFault::LineTooLong),
            Some(length) => {
                self.searched = 0;
                Ok(Some(length))
            }
            None if self.buffered.len() >= LINE => Err(ReplyFault::LineTooLong),
            None => {
                self.searched = self.buffered.len();
                Ok(None)
            }
        }
    }
}

impl Begun {
    /// Adds a line with its line end; true if it was the last of the reply.
    fn add(&mut self, line: &[u8]) -> Result<bool, ReplyFault> {
        self.octets += line.len();
        if self.octets > REPLY || self.lines >= LINES {
            return Err(ReplyFault::TooLong);
        }
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let (code, last, text) = split(line).ok_or_else(|| ReplyFault::NotAReply(beginning(line)))?;
        match self.code {
            Some(first) if first != code => return Err(ReplyFault::CodeChanged(first, code)),
            _ => self.code = Some(code),
        }
        if self.lines > 0 {
            self.text.push('\n');
        }
        self.text.push_str(&String::from_utf8_lossy(text));
        self.lines += 1;
        Ok(last)
    }

    /// The reply, its enhanced status code taken out of the text. RFC 2034 §4 puts it on every line; we take the first
    /// line's and remove it from the others where it is the same. One of another class than the code is left where it is:
    /// a `550 2.0.0` must not look like success to anyone.
    fn into_reply(self) -> Reply {
        let code = self.code.unwrap_or_default();
        let said = enhanced(code, self.text.split('\n').next().unwrap_or_default()).map(|(said, _)| said);
        let without = |line| match enhanced(code, line) {
            Some((this, text)) if Some(this) == said => text,
            _ => line,
        };
        if self.lines == 1 {
            // Nearly every reply: its text is taken as it is, and not copied behind others.
            let kept = without(&self.text).len();
            let mut text = self.text;
            text.drain(..text.len().saturating_sub(kept));
            return Reply::new(code, said, text);
        }
        Reply::of_parts(code, said, self.text.split('\n').map(without))
    }
}

/// A reply line as code, whether it is the last one, and text.
fn split(line: &[u8]) -> Option<(u16, bool, &[u8])> {
    let (code, rest) = line.split_first_chunk::<3>()?;
    if !code.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let code = code.iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    let (last, text) = match rest {
        [] => (true, rest),
        [b' ', text @ ..] => (true, text),
        [b'-', text @ ..] => (false, text),
        _ => return None,
    };
    (200..=599).contains(&code).then_some((code, last, text))
}

/// The enhanced status code that a line begins with, if it is of `code`'s class, and the text behind it (RFC 2034 §4).
fn enhanced(code: u16, line: &str) -> Option<(Enhanced, &str)> {
    let (class, rest) = number(line)?;
    let (subject, rest) = number(rest.strip_prefix('.')?)?;
    let (detail, rest) = number(rest.strip_prefix('.')?)?;
    let text = if rest.is_empty() { rest } else { rest.strip_prefix(' ')? };
    let fits = class == code / 100 && matches!(class, 2 | 4 | 5);
    fits.then_some((Enhanced(class as u8, subject, detail), text))
}

/// One to three digits, so that the number has room, and what stands behind them.
fn number(text: &str) -> Option<(u16, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).take(4).count();
    let (number, rest) = text.split_at_checked(digits).filter(|_| (1..=3).contains(&digits))?;
    Some((number.bytes().fold(0, |number, digit| number * 10 + u16::from(digit - b'0')), rest))
}

/// The beginning of a line that is none of ours, for a log: short and escaped.
fn beginning(line: &[u8]) -> String {
    line.iter().take(60).copied().collect::<Vec<u8>>().escape_ascii().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All that comes out of `octets`, given in pieces of `size`.
    fn decoded(octets: &[u8], size: usize) -> (Vec<Result<Reply, ReplyFault>>, bool) {
        let mut decoder = ReplyDecoder::default();
        let mut out = Vec::new();
        for piece in octets.chunks(size) {
            decoder.receive(piece);
            out.extend(std::iter::from_fn(|| decoder.poll()));
        }
        (out, decoder.is_empty())
    }

    fn whole(octets: &str) -> Vec<Result<Reply, ReplyFault>> {
        decoded(octets.as_bytes(), usize::MAX).0
    }

    /// As `CODE [ENHANCED] line|line`.
    fn shown(reply: &Reply) -> String {
        let enhanced = reply.enhanced().map(|enhanced| format!("[{enhanced}] ")).unwrap_or_default();
        format!("{} {enhanced}{}", reply.code(), reply.lines().collect::<Vec<_>>().join("|"))
    }

    #[test]
    fn replies_as_servers_write_them() {
        for (octets, expected) in [
            // One line, many lines, no text, no space.
            ("220 mx ESMTP\r\n", "220 mx ESMTP"),
            ("250-mx\r\n250-SIZE 100\r\n250 DSN\r\n", "250 mx|SIZE 100|DSN"),
            ("250 \r\n", "250 "),
            ("250\r\n", "250 "),
            ("250-\r\n250\r\n", "250 |"),
            // LF alone ends a line; a CR elsewhere does not.
            ("250-mx\n250 ok\n", "250 mx|ok"),
            ("250 a\rb\r\n", "250 a?b"),
            // The enhanced status code, on one or on every line.
            ("250 2.1.0 Ok\r\n", "250 [2.1.0] Ok"),
            ("550-5.1.1 no\r\n550 5.1.1 such user\r\n", "550 [5.1.1] no|such user"),
            ("550-5.1.1 no\r\n550 such user\r\n", "550 [5.1.1] no|such user"),
            ("550-5.1.1 no\r\n550 5.7.1 user\r\n", "550 [5.1.1] no|5.7.1 user"),
            ("452 4.3.1\r\n", "452 [4.3.1] "),
            // What only looks like one, or lies about its class.
            ("550 2.0.0 fine\r\n", "550 2.0.0 fine"),
            ("550 4.7.1 later\r\n", "550 4.7.1 later"),
            ("354 3.0.0 go\r\n", "354 3.0.0 go"),
            ("250 2.0 x\r\n", "250 2.0 x"),
            ("250 2.0.0.0 x\r\n", "250 2.0.0.0 x"),
            ("250 2.0000.1 x\r\n", "250 2.0000.1 x"),
            ("250 2.+1.0 x\r\n", "250 2.+1.0 x"),
            // Octets that are not printable ASCII never reach a log or a client.
            ("550 caf\u{e9}\u{0}\u{1b}[2J\r\n", "550 caf???[2J"),
        ] {
            let replies: Vec<_> = whole(octets).into_iter().map(|reply| shown(&reply.unwrap())).collect();
            assert_eq!(replies, [expected], "{octets:?}");
        }
    }

    #[test]
    fn what_is_not_a_reply() {
        let not = |line: &str| ReplyFault::NotAReply(line.to_owned());
        for (octets, fault) in [
            ("\r\n", not("")),
            ("25\r\n", not("25")),
            ("2500 ok\r\n", not("2500 ok")),
            ("250_ok\r\n", not("250_ok")),
            ("250\tok\r\n", not("250\\tok")),
            (" 250 ok\r\n", not(" 250 ok")),
            ("+50 ok\r\n", not("+50 ok")),
            ("199 early\r\n", not("199 early")),
            ("600 late\r\n", not("600 late")),
            ("HTTP/1.1 400 Bad Request\r\n", not("HTTP/1.1 400 Bad Request")),
            ("\u{0}\u{ff}\r\n", not("\\x00\\xc3\\xbf")),
            ("250-a\r\n550 b\r\n", ReplyFault::CodeChanged(250, 550)),
            ("250-a\r\n\r\n", not("")),
        ] {
            assert_eq!(whole(octets), [Err(fault)], "{octets:?}");
        }
        let long = "x".repeat(1000);
        assert_eq!(whole(&format!("{long}\r\n")), [Err(not(&long[..60]))]);
    }

    #[test]
    fn bounds_hold_to_the_octet() {
        let line = |length: usize| format!("250 {}\r\n", "x".repeat(length - 6));
        assert!(whole(&line(LINE))[0].is_ok());
        assert_eq!(whole(&line(LINE + 1)), [Err(ReplyFault::LineTooLong)]);
        // A line without an end is not waited for.
        assert_eq!(whole(&"2".repeat(LINE)), [Err(ReplyFault::LineTooLong)]);
        assert_eq!(whole(&"2".repeat(LINE - 1)), []);

        let lines = |count: usize| format!("{}250 end\r\n", "250-x\r\n".repeat(count - 1));
        assert_eq!(whole(&lines(LINES))[0].as_ref().unwrap().lines().count(), LINES);
        assert_eq!(whole(&lines(LINES + 1)), [Err(ReplyFault::TooLong)]);
        // A reply that never ends is cut off as well.
        assert_eq!(whole(&"250-x\r\n".repeat(LINES + 1)), [Err(ReplyFault::TooLong)]);

        let wide =
            |last: usize| format!("{}{}", line(LINE).replace("250 ", "250-").repeat(REPLY / LINE - 1), line(last));
        assert!(whole(&wide(LINE))[0].is_ok());
        assert_eq!(whole(&(wide(LINE).replace("250 ", "250-") + "250\n")), [Err(ReplyFault::TooLong)]);
    }

    #[test]
    fn after_a_fault_nothing_is_read() {
        let mut decoder = ReplyDecoder::default();
        decoder.receive(b"250 a\r\nboom\r\n250 b\r\n");
        assert!(decoder.poll().unwrap().is_ok());
        assert!(decoder.poll().unwrap().is_err());
        decoder.receive(b"250 c\r\n");
        assert_eq!(decoder.poll(), None);
    }

    #[test]
    fn part_of_a_reply_is_something_left_over() {
        for (octets, empty) in
            [("", true), ("250 a\r\n", true), ("2", false), ("250-a\r\n", false), ("250 a\r\n2", false)]
        {
            assert_eq!(decoded(octets.as_bytes(), usize::MAX).1, empty, "{octets:?}");
        }
    }

    /// Promise 7 for this decoder: the same octets give the same replies and the same fault, however they arrive.
    #[test]
    fn any_split_gives_the_same_replies() {
        let long = format!("250-{}\r\n", "x".repeat(5000));
        for octets in [
            "220 mx\r\n250-mx\r\n250-SIZE\n250 2.0.0 x\r\n354 go\r\n",
            "250 a\r\n250-b\r\n251 c\r\n250 d\r\n",
            "250 a\r\n\r\n250 b\r\n",
            "250-a\r\n25",
            &long,
            &"250-x\r\n".repeat(120),
            &format!("250-{}\r\n", "y".repeat(4080)).repeat(17),
        ] {
            let expected = decoded(octets.as_bytes(), usize::MAX);
            for size in [1, 2, 3, 5, 7, 64, 4095, 4096, 4097] {
                assert_eq!(decoded(octets.as_bytes(), size), expected, "{size}");
            }
        }
    }
}
