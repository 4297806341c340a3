//! Text that came from outside, for a terminal: nothing in it acts, nothing in it hides (promise 9).
//!
//! A subject may carry an escape sequence that rewrites the line above it, a line separator that fakes a row of a table, or a
//! direction mark that turns `gpj.exe` into `exe.jpg`. All of these are shown as `\u{…}`, in every output of the command line.

use std::{fmt::Write as _, ops::Range};

use unicode_width::UnicodeWidthStr;

use crate::language::acts_or_hides;
pub use crate::language::escape_json;

fn push(out: &mut String, c: char) {
    if acts_or_hides(c) {
        let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
    } else {
        out.push(c);
    }
}

/// `text` for a terminal, one line.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    text.chars().for_each(|c| push(&mut out, c));
    out
}

/// Octets for a terminal, one line: UTF-8 as text, the rest as `\x{…}`.
pub fn escape_octets(octets: &[u8]) -> String {
    let mut out = String::with_capacity(octets.len());
    for chunk in octets.utf8_chunks() {
        chunk.valid().chars().for_each(|c| push(&mut out, c));
        for octet in chunk.invalid() {
            let _ = write!(out, "\\x{{{octet:02x}}}");
        }
    }
    out
}

/// `text` for a terminal, and below it carets under the octets `span`, at least one. A span that is not in the text marks its end.
pub fn with_carets(text: &str, span: Range<usize>) -> (String, String) {
    let start = text.floor_char_boundary(span.start.min(text.len()));
    let end = text.ceil_char_boundary(span.end.min(text.len())).max(start);
    let before = width(&escape(text.get(..start).unwrap_or_default()));
    let marked = width(&escape(text.get(start..end).unwrap_or_default()));
    (escape(text), " ".repeat(before) + &"^".repeat(marked.max(1)))
}

/// Columns that an escaped text takes in a terminal: an accent as a combining mark takes none, a CJK character two.
pub fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// An escaped text in exactly `columns`: filled with spaces, or cut with `…`.
pub fn fit(text: &str, columns: usize) -> String {
    let taken = width(text);
    if taken <= columns {
        return text.to_owned() + &" ".repeat(columns - taken);
    }
    let mut out = String::new();
    // Two characters may take more columns than each alone (a heart and U+FE0F) or fewer (lam and alef): they are measured in pairs.
    let (mut taken, mut before) = (0, None);
    for c in text.chars() {
        let pair: String = before.into_iter().chain([c]).collect();
        let alone = before.map_or(0, |before: char| width(before.encode_utf8(&mut [0; 4])));
        let after = (taken + width(&pair)).saturating_sub(alone);
        if after >= columns {
            break;
        }
        (taken, before) = (after, Some(c));
        out.push(c);
    }
    // Three may still take fewer than their pairs say (lam, a mark, alef): what is put out is measured as it is.
    while width(&out) >= columns && out.pop().is_some() {}
    let filled = width(&out).saturating_add(1);
    out.push('…');
    out + &" ".repeat(columns.saturating_sub(filled))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nothing acts: controls, CSI in one character, separators, direction overrides, tags, invisible characters.
    #[test]
    fn nothing_acts_or_hides() {
        for (text, shown) in [
            ("Ação nº 2 — ção", "Ação nº 2 — ção"),
            ("a\u{1b}[2Jb\r\n\t\0\u{7f}", "a\\u{1b}[2Jb\\u{d}\\u{a}\\u{9}\\u{0}\\u{7f}"),
            ("\u{9b}31m\u{85}", "\\u{9b}31m\\u{85}"),
            ("a\u{2028}b\u{2029}", "a\\u{2028}b\\u{2029}"),
            ("\u{202e}gpj.exe\u{2066}\u{200f}\u{61c}", "\\u{202e}gpj.exe\\u{2066}\\u{200f}\\u{61c}"),
            ("bo\u{200b}le\u{ad}to\u{feff}\u{e0041}", "bo\\u{200b}le\\u{ad}to\\u{feff}\\u{e0041}"),
        ] {
            assert_eq!(escape(text), shown);
            assert_eq!(escape_octets(text.as_bytes()), shown);
        }
        assert_eq!(escape_octets(b"a\xe7\xe3o\xff"), "a\\x{e7}\\x{e3}o\\x{ff}");
    }

    /// Escaped JSON is the same JSON, and has no such character either.
    #[test]
    fn json_stays_the_same_json() {
        let value = serde_json::json!({"s": "a\u{9b}\u{202e}\u{e0041}ç\u{1b}\"\\"});
        let escaped = escape_json(&value.to_string());
        assert!(!escaped.chars().any(acts_or_hides));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&escaped).unwrap(), value);
    }

    /// Carets stand under what matched, whatever stands before it and however wrong the span is.
    #[test]
    fn carets_stand_under_the_match() {
        for (text, span, carets) in [
            ("boleto vencido", 7..14, "       ^^^^^^^"),
            ("ação vencida", 7..14, "     ^^^^^^^"),
            ("a\u{1b}b", 2..3, "       ^"),
            ("日本 x", 7..8, "     ^"),
            ("abc", 1..1, " ^"),
            ("ç", 1..1, "^"),
            ("abc", 9..12, "   ^"),
        ] {
            let (_, below) = with_carets(text, span.clone());
            assert_eq!(below, carets, "{text:?} {span:?}");
        }
    }

    /// A cell is as wide as its column, accents and wide characters counted as they are shown.
    #[test]
    fn cells_are_as_wide_as_their_column() {
        for (text, cell) in [
            ("ação", "ação  "),
            ("ac\u{327}a\u{303}o", "ac\u{327}a\u{303}o  "),
            ("boletos", "bolet…"),
            ("日本語", "日本語"),
            ("日本語日", "日本… "),
            // A heart is one column, an emoji presentation selector behind it makes it two.
            ("❤\u{fe0f}❤\u{fe0f}❤\u{fe0f}❤\u{fe0f}", "❤\u{fe0f}❤\u{fe0f}❤…"),
            // Lam and alef are one column, also with a mark between them.
            ("abc\u{644}\u{616}\u{623}defg", "abc\u{644}\u{616}\u{623}… "),
            ("", "      "),
        ] {
            assert_eq!(fit(text, 6), cell);
            assert_eq!(width(cell), 6, "{cell}");
        }
    }
}
