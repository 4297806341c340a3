//! The lines between the parts of a multipart (RFC 2046 §5.1.1).

/// What a delimiter line does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delimiter {
    /// Another part begins behind it.
    Opens,
    /// It was the last part.
    Closes,
}

/// Whether `line` (with or without its CRLF) is a delimiter of `boundary`: `--`, the boundary, perhaps `--`, then nothing but white
/// space. RFC 2046 also lets a reader be content with the beginning of the line; see [`resembles`].
pub fn delimiter(line: &[u8], boundary: &[u8]) -> Option<Delimiter> {
    let behind = line.strip_prefix(b"--")?.strip_prefix(boundary)?;
    if is_blank(behind) {
        return Some(Delimiter::Opens);
    }
    is_blank(behind.strip_prefix(b"--")?).then_some(Delimiter::Closes)
}

/// Whether `line` begins as a delimiter of `boundary` does, in any case of letters, and is none. A reader that compares only the
/// beginning (which RFC 2046 §5.1.1 calls sufficient), or without case, ends a part there.
pub fn resembles(line: &[u8], boundary: &[u8]) -> bool {
    let beginning = line.strip_prefix(b"--").and_then(|behind| behind.get(..boundary.len()));
    beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(boundary)) && delimiter(line, boundary).is_none()
}

fn is_blank(octets: &[u8]) -> bool {
    octets.iter().all(|octet| matches!(octet, b' ' | b'\t' | b'\r' | b'\n'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delimiter_is_the_whole_line() {
        use Delimiter::{Closes, Opens};
        for (line, expected, resembling) in [
            ("--b", Some(Opens), false),
            ("--b \t\r\n", Some(Opens), false),
            ("--b--", Some(Closes), false),
            ("--b-- \r\n", Some(Closes), false),
            ("--b2\r\n", None, true),
            ("--b-", None, true),
            ("--b --", None, true),
            ("--b--x", None, true),
            ("--B", None, true),
            (" --b", None, false),
            ("-b", None, false),
            ("--", None, false),
            ("--c", None, false),
            ("", None, false),
        ] {
            assert_eq!(delimiter(line.as_bytes(), b"b"), expected, "{line:?}");
            assert_eq!(resembles(line.as_bytes(), b"b"), resembling, "{line:?}");
        }
    }
}
