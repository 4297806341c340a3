//! A notice as a message: the only one that this gateway ever writes itself.
//!
//! `Auto-Submitted: auto-generated` (RFC 3834 §5) keeps vacation programs quiet, the null reverse-path (whoever sends it says `MAIL
//! FROM:<>`) keeps bounces from coming back. All octets are ASCII and lines are short, so that any next hop takes it. Values in the
//! header are of types that have no line end, or are encoded here: nothing that a next hop or scanner said becomes a field.

use std::fmt::Write as _;

use super::notice::{Letterhead, Notice};

/// Octets of a line (RFC 2045 §6.7), its CRLF not counted.
const LINE: usize = 76;

/// Octets of an encoded word's text. With `Subject: `, `=?utf-8?Q?` and `?=` its line stays under 76 (RFC 2047 §2).
const WORD: usize = 52;

impl Notice {
    /// The whole message, with CRLF line ends, before transparency.
    pub fn message(&self, head: &Letterhead) -> String {
        let to: Vec<String> = head.to.iter().map(|mailbox| format!("<{mailbox}>")).collect();
        let date = jiff::fmt::rfc2822::to_string(&head.zoned(self.at())).unwrap_or_default();
        let condition = self.condition().unwrap_or("test");
        let fields = [
            ("From", format!("\"Portaria {}\" <{}>", head.hostname, head.from)),
            // One a line: addresses are up to 254 octets long.
            ("To", to.join(",\r\n ")),
            ("Subject", unstructured(&self.title(head))),
            ("Date", date),
            ("Message-ID", format!("<{}@{}>", self.id, head.hostname)),
            ("Auto-Submitted", "auto-generated".to_owned()),
            // Exchange does not look at Auto-Submitted.
            ("X-Auto-Response-Suppress", "All".to_owned()),
            ("X-Portaria-Alert", format!("{condition}; {}; {}", self.event(), self.severity().name())),
            ("MIME-Version", "1.0".to_owned()),
            ("Content-Type", "text/plain; charset=utf-8".to_owned()),
            ("Content-Transfer-Encoding", "quoted-printable".to_owned()),
            ("Content-Language", head.tag().to_owned()),
        ];
        let mut message = String::new();
        for (name, body) in fields {
            // A write to a String cannot fail.
            let _ = write!(message, "{name}: {body}\r\n");
        }
        message.push_str("\r\n");
        message.push_str(&quoted_printable(&self.body(head)));
        message
    }
}

/// As it is if that is plain and short, else as encoded words, one a line (RFC 2047 §4.2). A line end is encoded like anything else.
fn unstructured(text: &str) -> String {
    let plain = text.chars().all(|c| (' '..='~').contains(&c)) && !text.contains("=?") && text.len() <= WORD;
    if plain {
        return text.to_owned();
    }
    let mut words = vec![String::new()];
    for c in text.chars() {
        let mut encoded = String::new();
        for octet in c.encode_utf8(&mut [0; 4]).bytes() {
            match octet {
                b' ' => encoded.push('_'),
                b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => encoded.push(octet.into()),
                _ => {
                    let _ = write!(encoded, "={octet:02X}");
                }
            }
        }
        // A character is never cut in two (§5): each word is decoded for itself.
        match words.last_mut() {
            Some(word) if word.len() + encoded.len() <= WORD => word.push_str(&encoded),
            _ => words.push(encoded),
        }
    }
    words.iter().map(|word| format!("=?utf-8?Q?{word}?=")).collect::<Vec<_>>().join("\r\n ")
}

/// Quoted-printable (RFC 2045 §6.7). Line ends of `text` become CRLF.
fn quoted_printable(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let mut length = 0;
        for (at, octet) in line.bytes().enumerate() {
            let last = at + 1 == line.len();
            let literal = matches!(octet, b'!'..=b'<' | b'>'..=b'~') || (octet == b' ' && !last);
            let size = if literal { 1 } else { 3 };
            // One octet is kept for the `=` of a soft line break.
            if length + size > LINE - 1 {
                out.push_str("=\r\n");
                length = 0;
            }
            if literal {
                out.push(octet.into());
            } else {
                let _ = write!(out, "={octet:02X}");
            }
            length += size;
        }
        out.push_str("\r\n");
    }
    out
}

#[cfg(test)]
mod tests;
