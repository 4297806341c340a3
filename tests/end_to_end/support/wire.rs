//! Encodings, written out so that the tests do not trust the library that the gateway uses.

/// Base64 (RFC 4648 §4) in lines of 76, each with CRLF.
pub fn base64(octets: &[u8]) -> String {
    let one_line = base64_word(octets);
    one_line.as_bytes().chunks(76).map(|line| format!("{}\r\n", std::str::from_utf8(line).unwrap())).collect()
}

/// Base64 without line ends.
pub fn base64_word(octets: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(octets.len().div_ceil(3) * 4);
    for group in octets.chunks(3) {
        let bits = group.iter().fold(0_u32, |sum, octet| sum << 8 | u32::from(*octet)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = ALPHABET[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= group.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

/// The sum of the zip format (CRC-32 of ISO 3309).
pub fn crc32(octets: &[u8]) -> u32 {
    !octets.iter().fold(!0, |sum: u32, octet| {
        (0..8).fold(sum ^ u32::from(*octet), |sum, _| if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 })
    })
}

/// Content as it goes over the wire (RFC 5321 §4.5.2): dots at line starts doubled, the ending dot added.
///
/// Content is empty or ends with CRLF.
pub fn dot_stuffed(content: &[u8]) -> Vec<u8> {
    assert!(content.is_empty() || content.ends_with(b"\r\n"), "mail data consists of lines");
    let mut wire = Vec::with_capacity(content.len() + content.len() / 64 + 3);
    let mut rest = content;
    while !rest.is_empty() {
        if rest[0] == b'.' {
            wire.push(b'.');
        }
        let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
        wire.extend_from_slice(&rest[..end]);
        rest = &rest[end..];
    }
    wire.extend_from_slice(b".\r\n");
    wire
}

#[test]
fn base64_and_crc_give_the_values_of_their_standards() {
    for (octets, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
        assert_eq!(base64_word(octets.as_bytes()), text);
    }
    assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
}

#[test]
fn dots_are_doubled_at_line_starts_only() {
    assert_eq!(dot_stuffed(b""), b".\r\n");
    assert_eq!(dot_stuffed(b".\r\n..a.\r\nb.\r\n"), b"..\r\n...a.\r\nb.\r\n.\r\n");
}
