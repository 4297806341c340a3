//! Which characters show nothing at all.

/// Whether a character is default-ignorable, a format character (Cf) or a control (Cc).
pub(super) fn is_invisible(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    let after = INVISIBLE.partition_point(|&(first, _)| first <= c);
    after.checked_sub(1).and_then(|at| INVISIBLE.get(at)).is_some_and(|&(_, last)| c <= last)
}

/// `Default_Ignorable_Code_Point`, general categories Cf and Cc, of Unicode 16.0, ascending. The reserved code points of the
/// property are in it: a mail reader shows nothing for them either.
const INVISIBLE: &[(char, char)] = &[
    ('\u{0000}', '\u{001f}'),   // C0 controls
    ('\u{007f}', '\u{009f}'),   // DEL, C1 controls
    ('\u{00ad}', '\u{00ad}'),   // soft hyphen
    ('\u{034f}', '\u{034f}'),   // combining grapheme joiner
    ('\u{0600}', '\u{0605}'),   // Arabic number signs
    ('\u{061c}', '\u{061c}'),   // Arabic letter mark
    ('\u{06dd}', '\u{06dd}'),   // Arabic end of ayah
    ('\u{070f}', '\u{070f}'),   // Syriac abbreviation mark
    ('\u{0890}', '\u{0891}'),   // Arabic pound and piastre mark above
    ('\u{08e2}', '\u{08e2}'),   // Arabic disputed end of ayah
    ('\u{115f}', '\u{1160}'),   // Hangul fillers
    ('\u{17b4}', '\u{17b5}'),   // Khmer inherent vowels
    ('\u{180b}', '\u{180f}'),   // Mongolian variation selectors, vowel separator
    ('\u{200b}', '\u{200f}'),   // zero-width space, joiners, directional marks
    ('\u{202a}', '\u{202e}'),   // bidirectional embeddings and overrides
    ('\u{2060}', '\u{206f}'),   // word joiner, invisible operators, isolates
    ('\u{3164}', '\u{3164}'),   // Hangul filler
    ('\u{fe00}', '\u{fe0f}'),   // variation selectors
    ('\u{feff}', '\u{feff}'),   // byte order mark
    ('\u{ffa0}', '\u{ffa0}'),   // half-width Hangul filler
    ('\u{fff0}', '\u{fffb}'),   // reserved, interlinear annotation
    ('\u{110bd}', '\u{110bd}'), // Kaithi number sign
    ('\u{110cd}', '\u{110cd}'), // Kaithi number sign above
    ('\u{13430}', '\u{1343f}'), // Egyptian hieroglyph joiners
    ('\u{1bca0}', '\u{1bca3}'), // shorthand format controls
    ('\u{1d173}', '\u{1d17a}'), // musical symbol controls
    ('\u{e0000}', '\u{e0fff}'), // tags, variation selectors supplement
];

#[cfg(test)]
mod tests {
    use super::*;

    /// A second reading of the property: the tables of the regex crate.
    #[test]
    fn the_table_is_the_property() {
        let property = regex::Regex::new(r"^[\p{Default_Ignorable_Code_Point}\p{Cf}\p{Cc}]$").unwrap();
        let mut text = [0; 4];
        for c in '\0'..=char::MAX {
            assert_eq!(is_invisible(c), property.is_match(c.encode_utf8(&mut text)), "U+{:04X}", c as u32);
        }
    }
}
