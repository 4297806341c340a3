//! `xtext` (RFC 3461 §4): how a value of any octets stands in a command line without ending it.
//!
//! In: octets, out: printable ASCII without space, `+` and `=`; and back. Which values make sense is not known here.

use std::fmt::Write as _;

/// `text` with every octet written as `+` and two hex digits that may not stand for itself.
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for octet in text.bytes() {
        match octet {
            b'+' | b'=' => hex(&mut encoded, octet),
            b'!'..=b'~' => encoded.push(char::from(octet)),
            _ => hex(&mut encoded, octet),
        }
    }
    encoded
}

fn hex(to: &mut String, octet: u8) {
    // Writing to a String cannot fail.
    let _ = write!(to, "+{octet:02X}");
}

/// What `encoded` stands for; none if it is not xtext, or does not stand for UTF-8. Hex digits are upper case (§4).
pub fn decode(encoded: &str) -> Option<String> {
    let mut octets = encoded.bytes();
    let mut decoded = Vec::with_capacity(encoded.len());
    while let Some(octet) = octets.next() {
        decoded.push(match octet {
            b'+' => digit(octets.next()?)?.checked_mul(16)?.checked_add(digit(octets.next()?)?)?,
            b'=' => return None,
            b'!'..=b'~' => octet,
            _ => return None,
        });
    }
    String::from_utf8(decoded).ok()
}

fn digit(octet: u8) -> Option<u8> {
    match octet {
        b'0'..=b'9' => octet.checked_sub(b'0'),
        b'A'..=b'F' => octet.checked_sub(b'A')?.checked_add(10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows() {
        for (text, encoded) in [
            ("", ""),
            ("mail.example.org", "mail.example.org"),
            ("a+b=c", "a+2Bb+3Dc"),
            ("a b\r\nDATA", "a+20b+0D+0ADATA"),
            ("ç", "+C3+A7"),
            ("\0\u{7f}", "+00+7F"),
            ("[UNAVAILABLE]", "[UNAVAILABLE]"),
        ] {
            assert_eq!(encode(text), encoded, "{text:?}");
            assert_eq!(decode(encoded).as_deref(), Some(text), "{encoded}");
        }
        // An encoder may write more than it must.
        assert_eq!(decode("+41").as_deref(), Some("A"));
        for not in ["+", "+4", "+4g", "+2b", "a=b", "a b", "a\t", "é", "+FF", "+C3"] {
            assert_eq!(decode(not), None, "{not}");
        }
    }

    /// Whatever is put in: one word, and it comes back.
    #[test]
    fn every_character_comes_back_and_none_ends_the_word() {
        for char in (0..=0x10_ffff_u32).step_by(7).chain(0..512).filter_map(char::from_u32) {
            let text = format!("x{char}y");
            let encoded = encode(&text);
            assert!(encoded.bytes().all(|octet| octet.is_ascii_graphic() && octet != b'='), "{encoded}");
            assert_eq!(decode(&encoded), Some(text));
        }
    }
}
