//! Characters that came into a pattern by pasting it from a spam: invisible ones, and letters of another script among Latin
//! ones. Nobody types `bоleto` with a Cyrillic `о`, and nobody sees it either.

use crate::message::{fold::Script, subject::Fold};

/// A character that nobody typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pasted {
    /// Its octet in the pattern.
    pub at: usize,
    /// It.
    pub character: char,
    /// None: of none that has look-alikes.
    pub script: Option<Script>,
    /// How it deceives.
    pub trick: Trick,
}

/// How a character deceives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trick {
    /// Nobody sees it.
    Invisible,
    /// It is in the table of look-alikes. `typed`: the pattern without such letters.
    LooksLatin {
        /// Nothing else of it is changed.
        typed: String,
    },
    /// A Latin word has no such letter.
    AmongLatin,
}

/// The first invisible character, or else the first letter that only looks Latin, or else the first of another script in a word
/// that has Latin letters too. A word wholly in another script is meant as it is.
pub(super) fn first(pattern: &str, fold: &Fold) -> Option<Pasted> {
    let found = |(at, character), trick| Pasted { at, character, script: Script::of(character), trick };
    if let Some(invisible) = invisible(pattern) {
        return Some(found(invisible, Trick::Invisible));
    }
    let looks_latin = fold.typed(pattern).map(|(at, typed)| (at, Trick::LooksLatin { typed }));
    let character = |at| pattern.get(at..)?.chars().next();
    match looks_latin {
        Some((at, trick)) => Some(found((at, character(at)?), trick)),
        None => stranger(pattern).map(|stranger| found(stranger, Trick::AmongLatin)),
    }
}

/// The first letter of another script in a word that has Latin letters too: its octet in `text`, and itself.
fn stranger(text: &str) -> Option<(usize, char)> {
    let mut rest = text;
    let mut start = 0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_alphanumeric() && !unicode_normalization::char::is_combining_mark(c));
        let (word, behind) = rest.split_at_checked(end.unwrap_or(rest.len()))?;
        let stranger = word.char_indices().find(|(_, c)| c.is_alphabetic() && Script::of(*c).is_some());
        if let Some((at, c)) = stranger.filter(|_| word.chars().any(is_latin)) {
            return Some((start + at, c));
        }
        let step = behind.chars().next().map_or(0, char::len_utf8);
        start += word.len() + step;
        rest = behind.get(step..)?;
    }
    None
}

/// By Unicode block. Full-width forms are Latin: the fold makes plain letters of them.
fn is_latin(c: char) -> bool {
    c.is_alphabetic() && matches!(c, '\0'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' | '\u{ff21}'..='\u{ff5a}')
}

/// The first invisible character that the fold drops: its octet in `text`, and itself.
fn invisible(text: &str) -> Option<(usize, char)> {
    let drops = Fold { invisible: true, ..Fold::default() };
    let keeps = Fold { invisible: false, ..Fold::default() };
    let seen = |fold: &Fold, c: char| fold.pattern(&format!("x{c}x"));
    text.char_indices().find(|(_, c)| !c.is_ascii_graphic() && *c != ' ' && seen(&drops, *c) != seen(&keeps, *c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_of_another_script_among_latin_ones_is_found() {
        for (text, expected) in [
            ("b\u{43e}leto", Some((1, '\u{43e}'))),
            ("o b\u{3bf}leto", Some((3, '\u{3bf}'))),
            ("\u{412}oleto", Some((0, '\u{412}'))),
            ("ação bol\u{585}to", Some((10, '\u{585}'))),
            ("boщleto", Some((2, 'щ'))),
            ("boleto", None),
            ("счёт boleto", None),
            ("счёт", None),
            ("ｂｏleto", None),
            ("2ª via", None),
            ("", None),
            ("µ", None),
        ] {
            assert_eq!(stranger(text), expected, "{text}");
        }
    }

    /// What looks Latin is told with what is meant, whatever the rule folds; in what is no look-alike nothing is meant.
    #[test]
    fn what_only_looks_latin_is_told_with_what_was_meant() {
        let plainly = Fold { lookalikes: false, ..Fold::default() };
        for (text, expected) in [
            ("2ª via do Bоletо", Some((12, 'о', Some(Script::Cyrillic), "2ª via do Boleto"))),
            ("счёт bоleto", Some((10, 'о', Some(Script::Cyrillic), "счёт boleto"))),
            ("βоleto", Some((0, 'β', Some(Script::Greek), "boleto"))),
            ("boleto", None),
            ("тема", None),
            ("boщleto", None),
        ] {
            for fold in [&Fold::default(), &plainly] {
                let looks_latin = first(text, fold).and_then(|found| match found.trick {
                    Trick::LooksLatin { typed } => Some((found.at, found.character, found.script, typed)),
                    _ => None,
                });
                let expected = expected.map(|(at, c, script, typed)| (at, c, script, typed.to_owned()));
                assert_eq!(looks_latin, expected, "{text}");
            }
        }
        assert_eq!(first("boщleto", &plainly).map(|found| found.trick), Some(Trick::AmongLatin));
        assert_eq!(first("bо\u{200b}leto", &plainly).map(|found| found.trick), Some(Trick::Invisible));
    }

    #[test]
    fn an_invisible_character_is_found() {
        for (text, expected) in [
            ("bo\u{200b}leto", Some((2, '\u{200b}'))),
            ("bo\u{ad}leto", Some((2, '\u{ad}'))),
            ("a\u{8}", Some((1, '\u{8}'))),
            ("ação ２ª\u{a0}via", None),
            ("boleto", None),
        ] {
            assert_eq!(invisible(text), expected, "{text:?}");
        }
    }
}
