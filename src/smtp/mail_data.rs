//! Where mail data ends and what stands in it (RFC 5321 §4.5.2), both ways.

use bytes::Bytes;

/// What the decoder found next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailData {
    /// Content, transparency dots removed.
    Content(Bytes),
    /// `CRLF . CRLF` (or `. CRLF` right after DATA): what follows in the buffer are commands again.
    End,
}

/// Decodes mail data from the wire. Starts as if just after CRLF.
#[derive(Debug)]
pub struct MailDataDecoder {
    bare_newline: bool,
}

impl Default for MailDataDecoder {
    fn default() -> Self {
        Self::new()
    }
}

impl MailDataDecoder {
    /// As after the 354.
    pub fn new() -> Self {
        Self { bare_newline: false }
    }
    /// Takes from `wire` what can be decided now and leaves the rest; `None` wants more octets.
    pub fn decode(&mut self, wire: &mut bytes::BytesMut) -> Option<MailData> {
        let _ = wire;
        todo!()
    }
    /// Whether a CR without LF or an LF without CR was seen (`550 5.6.11` at the end; it never ended a line and never appears in content).
    pub fn saw_bare_newline(&self) -> bool {
        self.bare_newline
    }
}

/// Encodes content for the wire: dots doubled at line starts; nothing else changes, since content holds CR and LF only as CRLF.
#[derive(Debug, Default)]
pub struct MailDataEncoder {}

impl MailDataEncoder {
    /// The wire form of the next piece of content.
    pub fn encode(&mut self, content: Bytes) -> Bytes {
        let _ = content;
        todo!()
    }
    /// What ends the mail data: `.CRLF`, with a CRLF before it when the content does not end in one (a message without final CRLF
    /// cannot come out of our decoder, but an empty one can).
    pub fn end(self) -> Bytes {
        todo!()
    }
}
