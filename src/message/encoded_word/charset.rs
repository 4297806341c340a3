//! Octets into characters, by the name of a charset.

use std::borrow::Cow;

use encoding_rs::{Encoding, ISO_2022_JP, REPLACEMENT, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::utf7;

/// A charset of an encoded word.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Charset {
    /// One of the WHATWG Encoding Standard, which is what mail readers built on browsers have.
    Known(&'static Encoding),
    /// Not in that standard, but some readers still show it, and spammers know which.
    Utf7,
    /// A name that nobody knows, or none.
    Unknown,
}

impl Charset {
    /// By its name, without case.
    pub(super) fn named(label: &[u8]) -> Self {
        // What nearly everybody says, without a search among 220 names.
        if label.eq_ignore_ascii_case(b"utf-8") {
            return Self::Known(UTF_8);
        }
        if UTF7_LABELS.iter().any(|name| label.eq_ignore_ascii_case(name.as_bytes())) {
            return Self::Utf7;
        }
        match Encoding::for_label(label) {
            // What the standard makes of ISO-2022-KR, HZ and others: one U+FFFD instead of all text. Nothing would be left
            // for a rule to see.
            Some(encoding) if encoding == REPLACEMENT => Self::Unknown,
            Some(encoding) => Self::Known(encoding),
            None => Self::Unknown,
        }
    }

    /// Whether the octets of two words are one text. Not where octets shift: RFC 2047 §3 has each word begin and end in ASCII,
    /// UTF-7 ends its shift with the word, and the standard makes U+FFFD of ISO-2022-JP that shifts twice with nothing between.
    pub(super) fn may_be_joined(self) -> bool {
        self != Self::Utf7 && self != Self::Known(ISO_2022_JP)
    }

    /// Into characters; octets that the charset does not have become U+FFFD.
    pub(super) fn decode(self, octets: &[u8]) -> Cow<'_, str> {
        match self {
            // A byte order mark may say the other order (RFC 2781 §3.2), and only that: the octets of UTF-8's mark, or the mark
            // of UTF-16 in another charset, are text.
            Self::Known(encoding) => match (encoding == UTF_16LE || encoding == UTF_16BE, Encoding::for_bom(octets)) {
                (true, Some((marked, _))) if marked != UTF_8 => marked.decode_with_bom_removal(octets).0,
                _ => encoding.decode_with_bom_removal(octets).0,
            },
            Self::Utf7 => Cow::Owned(utf7::decode(octets)),
            Self::Unknown => match std::str::from_utf8(octets) {
                Ok(text) => Cow::Borrowed(text),
                Err(_) => windows_1252(octets),
            },
        }
    }
}

/// Text without a charset that is no UTF-8. What Brazilian senders that declare nothing have always sent.
pub(super) fn windows_1252(octets: &[u8]) -> Cow<'_, str> {
    WINDOWS_1252.decode_without_bom_handling(octets).0
}

const UTF7_LABELS: [&str; 5] = ["utf-7", "utf7", "unicode-1-1-utf-7", "csunicode11utf7", "x-unicode-2-0-utf-7"];
