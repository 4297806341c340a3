//! From the octets of a file to its text: UTF-8 or a sentence that says what it is instead.
//!
//! Rule files are written by hand on Windows desks. Notepad's "ANSI" is Windows-1252 and its "Unicode" is UTF-16: read as
//! anything else, `cobrança` becomes a word that no subject ever holds, and the rule sleeps without a sound.

use crate::{language::Text, text};

/// The largest file that is read, in octets. A rule of one kilobyte is a long one: a file beyond this is no rule file.
pub const MAX_FILE: usize = 1 << 20;

/// The text of a file. A UTF-8 byte order mark is dropped; line ends stay as they are (TOML takes CRLF too).
///
/// # Errors
/// A sentence for the operator when the file is larger than [`MAX_FILE`] or not UTF-8: which encoding it looks like, and the
/// first line where that shows.
pub fn text_of(octets: &[u8]) -> Result<String, Text> {
    let size = octets.len();
    if size > MAX_FILE {
        return Err(text!(
            "the file has {size} octets, more than the limit of {MAX_FILE}: split it into several files",
            "o arquivo tem {size} octetos, acima do limite de {MAX_FILE}: divida-o em vários arquivos"
        ));
    }
    utf_8(octets)
}

/// The same for a file of any size: one that programs write, and that whoever reads it bounds.
///
/// # Errors
/// As [`text_of`].
pub fn utf_8(octets: &[u8]) -> Result<String, Text> {
    let octets = octets.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(octets);
    if let Some(name) = utf_16(octets) {
        return Err(text!(
            "line 1: the file looks like {name}; save it as UTF-8",
            "linha 1: o arquivo parece estar em {name}; salve-o em UTF-8"
        ));
    }
    std::str::from_utf8(octets).map(str::to_owned).map_err(|error| not_utf_8(octets, error.valid_up_to()))
}

/// UTF-16 by its byte order mark, or by a NUL in one half of the first two octets: TOML begins with ASCII.
fn utf_16(octets: &[u8]) -> Option<&'static str> {
    match octets {
        [0xFF, 0xFE, ..] | [1..=0x7F, 0, ..] => Some("UTF-16 (little endian)"),
        [0xFE, 0xFF, ..] | [0, 1..=0x7F, ..] => Some("UTF-16 (big endian)"),
        _ => None,
    }
}

fn not_utf_8(octets: &[u8], at: usize) -> Text {
    let line = octets.iter().take(at).filter(|octet| **octet == b'\n').count() + 1;
    let wrong = octets.get(at..=at).unwrap_or_default();
    let value = wrong.first().copied().unwrap_or_default();
    let (letter, _, _) = encoding_rs::WINDOWS_1252.decode(wrong);
    text!(
        "line {line}: not UTF-8; it looks like Windows-1252 or ISO-8859-1 (octet {value:02X} would be `{letter}`); save it as UTF-8",
        "linha {line}: não é UTF-8; parece Windows-1252 ou ISO-8859-1 (o octeto {value:02X} seria `{letter}`); salve em UTF-8"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf_8_is_taken_with_or_without_a_mark_and_with_any_line_end() {
        for (octets, expected) in [
            (&b"id = 1\r\n"[..], "id = 1\r\n"),
            (b"\xEF\xBB\xBFid = 1\n", "id = 1\n"),
            ("ação".as_bytes(), "ação"),
            (b"", ""),
            (b"a", "a"),
        ] {
            assert_eq!(text_of(octets).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn another_encoding_is_named_with_the_line_where_it_shows() {
        let rows: [(&[u8], &[&str]); 5] = [
            (b"\xFF\xFEi\0d\0", &["line 1", "UTF-16 (little endian)"]),
            (b"i\0d\0", &["UTF-16 (little endian)"]),
            (b"\0i\0d", &["UTF-16 (big endian)"]),
            (b"a = 1\nb = \"cobran\xE7a\"\n", &["line 2", "Windows-1252", "octet E7 would be `ç`"]),
            (b"a\n\n\xC3", &["line 3", "not UTF-8"]),
        ];
        for (octets, parts) in rows {
            let said = text_of(octets).unwrap_err().en;
            for part in parts {
                assert!(said.contains(part), "{said:?} lacks {part:?}");
            }
        }
    }

    #[test]
    fn the_largest_file_is_taken_and_one_octet_more_is_not() {
        assert!(text_of(&vec![b' '; MAX_FILE]).is_ok());
        assert!(text_of(&vec![b' '; MAX_FILE + 1]).is_err());
    }
}
