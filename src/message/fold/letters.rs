//! Letters under their diacritics.

use std::sync::LazyLock;

use regex_syntax::hir::{Class, HirKind};

/// Whether a character is a nonspacing or enclosing mark (Mn, Me). Spacing marks (Mc) stay: in the scripts of India they are
/// vowels, with a width of their own.
pub(super) fn is_mark(c: char) -> bool {
    let after = MARKS.partition_point(|&(first, _)| first <= c);
    after.checked_sub(1).and_then(|at| MARKS.get(at)).is_some_and(|&(_, last)| c <= last)
}

/// The letter that a letter with a stroke is written on, where Unicode has no decomposition for NFD to find. None: any other.
///
/// To the eye a stroke is a diacritic as any other, so a subject that writes `bøleto` must not pass a rule for `boleto`; and a
/// rule for `Łukasz` must find `Lukasz`. `æ` and `œ` are here because they are ligatures that NFKC, too, leaves alone. `þ` and
/// `ŋ` are not here: they are letters of their own, and no base letter is seen in them. `ð` is, for its capital looks exactly
/// like the one of `đ`.
pub(super) fn base(c: char) -> Option<&'static str> {
    Some(match c {
        'æ' => "ae",
        'Æ' => "AE",
        'œ' => "oe",
        'Œ' => "OE",
        'ⱥ' => "a",
        'Ⱥ' => "A",
        'ƀ' => "b",
        'Ƀ' => "B",
        'ȼ' => "c",
        'Ȼ' => "C",
        'đ' | 'ð' => "d",
        'Đ' | 'Ð' => "D",
        'ɇ' => "e",
        'Ɇ' => "E",
        'ǥ' => "g",
        'Ǥ' => "G",
        'ħ' => "h",
        'Ħ' => "H",
        'ı' | 'ɨ' => "i", // the dotless i is an i without, not with, a diacritic: the same difference
        'Ɨ' => "I",
        'ȷ' | 'ɉ' => "j",
        'Ɉ' => "J",
        'ł' | 'ƚ' => "l",
        'Ł' | 'Ƚ' => "L",
        'ø' => "o",
        'Ø' => "O",
        'ɍ' => "r",
        'Ɍ' => "R",
        'ŧ' | 'ⱦ' => "t",
        'Ŧ' | 'Ⱦ' => "T",
        'ʉ' => "u",
        'Ʉ' => "U",
        'ɏ' => "y",
        'Ɏ' => "Y",
        'ƶ' => "z",
        'Ƶ' => "Z",
        _ => return None,
    })
}

/// The small form of a letter, as full case folding has it where lower case alone leaves two: `Σ` is the capital of both `ς` and
/// `σ`, and `SS` the one of `ß`.
pub(super) fn small(c: char) -> impl Iterator<Item = char> {
    let (small, second) = match c {
        'ς' => ('σ', None),
        'ß' | 'ẞ' => ('s', Some('s')),
        other => (other, None),
    };
    small.to_lowercase().chain(second)
}

/// From the tables that the rules' regular expressions use, so that `\p{Mn}` in a rule means the same. Ascending, disjoint.
static MARKS: LazyLock<Vec<(char, char)>> = LazyLock::new(|| {
    let class = regex_syntax::parse(r"[\p{Mn}\p{Me}]").map(regex_syntax::hir::Hir::into_kind);
    match class {
        Ok(HirKind::Class(Class::Unicode(class))) => class.iter().map(|range| (range.start(), range.end())).collect(),
        // Cannot be: the expression is constant and the tables are compiled in. The test below holds it.
        _ => Vec::new(),
    }
});

#[cfg(test)]
mod tests {
    use unicode_normalization::char::is_combining_mark;

    use super::*;

    #[test]
    fn marks_are_the_combining_marks_but_those_with_a_width() {
        assert!(is_mark('\u{301}') && is_mark('\u{327}') && is_mark('\u{20dd}') && is_mark('\u{94d}'));
        assert!(!is_mark('\u{903}') && !is_mark('a') && !is_mark('´'));
        // A second reading, of another crate's tables.
        for c in ('\0'..=char::MAX).filter(|&c| is_mark(c)) {
            assert!(is_combining_mark(c), "U+{:04X}", c as u32);
        }
        // The blocks of marks that go with any letter.
        let blocks =
            [('\u{300}', '\u{36f}'), ('\u{1dc0}', '\u{1dff}'), ('\u{20d0}', '\u{20f0}'), ('\u{fe20}', '\u{fe2f}')];
        for c in blocks.into_iter().flat_map(|(first, last)| first..=last) {
            assert!(is_mark(c), "U+{:04X}", c as u32);
        }
    }

    #[test]
    fn capitals_have_the_capital_of_the_same_base() {
        for c in ('\u{80}'..='\u{2fff}').filter(|c| c.is_uppercase()) {
            let lower: String = c.to_lowercase().collect();
            let mut characters = lower.chars();
            let (Some(small), None) = (characters.next(), characters.next()) else { continue };
            assert_eq!(base(c).map(str::to_lowercase).as_deref(), base(small), "{c}");
        }
    }
}
