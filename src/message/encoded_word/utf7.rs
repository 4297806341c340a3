//! UTF-7 (RFC 2152), one encoded word at a time.

use super::transfer::sextet;

/// Into characters. `+` that begins no base64 stays as it is written, half a surrogate pair becomes U+FFFD, bits too few for a
/// character are dropped, and octets above 127, which UTF-7 does not have, are read as ISO-8859-1.
pub(super) fn decode(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len());
    let mut rest = octets;
    while let Some((&octet, behind)) = rest.split_first() {
        rest = match (octet, behind) {
            (b'+', [b'-', behind @ ..]) => {
                text.push('+');
                behind
            }
            (b'+', [next, ..]) if sextet(*next).is_some() => shifted(behind, &mut text),
            _ => {
                text.push(char::from(octet));
                behind
            }
        };
    }
    text
}

/// The UTF-16 in base64 that `octets` begin with; what is behind it, without the `-` that ends it.
fn shifted<'o>(octets: &'o [u8], text: &mut String) -> &'o [u8] {
    let end = octets.iter().position(|&octet| sextet(octet).is_none()).unwrap_or(octets.len());
    let (shifted, behind) = octets.split_at_checked(end).unwrap_or((octets, &[]));
    let mut bits = 0_u32;
    let mut count = 0_u32;
    let units = shifted.iter().filter_map(|&octet| {
        // At most 15 bits wait for a sixteenth, so 21 are the most ever held.
        bits = (bits << 6 | sextet(octet)?) & 0x1f_ffff;
        count = count.saturating_add(6);
        let left = count.checked_sub(16)?;
        count = left;
        u16::try_from(bits >> left & 0xffff).ok()
    });
    text.extend(char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)));
    behind.strip_prefix(b"-").unwrap_or(behind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf7_is_read_as_leniently_as_readers_read_it() {
        let rows: &[(&[u8], &str)] = &[
            // RFC 2152's own examples.
            (b"A+ImIDkQ.", "A≢Α."),
            (b"Hi Mom -+Jjo--!", "Hi Mom -☺-!"),
            (b"+ZeVnLIqe-", "日本語"),
            (b"Item 3 is +AKM-1.", "Item 3 is £1."),
            // Plain, the plus itself, a pair of surrogates, every letter shifted.
            (b"viagra", "viagra"),
            (b"1 +- 1", "1 + 1"),
            (b"+2D3eAA-", "😀"),
            (b"+AHYAaQBhAGcAcgBh-", "viagra"),
            (b"v+AGk-a+AGc-ra", "viagra"),
            // Ended by another octet, by the end; a shift inside a shift.
            (b"+AOc.", "ç."),
            (b"+AOc", "ç"),
            (b"+AOc-+AOc-", "çç"),
            // Broken: no base64, half a character, half a pair, 8-bit.
            (b"a+", "a+"),
            (b"a+ b", "a+ b"),
            (b"a+A-b", "ab"),
            (b"+2D0-x", "\u{fffd}x"),
            (b"\xe7", "ç"),
            (b"", ""),
        ];
        for (octets, expected) in rows {
            assert_eq!(decode(octets), *expected, "{}", octets.escape_ascii());
        }
    }
}
