//! Replies (RFC 5321 §4.2, RFC 3463): our own, built so that they cannot break the protocol, and those of a next hop,
//! read octet by octet within bounds.

use bytes::{Bytes, BytesMut};

/// A reply: a code, an enhanced status code where one applies, and one or more lines of text.
///
/// Text is printable ASCII by construction: whatever else is put in becomes `?`, and a line is cut at 400 octets, so that
/// no reply line exceeds the 512 octets of §4.5.3.1.5.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    code: u16,
    enhanced: Option<Enhanced>,
    lines: Vec<String>,
}

/// An enhanced status code, `class.subject.detail` (RFC 3463 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enhanced(pub u8, pub u16, pub u16);

impl Reply {
    /// A reply of one line. `code` is 200 to 599; anything else becomes 451 (a bug of ours must not become a lie).
    pub fn new(code: u16, enhanced: Option<Enhanced>, text: impl AsRef<str>) -> Self {
        let _ = (code, enhanced, text.as_ref());
        todo!()
    }
    /// A reply of several lines without an enhanced code (EHLO).
    pub fn multiline(code: u16, lines: impl IntoIterator<Item = String>) -> Self {
        let _ = (code, lines.into_iter().count());
        todo!()
    }
    /// The three digits.
    pub fn code(&self) -> u16 {
        self.code
    }
    /// The enhanced status code, if it has one.
    pub fn enhanced(&self) -> Option<Enhanced> {
        self.enhanced
    }
    /// The lines of text, without codes.
    pub fn lines(&self) -> &[String] {
        &self.lines
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
        todo!()
    }
    /// The reply on the wire, CRLF at every line's end.
    pub fn encode(&self) -> Bytes {
        todo!()
    }
    /// A next hop's reply as we pass it on (`design.md` §6.4): printable ASCII, one line, and a missing enhanced code
    /// becomes `X.0.0` (only for 2xx, 4xx, 5xx).
    pub fn passed_on(&self) -> Self {
        todo!()
    }
    /// The same with ` (suffix)` behind the text: the final form of every reply after DATA carries the id there.
    pub fn with_suffix(self, suffix: &str) -> Self {
        let _ = suffix;
        todo!()
    }
}

/// What is wrong with octets that should have been a reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplyFault {
    /// Not three digits (200 to 599) followed by a space, a hyphen or the line end.
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
#[derive(Debug, Default)]
pub struct ReplyDecoder {
    buffered: BytesMut,
}

impl ReplyDecoder {
    /// Adds octets.
    pub fn receive(&mut self, octets: &[u8]) {
        self.buffered.extend_from_slice(octets);
    }
    /// The next whole reply, if there is one. After a fault the connection is of no use.
    pub fn poll(&mut self) -> Option<Result<Reply, ReplyFault>> {
        todo!()
    }
    /// Whether octets are left over: before TLS they are an injection (CVE-2011-0411), before a command an unsolicited reply.
    pub fn is_empty(&self) -> bool {
        self.buffered.is_empty()
    }
}
