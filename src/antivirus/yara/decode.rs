//! Content-transfer-encodings, undone as the most lenient reader would.
//!
//! In: an encoded body. Out: octets, never an error: what a strict decoder refuses, some mail reader decodes, and that
//! reader's user opens the attachment. mail-parser's own decoders give up at the first foreign octet and then hand out
//! the undecoded text, and its quoted-printable panics under overflow checks (`quoted_printable.rs:138` of 0.11.9).

/// Base64 (RFC 2045 §6.8): whatever is not in the alphabet is skipped, padding included, and decoding goes on behind it.
pub fn base64(encoded: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(encoded.len() / 4 * 3);
    let mut bits = 0u32;
    let mut have = 0u8;
    for &octet in encoded {
        let Some(value) = sextet(octet) else {
            if octet == b'=' {
                // The end of a run: what is left of its bits was padding.
                (bits, have) = (0, 0);
            }
            continue;
        };
        bits = (bits << 6) | u32::from(value);
        have += 6;
        if have >= 8 {
            have -= 8;
            decoded.push((bits >> have).to_le_bytes()[0]);
            bits &= (1 << have) - 1;
        }
    }
    decoded
}

fn sextet(octet: u8) -> Option<u8> {
    match octet {
        b'A'..=b'Z' => Some(octet - b'A'),
        b'a'..=b'z' => Some(octet - b'a' + 26),
        b'0'..=b'9' => Some(octet - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

/// Quoted-printable (RFC 2045 §6.7): `=` and two hex digits of either case, soft line breaks with or without CR and with
/// white space before them; any other `=` stands for itself.
pub fn quoted_printable(encoded: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let Some((&octet, after)) = rest.split_first() {
        rest = after;
        if octet != b'=' {
            decoded.push(octet);
        } else if let Some((value, behind)) = hex_pair(after) {
            decoded.push(value);
            rest = behind;
        } else if let Some(behind) = soft_break(after) {
            rest = behind;
        } else {
            decoded.push(octet);
        }
    }
    decoded
}

fn hex_pair(rest: &[u8]) -> Option<(u8, &[u8])> {
    let (&[high, low], behind) = rest.split_first_chunk()?;
    let digit = |octet: u8| char::from(octet).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some((digit(high)? << 4 | digit(low)?, behind))
}

fn soft_break(rest: &[u8]) -> Option<&[u8]> {
    let white = rest.iter().take_while(|octet| matches!(octet, b' ' | b'\t' | b'\r')).count();
    rest.get(white..)?.strip_prefix(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_as_the_most_lenient_reader_does() {
        for (encoded, decoded) in [
            ("", ""),
            ("aGVsbG8=", "hello"),
            ("aGVsbG8", "hello"),
            ("aGVs\r\nbG8=\r\n", "hello"),
            ("a-G*V s_b!G8=", "hello"),
            ("aGU=bGxv", "hello"),
            ("aGVsbG8=\r\naGVsbG8=", "hellohello"),
            ("=", ""),
            ("a", ""),
        ] {
            assert_eq!(base64(encoded.as_bytes()), decoded.as_bytes(), "{encoded:?}");
        }
        let every: Vec<u8> = (0..=255).collect();
        assert_eq!(base64(b"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="), &every[..32]);
        assert_eq!(base64(b"/+7d"), [0xff, 0xee, 0xdd]);
    }

    #[test]
    fn quoted_printable_is_read_as_the_most_lenient_reader_does() {
        for (encoded, decoded) in [
            ("a=3Db", "a=b"),
            ("a=3db", "a=b"),
            ("a=\r\nb", "ab"),
            ("a=\nb", "ab"),
            ("a= \t\r\nb", "ab"),
            ("a=zzb", "a=zzb"),
            ("a=", "a="),
            ("a=3", "a=3"),
            ("=4d=5A", "MZ"),
        ] {
            assert_eq!(quoted_printable(encoded.as_bytes()), decoded.as_bytes(), "{encoded:?}");
        }
    }
}
